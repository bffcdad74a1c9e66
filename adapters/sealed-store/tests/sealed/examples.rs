//! The example does what it says.

#[path = "../../examples/change_key.rs"]
mod change_key;

#[test]
fn a_key_is_changed_as_the_example_shows() {
    change_key::main().expect("each step goes through");
}
