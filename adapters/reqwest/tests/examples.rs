//! The examples do what they say.

#[path = "../examples/account_pool.rs"]
mod account_pool;
#[path = "../examples/axum_state.rs"]
mod axum_state;
#[cfg(feature = "tower")]
#[path = "../examples/tonic_channel.rs"]
mod tonic_channel;
#[cfg(feature = "tower")]
#[path = "../examples/tower_layer.rs"]
mod tower_layer;

#[test]
fn an_account_that_is_refused_leaves_the_others_of_its_pool_at_work() {
    account_pool::main().expect("the others push");
}

#[test]
fn a_service_says_when_to_come_back_while_there_is_no_token() {
    axum_state::main().expect("it answers");
}

#[cfg(feature = "tower")]
#[test]
fn a_layer_gives_each_call_of_a_service_its_token() {
    tower_layer::main().expect("all calls are done");
}

#[cfg(feature = "tower")]
#[test]
fn a_call_of_grpc_that_is_unauthenticated_ends_its_token() {
    tonic_channel::main().expect("the call after it has a new one");
}
