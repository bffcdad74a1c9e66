//! What never comes back costs one thread, and nobody more than a wait.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use http::StatusCode;
use simacan_auth_driver::simacan_auth::{Credentials, Denied, Event, Provider};
use simacan_auth_driver::{Driver, Error, block_on};
use simacan_auth_emulator::Emulator;
use simacan_auth_testkit::{MemoryStore, StoreFault, StoreStep};

use crate::emulated::{Gate, REFRESH_IS_DUE, World, ask, count, eventually, has_tokens, settle};

/// Those who have a good token don't notice; who has none is told in time.
#[test]
fn i16_an_auth_server_that_hangs_holds_up_no_good_token() {
    let (world, gate) = (World::new(), Gate::default());
    let driver = world.settings().build(world.exchange_behind(&gate));
    world.assert_sent(&driver);
    settle(&driver);
    gate.close();
    world.skip(REFRESH_IS_DUE);
    for _ in 0..50 {
        world.assert_sent(&driver); // no time goes by
    }
    eventually("the refresh is on its way", || gate.waiting() == 1);
    world.skip(3600 - REFRESH_IS_DUE); // it has expired
    let waiting = world.sending(&driver);
    world.pass_until("who has none is told", || waiting.is_finished());
    match waiting.join().unwrap() {
        Err(Error::TimedOut { .. } | Error::Denied(Denied::Unavailable { .. })) => {}
        other => panic!("{other:?}"),
    }
    gate.open();
    world.pass_until_sent(&driver);
}

/// The exchange hangs with the store's lock, for longer than it may: the lock is let go.
#[test]
fn an_exchange_that_hangs_keeps_no_lock() {
    let (world, gate, store) = (World::new(), Gate::closed(), MemoryStore::new());
    let hanging = world
        .settings()
        .store(store.clone())
        .build(world.exchange_behind(&gate));
    let caller = world.sending(&hanging);
    eventually("it hangs", || gate.waiting() == 1);
    assert!(store.holder().is_some());
    world.pass_until("the lock is let go", || store.holder().is_none());
    let other = world
        .settings()
        .store(store.clone())
        .build(world.exchange());
    world.assert_sent(&other);
    gate.open();
    // As soon as it is tried again: the tokens are there.
    world.pass_until("the caller is answered", || caller.is_finished());
    drop(caller.join().unwrap());
    world.pass_until_sent(&hanging);
    // The one that hung, and the other's; a slow machine lets the first be tried again before.
    let counters = world.counters();
    assert!(counters.passwords_received <= 3, "{counters:?}");
    assert_eq!(counters.refreshes_received, 0);
}

/// There is no thread to let go of the lock in. It is not dropped under the driver's own, where all would wait
/// for it: the next carrier lets go of it.
#[test]
fn a_lock_is_let_go_once_there_is_a_thread() {
    let (world, gate, store) = (World::new(), Gate::closed(), MemoryStore::new());
    let driver = world
        .settings()
        .store(store.clone())
        .build(world.exchange_behind(&gate));
    let caller = world.sending(&driver);
    eventually("it hangs", || gate.waiting() == 1);
    world.give_no_threads(true);
    world.pass_until("the caller is told", || caller.is_finished());
    let error = caller.join().unwrap().expect_err("there is no token");
    assert!(matches!(error, Error::NoThread(_)), "{error:?}");
    assert!(store.holder().is_some());
    world.give_no_threads(false);
    world.pass_until("the lock is let go", || {
        count(&store, StoreStep::Unlock) > 0
    });
    gate.open();
    world.pass_until_sent(&driver);
}

