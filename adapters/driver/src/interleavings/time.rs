//! Time goes by, and the time-keeper sees to what takes too long.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use shuttle::sync::{Condvar, Mutex};
use simacan_auth::Config;

use super::explore_fairly;
use super::world::{Keeper, assert_sent_or, end, store};
use crate::Error;
use crate::sync::block_on;

/// The exchange takes longer than it may, with the store's lock: it is given up, others go on, and what it
/// brings in the end changes nothing.
#[test]
fn i6_what_is_given_up_is_reported_for_it_and_changes_nothing_later() {
    explore_fairly(|world| {
        let store = store();
        let gate = Arc::new((Mutex::new(true), Condvar::new()));
        let (is_first, exchange) = (AtomicBool::new(true), world.exchange());
        // Others may be given up, too: it is the scenario that says how fast time goes by.
        let mut config = Config::default();
        (config.attempts, config.free_logins) = (100, 100);
        let settings = world.settings_with("p", config).store(store.clone());
        let settings = settings.exchange_timeout(Duration::from_secs(1));
        let settings = settings.token_timeout(Duration::MAX);
        let driver = settings.build({
            let gate = gate.clone();
            move |request| {
                let answer = exchange(request);
                if is_first.swap(false, Ordering::Relaxed) {
                    let is_closed = gate.0.lock().expect("no panic");
                    let opened = gate.1.wait_while(is_closed, |is_closed| *is_closed);
                    drop(opened.expect("no panic"));
                }
                answer
            }
        });
        let keeper = Keeper::start(&world, 10);
        world.assert_sent(&driver, 2);
        *gate.0.lock().expect("no panic") = false;
        gate.1.notify_all();
        world.assert_sent(&driver, 2);
        // The answer of the first login was thrown away.
        assert!(world.counters().passwords_received >= 2);
        assert_eq!(world.counters().refreshes_received, 0);
        assert!(block_on(driver.settle(Duration::MAX)));
        assert_eq!(store.holder(), None);
        keeper.end();
    });
}

/// No thread is to be had at first. Nothing is lost, and the next one tries again.
#[test]
fn i6_who_has_no_token_is_told_that_there_is_no_thread() {
    explore_fairly(|world| {
        let settings = world.settings("p").token_timeout(Duration::MAX);
        let driver = settings.build(world.exchange());
        world.system.refuses.store(2, Ordering::SeqCst);
        let callers = world.begin(&driver, 3);
        let keeper = Keeper::start(&world, 1);
        let answers = end(callers);
        keeper.end();
        assert_sent_or(answers, |error| matches!(error, Error::NoThread(_)));
        world.system.refuses.store(0, Ordering::SeqCst);
        world.assert_sent(&driver, 2);
        world.assert_exchanges(1, 0);
    });
}
