//! The example does what it says.

#[path = "../examples/without_socket.rs"]
mod without_socket;

#[test]
fn a_token_expires_and_an_answer_gets_lost_without_a_socket() {
    without_socket::main().expect("the platform answers");
}
