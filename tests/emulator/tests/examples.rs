//! The example does what it says.

#[path = "../examples/faults.rs"]
mod faults;

#[test]
fn a_program_gets_through_the_faults_of_the_example() {
    faults::main().expect("each position arrives");
}
