//! The examples do what they say.

#[path = "../../examples/shared_session.rs"]
mod shared_session;
#[path = "../../examples/short_runs.rs"]
mod short_runs;

#[test]
fn two_programs_share_a_session_as_the_example_shows() {
    shared_session::main().expect("both push");
}

#[test]
fn three_runs_log_in_once_as_the_example_shows() {
    short_runs::main().expect("each pushes");
}
