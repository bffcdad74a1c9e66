//! The examples do what they say.

#[path = "../examples/hyper.rs"]
mod over_hyper;

#[test]
fn a_client_over_hyper_is_written_in_a_few_lines() {
    over_hyper::main().expect("it stays logged in");
}
