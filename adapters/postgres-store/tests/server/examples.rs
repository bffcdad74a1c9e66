//! The example does what it says.

use std::time::Duration;

use crate::common::shared;

#[path = "../../examples/fleet_over_postgres.rs"]
#[expect(dead_code, reason = "its `main` takes arguments")]
mod fleet;

#[test]
fn a_fleet_logs_in_once_and_no_call_is_refused() {
    let Some(server) = shared() else {
        return;
    };
    let time = Duration::from_secs(6);
    let counted = fleet::run(&server.url("postgres", "postgres"), time).expect("a fleet");
    assert_eq!(counted.passwords_received, 1);
    assert_eq!(counted.refreshes_received, counted.refreshes_accepted);
    assert!(counted.refreshes_accepted > 0);
    assert_eq!(counted.target_unauthorized, 0);
}
