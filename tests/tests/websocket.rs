//! The example of the same name: a WebSocket goes on through revocations and an outage, without a hot loop.

#[path = "../examples/websocket/main.rs"]
mod example;

#[test]
fn a_websocket_goes_on_through_revocations_and_an_outage() {
    example::main().expect("it has received all");
}
