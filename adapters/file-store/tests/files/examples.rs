//! The example does what it says.

#[path = "../../examples/session_file.rs"]
mod session_file;

#[test]
fn a_session_file_is_waited_for_and_refused_as_the_example_shows() {
    session_file::main().expect("it shows it");
}
