//! Panics, calls from where nothing may wait, and threads that are not to be had.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use simacan_auth_driver::simacan_auth::{
    Credentials, Event, LockRequest, LockedStore, SessionStore, StoreFailure,
};
use simacan_auth_driver::{Driver, Error, block_on};
use simacan_auth_testkit::{MemoryStore, StoreFault, StoreStep};

use crate::emulated::{Gate, REFRESH_IS_DUE, World, eventually, has_tokens, settle};

fn panic_quietly() -> ! {
    std::panic::resume_unwind(Box::new("a panic of the test's"))
}

#[test]
fn a_panic_in_the_exchange_is_a_failed_attempt() {
    let (world, calls) = (World::new(), AtomicUsize::new(0));
    let exchange = world.exchange();
    let driver = world.settings().build(move |request| {
        if calls.fetch_add(1, Ordering::SeqCst) == 0 {
            panic_quietly();
        }
        exchange(request)
    });
    let caller = world.sending(&driver);
    world.pass_until("the caller is served", || caller.is_finished());
    caller.join().unwrap().unwrap();
    world.assert_exchanges(1, 0);
    let failed = |event: &Event| matches!(event, Event::AttemptFailed { .. });
    assert_eq!(world.count(failed), 1);
}

#[test]
fn a_panic_in_the_store_is_a_failed_attempt_and_keeps_no_lock() {
    use StoreStep::{Load, Lock, Renew, Save, Unlock};
    for unlucky in [Lock, Load, Save, Renew, Unlock] {
        let (world, store) = (World::new(), MemoryStore::new());
        store.script(unlucky, StoreFault::Panics);
        let driver = world
            .settings()
            .store(store.clone())
            .build(world.exchange());
        let caller = world.sending(&driver);
        world.pass_until("the caller is served", || caller.is_finished());
        caller.join().unwrap().unwrap();
        world.pass_until("it is saved", || {
            has_tokens(&store) && store.holder().is_none()
        });
        world.assert_exchanges(1, 0);
    }
}

#[test]
fn a_lock_that_is_not_given_free_is_an_event() {
    let (world, store) = (World::new(), MemoryStore::new());
    let away = StoreFailure::unreachable("the server is away");
    store.script(StoreStep::Unlock, StoreFault::Fails(away));
    let driver = world.settings().store(store).build(world.exchange());
    world.assert_sent(&driver);
    settle(&driver);
    let failed = |event: &Event| matches!(event, Event::UnlockFailed { .. });
    assert_eq!(world.count(failed), 1);
}

/// The lock that could not be renewed may be another's by now, so nothing is sent.
#[test]
fn an_exchange_whose_lock_is_lost_is_not_made() {
    let (world, store) = (World::new(), MemoryStore::new());
    store.script(StoreStep::Renew, None); // before it is saved that a password leaves
    store.script(StoreStep::Renew, StoreFault::LockLost);
    let driver = world.settings().store(store).build(world.exchange());
    let caller = world.sending(&driver);
    world.pass_until("the caller is served", || caller.is_finished());
    caller.join().unwrap().unwrap();
    world.assert_exchanges(1, 0);
}

/// Its answers come at once: a token if there is one, else an error.
#[test]
fn a_call_in_a_callback_waits_for_nothing() {
    let world = World::new();
    let itself = Arc::new(OnceLock::<Driver>::new());
    let answers = Arc::new(Mutex::new(Vec::new()));
    let settings = world.settings().on_event({
        let (itself, answers) = (itself.clone(), answers.clone());
        move |_| {
            let driver = itself.get().expect("it is set");
            let _ = driver.status();
            answers
                .lock()
                .unwrap()
                .push(block_on(driver.log_in()).err());
            assert!(!block_on(driver.settle(Duration::from_secs(1))));
        }
    });
    let driver = settings.build(world.exchange());
    assert!(itself.set(driver.clone()).is_ok());
    world.assert_sent(&driver);
    settle(&driver);
    let answers = answers.lock().unwrap();
    assert!(
        matches!(&answers[..], [Some(Error::InCallback), None, None]),
        "{answers:?}"
    );
}