/// It costs one thread, however often it is wanted, and it is used again as soon as it comes back.
#[test]
fn a_store_that_hangs_costs_one_thread() {
    use StoreStep::{Load, Lock, Save, Unlock};
    for hanging in [Lock, Load, Save, Unlock] {
        let (world, store) = (World::new(), MemoryStore::new());
        store.script_always(hanging, StoreFault::Hangs);
        let driver = world
            .settings()
            .store(store.clone())
            .build(world.exchange());
        for _ in 0..3 {
            let caller = world.sending(&driver);
            world.pass_until("a caller is answered", || caller.is_finished());
            drop(caller.join().unwrap());
            world.skip(400); // any cool-down is over
        }
        assert_eq!(store.hanging(), 1, "{hanging:?}");
        store.clear_script();
        store.release();
        eventually("it is free", || store.holder().is_none());
        world.pass_until_sent(&driver);
        world.pass_until("it is used again", || has_tokens(&store));
        settle(&driver);
    }
}

/// It is told of what is about to be sent, and never returns: other processes are not kept out for that.
#[test]
fn a_callback_that_hangs_keeps_no_lock() {
    let (world, gate, store) = (World::new(), Gate::closed(), MemoryStore::new());
    let settings = world.settings().store(store.clone()).on_event({
        let gate = gate.clone();
        move |_| gate.pass()
    });
    let hanging = settings.build(world.exchange());
    let caller = world.sending(&hanging);
    eventually("it hangs", || gate.waiting() == 1);
    world.pass_until("the caller is answered", || caller.is_finished());
    drop(caller.join().unwrap());
    world.pass_until("the lock is let go", || store.holder().is_none());
    gate.open();
}

/// It costs one thread and its events, and no session.
#[test]
fn a_callback_that_hangs_costs_one_thread() {
    let (world, gate) = (World::new(), Gate::closed());
    let settings = world.settings().on_event({
        let gate = gate.clone();
        move |_| gate.pass()
    });
    let driver = settings.build(world.exchange());
    for n in 0..3 {
        let caller = world.sending(&driver);
        world.pass_until("a caller is served", || caller.is_finished());
        assert_eq!(caller.join().unwrap().unwrap(), StatusCode::OK);
        assert_eq!(gate.waiting(), 1);
        world.assert_exchanges(1, n);
        world.emulate(Emulator::revoke_access_tokens);
    }
    gate.open();
    world.assert_sent(&driver);
}

/// The refresh is refused, so the password is due at once: a visit follows on the one whose unlock has failed.
#[test]
fn a_callback_that_hangs_over_a_failed_unlock_loses_no_job() {
    let (world, gate) = (World::new(), Gate::closed());
    let store = MemoryStore::new();
    store.script_always(StoreStep::Unlock, StoreFault::AnswerLost);
    let settings = world.settings().store(store).on_event({
        let (gate, refused) = (gate.clone(), AtomicBool::new(false));
        move |event| match event {
            Event::RefreshRefused => refused.store(true, Ordering::SeqCst),
            Event::UnlockFailed { .. } if refused.load(Ordering::SeqCst) => gate.pass(),
            _ => {}
        }
    });
    let driver = settings.build(world.exchange());
    world.assert_sent(&driver);
    settle(&driver);
    world.emulate(Emulator::revoke_access_tokens);
    world.emulate(Emulator::revoke_refresh_tokens);
    let caller = world.sending(&driver);
    eventually("it hangs", || gate.waiting() == 1);
    world.pass_until("the caller is answered", || caller.is_finished());
    drop(caller.join().unwrap());
    world.skip(400); // any cool-down is over
    let caller = world.sending(&driver);
    world.pass_until("the next is answered", || caller.is_finished());
    assert_eq!(caller.join().unwrap().unwrap(), StatusCode::OK);
    gate.open();
}

/// They are told by whoever comes next, in order.
#[test]
fn no_event_is_lost_with_a_carrier_that_hangs_in_the_store() {
    let (world, store) = (World::new(), MemoryStore::new());
    store.script(StoreStep::Unlock, StoreFault::Hangs);
    let settings = world.settings().store(store.clone());
    let driver = settings.build(world.exchange());
    let caller = world.sending(&driver);
    world.pass_until("the caller is served", || caller.is_finished());
    assert_eq!(caller.join().unwrap().unwrap(), StatusCode::OK);
    let settling = thread::spawn({
        let driver = driver.clone();
        move || block_on(driver.settle(Duration::from_secs(600)))
    });
    world.pass_until("it has settled", || settling.is_finished());
    let events = world.events.lock().unwrap().clone();
    assert!(
        matches!(
            &events[..],
            [
                Event::ExchangeStarted { .. },
                Event::ExchangeEnded { .. },
                Event::LoggedIn { .. }
            ]
        ),
        "{events:?}"
    );
    store.release();
}

