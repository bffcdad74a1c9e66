//! The example does what it says.

#[path = "../examples/own_store.rs"]
mod own_store;

#[test]
fn the_store_of_the_example_keeps_the_contract() {
    own_store::main();
}