/// The carrier has its own lock in hand, so to wait for its end would be to wait for ever.
#[test]
fn the_last_client_may_be_dropped_in_a_callback() {
    let (world, store) = (World::new(), MemoryStore::new());
    let last = Arc::new(Mutex::new(None::<Driver>));
    let settings = world.settings().store(store.clone()).on_event({
        let last = last.clone();
        move |event| {
            if matches!(event, Event::LoggedIn { .. }) {
                drop(last.lock().unwrap().take());
            }
        }
    });
    let driver = settings.build(world.exchange());
    *last.lock().unwrap() = Some(driver.clone());
    let caller = world.sending(&driver);
    drop(driver);
    caller.join().unwrap().unwrap();
    eventually("it has ended", || {
        last.lock().unwrap().is_none() && store.holder().is_none()
    });
    assert!(has_tokens(&store));
}

/// A callback may take as long as it likes: what an exchange has brought is saved before it is called.
#[test]
fn i14_what_is_in_flight_is_saved_before_anything_is_told() {
    let (world, gate, slow) = (World::new(), Gate::default(), Gate::default());
    let store = MemoryStore::new();
    let settings = world.settings().store(store.clone()).on_event({
        let slow = slow.clone();
        move |event| {
            if matches!(event, Event::CredentialsReplaced { .. }) {
                slow.pass();
            }
        }
    });
    let driver = settings.build({
        let (gate, exchange) = (gate.clone(), world.exchange());
        move |request| {
            let answer = exchange(request);
            gate.pass();
            answer
        }
    });
    world.assert_sent(&driver);
    settle(&driver);
    let before = store.record();
    gate.close();
    slow.close();
    world.skip(REFRESH_IS_DUE);
    world.assert_sent(&driver);
    eventually("its answer is there", || gate.waiting() == 1);
    driver.set_credentials(Credentials::new("u", "another one"));
    gate.open();
    eventually("a callback has been called", || slow.waiting() == 1);
    drop(driver);
    assert!(store.record() != before, "it is not saved");
    slow.open();
}

/// It is dropped by a carrier that is about to end.
#[test]
fn a_store_that_panics_when_it_is_dropped_holds_up_nobody() {
    struct Unlucky(MemoryStore);

    impl SessionStore for Unlucky {
        fn lock(&self, request: LockRequest) -> Result<Box<dyn LockedStore>, StoreFailure> {
            self.0.lock(request)
        }
    }

    impl Drop for Unlucky {
        fn drop(&mut self) {
            panic_quietly();
        }
    }

    let (world, gate) = (World::new(), Gate::default());
    let settings = world.settings();
    let driver = settings
        .store(Unlucky(MemoryStore::new()))
        .build(world.exchange_behind(&gate));
    world.assert_sent(&driver);
    settle(&driver);
    gate.close();
    world.skip(REFRESH_IS_DUE);
    world.assert_sent(&driver);
    eventually("a refresh is in flight", || gate.waiting() == 1);
    let dropping = thread::spawn(move || drop(driver));
    thread::sleep(Duration::from_millis(100)); // it waits by now
    gate.open();
    eventually("it is gone", || dropping.is_finished());
    dropping.join().unwrap();
}

/// Nothing drops it, so it has to be told.
#[test]
fn a_client_in_a_static_settles() {
    static DRIVER: OnceLock<Driver> = OnceLock::new();
    let (world, store) = (World::new(), MemoryStore::new());
    store.script(StoreStep::Save, StoreFault::Hangs);
    let settings = world.settings().store(store.clone());
    let driver = DRIVER.get_or_init(|| settings.build(world.exchange()));
    let caller = world.sending(driver);
    eventually("it is being saved", || store.hanging() == 1);
    store.release();
    settle(driver);
    assert!(has_tokens(&store) && store.holder().is_none());
    caller.join().unwrap().unwrap();
}

/// Who has no token is told, nobody else notices, and the next one tries again.
#[test]
fn i6_without_a_thread_nothing_is_lost() {
    let world = World::new();
    let driver = world.driver();
    world.give_no_threads(true);
    for _ in 0..3 {
        let error = world.send(&driver).expect_err("there is no token");
        assert!(matches!(error, Error::NoThread(_)), "{error:?}");
        assert!(error.to_string().contains("no thread to be had"), "{error}");
    }
    world.give_no_threads(false);
    world.assert_sent(&driver);
    settle(&driver);
    world.skip(REFRESH_IS_DUE);
    world.give_no_threads(true);
    world.assert_sent(&driver); // with the token that is good
    world.give_no_threads(false);
    world.assert_sent(&driver);
    settle(&driver);
    world.assert_exchanges(1, 1);
}
