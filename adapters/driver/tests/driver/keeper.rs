//! The time-keeper, and what is done without anybody who asks.

use crate::store::Store;
use crate::world::{Gate, REFRESH_IS_DUE, World, eventually};

/// Nobody asks any more. What hangs is given up all the same, and the lock let go.
#[test]
fn who_stays_logged_in_gives_up_what_hangs() {
    let (world, gate, store) = (World::new(), Gate::default(), Store::new(|_| Ok(())));
    let settings = world.settings().store(store.clone()).stay_logged_in();
    let driver = settings.build({
        let (gate, exchange) = (gate.clone(), world.exchange());
        move |request| {
            gate.pass();
            exchange(request)
        }
    });
    world.assert_sent(&driver);
    world.settle(&driver);
    gate.close();
    world.skip(REFRESH_IS_DUE);
    eventually("the refresh hangs", || gate.waiting() == 1);
    assert!(store.is_held());
    world.pass_until("it is tried again", || gate.waiting() == 2);
    gate.open();
    world.pass_until("it has a new token", || {
        world.counters().refreshes_received > 0 && !store.is_held()
    });
}
