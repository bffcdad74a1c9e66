//! The example of the same name, with fewer sessions. It counts the threads of its process, so it has one of
//! its own.

use std::time::Duration;

#[path = "../examples/sessions.rs"]
mod example;

#[test]
fn sessions_cost_little_memory_and_share_their_threads() {
    let millis = Duration::from_millis;
    let scale = example::Scale {
        kept_alive: 200,
        token_life: millis(1000),
        look: millis(100),
        due_together: 500,
        due_after: millis(600),
        hung_up: 100,
    };
    example::run(&scale).expect("all is within the bounds");
}
