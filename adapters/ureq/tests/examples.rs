//! The examples do what they say.

#[path = "../examples/password_file.rs"]
mod password_file;
#[path = "../examples/websocket/main.rs"]
mod websocket;

#[test]
fn a_password_is_changed_in_its_file_and_nothing_is_restarted() {
    password_file::main().expect("it goes on with the new one");
}

#[test]
fn a_websocket_goes_on_through_revocations_and_an_outage() {
    websocket::main().expect("it has received all");
}
