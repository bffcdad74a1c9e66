//! The examples do what they say.

#[path = "../examples/faults.rs"]
mod faults;
#[path = "../examples/password_file.rs"]
mod password_file;
#[path = "../examples/shared_session.rs"]
mod shared_session;
#[path = "../examples/websocket/main.rs"]
mod websocket;

#[test]
fn a_program_gets_through_the_faults_of_the_emulator() {
    faults::main().expect("each position arrives");
}

#[test]
fn two_programs_share_a_session() {
    shared_session::main().expect("both push");
}

#[test]
fn a_password_is_changed_in_its_file_and_nothing_is_restarted() {
    password_file::main().expect("it goes on with the new one");
}

#[test]
fn a_websocket_goes_on_through_revocations_and_an_outage() {
    websocket::main().expect("it has received all");
}
