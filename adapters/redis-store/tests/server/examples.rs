//! The example does what it says.

use std::time::Duration;

use simacan_auth_servers::Redis;

#[path = "../../examples/fleet_over_redis.rs"]
#[expect(dead_code, reason = "its `main` takes arguments")]
mod fleet;

#[test]
fn a_fleet_logs_in_once_and_no_call_is_refused() {
    let Some(server) = Redis::start(&[]) else {
        return;
    };
    let time = Duration::from_secs(6);
    let counted = fleet::run(&server.url(), time).expect("a fleet");
    assert_eq!(counted.passwords_received, 1);
    assert_eq!(counted.refreshes_received, counted.refreshes_accepted);
    assert!(counted.refreshes_accepted > 0);
    assert_eq!(counted.target_unauthorized, 0);
}