/// Each of its operations takes longer than it may. Whoever is given up is inside until it has let go.
#[test]
fn a_store_that_is_slow_throughout_costs_one_thread() {
    let (world, store) = (World::new(), MemoryStore::new());
    store.script(StoreStep::Load, StoreFault::Hangs);
    store.script(StoreStep::Unlock, StoreFault::Hangs);
    let driver = world
        .settings()
        .token_timeout(Duration::from_secs(600))
        .store(store.clone())
        .build(world.exchange());
    let caller = world.sending(&driver);
    world.pass_until("the caller is answered", || caller.is_finished());
    drop(caller.join().unwrap());
    store.release();
    eventually("it is being unlocked", || {
        count(&store, StoreStep::Unlock) == 1
    });
    world.skip(400); // any cool-down is over
    let caller = world.sending(&driver);
    world.pass_until("the next is answered", || caller.is_finished());
    drop(caller.join().unwrap());
    assert_eq!(count(&store, StoreStep::Lock), 1);
    store.release();
    eventually("it is free", || store.holder().is_none());
    world.pass_until_sent(&driver);
}

/// Nothing of its own is in flight: its carrier waits for a thread.
#[test]
fn the_last_client_does_not_wait_for_a_thread() {
    let (world, gate) = (World::new(), Gate::closed());
    let hanging = || {
        let settings = world.settings().store(MemoryStore::new());
        settings.build(world.exchange_behind(&gate))
    };
    let busy: Vec<_> = (0..64).map(|_| hanging()).collect();
    busy.iter().for_each(ask);
    eventually("all their threads hang", || gate.waiting() == 64);
    let queued = hanging();
    ask(&queued);
    let dropping = thread::spawn(move || drop(queued));
    eventually("it is dropped", || dropping.is_finished());
    gate.open();
}

/// 600 sessions behind an auth server that hangs hold up neither a session at another, nor more threads than
/// their line has.
#[test]
fn sessions_behind_a_server_that_hangs_hold_up_no_other() {
    let (world, gate) = (World::new(), Gate::closed());
    let hanging: Vec<_> = (0..600)
        .map(|_| {
            let provider = Provider::simacan_staging();
            let settings = Driver::settings(provider, Credentials::new("u", "p"));
            let settings = settings.process(world.process.clone());
            settings.build(world.exchange_behind(&gate))
        })
        .collect();
    hanging.iter().for_each(ask);
    eventually("all their threads hang", || gate.waiting() == 64);
    world.assert_sent(&world.driver());
    assert_eq!(gate.waiting(), 64);
    gate.open();
    eventually("all are served", || {
        world.counters().passwords_received == 601
    });
    drop(hanging);
    let rejected = |event: &Event| matches!(event, Event::RoundFailed { .. });
    assert_eq!(world.count(rejected), 0);
}

/// A line has 64 threads. Those that hang are given up, and their places are others'.
#[test]
fn sessions_that_hang_starve_no_other_of_their_auth_host() {
    let (world, gate) = (World::new(), Gate::closed());
    let hanging: Vec<_> = (0..64)
        .map(|_| {
            let gate = gate.clone();
            let settings = world.settings().on_event(move |_| gate.pass());
            settings.build(world.exchange())
        })
        .collect();
    let callers: Vec<_> = hanging.iter().map(|driver| world.sending(driver)).collect();
    eventually("all hang", || gate.waiting() == 64);
    let other = world.driver();
    let caller = world.sending(&other);
    world.pass_until("another is served", || caller.is_finished());
    caller.join().unwrap().expect("a token");
    gate.open();
    for caller in callers {
        world.pass_until("each is answered", || caller.is_finished());
    }
    for driver in &hanging {
        world.pass_until_sent(driver);
    }
}
