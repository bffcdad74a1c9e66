//! The examples do what they say.

#[path = "../examples/hyper.rs"]
mod over_hyper;
#[path = "../examples/smol.rs"]
mod over_smol;

#[test]
fn a_client_over_hyper_is_written_in_a_few_lines() {
    over_hyper::main().expect("it stays logged in");
}

#[test]
fn a_hundred_callers_on_smol_share_a_session_that_outlives_the_program() {
    over_smol::main().expect("they stay logged in");
}
