//! What is in a store is whole and nobody's when a driver is done with it.

use std::time::Duration;

use shuttle::{future, thread};
use simacan_auth_emulator::Emulator;

use super::explore;
use super::world::{assert_sent, end, store};
use crate::sync::block_on;

/// As two processes do.
#[test]
fn i3_i4_two_drivers_over_one_store_share_one_session() {
    explore(|world| {
        let store = store();
        let drivers = [0, 1].map(|n| world.over(&store.process(n)));
        for refreshes in 0..2 {
            let callers = drivers.each_ref().map(|driver| world.begin(driver, 2));
            for callers in callers {
                assert_sent(end(callers));
            }
            world.assert_exchanges(1, refreshes);
            world.with(Emulator::revoke_access_tokens);
        }
    });
}

/// What is in flight is saved, and the lock is free, before the last client is gone; nothing begins after it.
#[test]
fn i14_the_last_client_waits_for_what_is_in_flight() {
    explore(|world| {
        let store = store();
        let driver = world.over(&store);
        let caller = world.begin(&driver, 1);
        drop(driver);
        assert_sent(end(caller));
        assert_eq!(store.holder(), None);
        let next = world.over(&store);
        world.with(Emulator::revoke_access_tokens);
        let gone = future::spawn(world.clone().send(next));
        thread::yield_now();
        gone.abort();
        let _ = block_on(gone);
        world.assert_sent(&world.over(&store), 1);
        assert_eq!(world.counters().reuses, 0);
        assert_eq!(world.counters().passwords_received, 1);
    });
}

/// Whoever wants to know is told once all is saved.
#[test]
fn what_has_settled_is_saved() {
    explore(|world| {
        let store = store();
        let driver = world.over(&store);
        let caller = world.begin(&driver, 1);
        assert!(block_on(driver.settle(Duration::from_secs(1))));
        assert_sent(end(caller));
        assert!(block_on(driver.settle(Duration::from_secs(1))));
        assert_eq!(store.holder(), None);
    });
}
