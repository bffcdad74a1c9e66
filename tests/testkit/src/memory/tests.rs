//! What is scripted happens, and else the contract is kept.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use simacan_auth::{LockRequest, SessionStore};

use super::*;
use crate::StoreContract;
use crate::time::Time;

const HOLD: Duration = Duration::from_secs(30);
const AT_ONCE: LockRequest = LockRequest {
    patience: Duration::ZERO,
    hold: HOLD,
};

fn is_unreachable<T>(result: &Result<T, StoreFailure>) -> bool {
    matches!(result, Err(StoreFailure::Unreachable(_)))
}

/// In a time that only sleeping moves on.
fn in_virtual_time() -> (MemoryStore, Arc<AtomicU64>) {
    let millis = Arc::new(AtomicU64::new(1_000_000));
    let (now, sleeping) = (millis.clone(), millis.clone());
    let sleep = move |time: Duration| {
        let time = u64::try_from(time.as_millis()).unwrap().max(1);
        sleeping.fetch_add(time, Ordering::SeqCst);
    };
    let now = move || UNIX_EPOCH + Duration::from_millis(now.load(Ordering::SeqCst));
    (MemoryStore::new().in_time(now, sleep), millis)
}

#[test]
fn it_keeps_the_contract() {
    let places = Arc::<Mutex<HashMap<String, MemoryStore>>>::default();
    let at = move |place: &str| {
        places
            .lock()
            .unwrap()
            .entry(place.into())
            .or_default()
            .clone()
    };
    let thief = at.clone();
    let contract = StoreContract::new(at);
    contract
        .stolen(move |place| thief(place).lose_lock())
        .check();
}

#[test]
fn a_lock_whose_taker_was_not_told_is_in_nobodys_hands_and_runs_out() {
    let (store, millis) = in_virtual_time();
    store.script(StoreStep::Lock, StoreFault::AnswerLost);
    assert!(is_unreachable(&store.lock(AT_ONCE)));
    assert_eq!(store.holder(), None);
    assert_eq!(store.lock(AT_ONCE).err(), Some(StoreFailure::Locked));
    let waiting = store
        .lock(LockRequest {
            patience: HOLD * 2,
            hold: HOLD,
        })
        .unwrap();
    let since = Timestamp::from_millis(millis.load(Ordering::SeqCst));
    assert_eq!(store.holder(), Some(Holder { process: 0, since }));
    millis.fetch_add(7_000, Ordering::SeqCst);
    drop(waiting);
    millis.fetch_add(9_000, Ordering::SeqCst);
    assert_eq!(store.holder(), None);
    assert_eq!(store.longest_hold(), Duration::from_secs(7));
}

#[test]
fn an_unlock_that_fails_leaves_the_lock_to_run_out_and_one_whose_answer_is_lost_does_not() {
    let (store, millis) = in_virtual_time();
    let denied = StoreFailure::denied("by the test");
    store.script(StoreStep::Unlock, StoreFault::Fails(denied.clone()));
    assert_eq!(store.lock(AT_ONCE).unwrap().unlock(), Err(denied));
    assert_eq!(store.lock(AT_ONCE).err(), Some(StoreFailure::Locked));
    millis.fetch_add(30_000, Ordering::SeqCst);
    let locked = store.lock(AT_ONCE).unwrap();
    store.script(StoreStep::Unlock, StoreFault::AnswerLost);
    assert!(is_unreachable(&locked.unlock()));
    assert!(store.lock(AT_ONCE).is_ok());
}

#[test]
fn who_has_lost_the_lock_saves_nothing() {
    let store = MemoryStore::new();
    for step in [StoreStep::Lock, StoreStep::Load, StoreStep::Save] {
        store.script(step, StoreFault::LockLost);
        let mut locked = store.lock(AT_ONCE).unwrap();
        assert_eq!(locked.load(), Ok(None));
        assert_eq!(locked.save(b"late"), Err(StoreFailure::Superseded));
        assert_eq!(locked.renew(), Err(StoreFailure::Superseded));
        let other = store.process(1).lock(AT_ONCE).unwrap();
        drop(locked);
        assert_eq!(store.holder().unwrap().process, 1);
        drop(other);
    }
    assert_eq!(store.record(), None);
}

#[test]
fn what_is_slow_takes_its_time_and_what_hangs_ends_when_it_is_released() {
    let (store, millis) = in_virtual_time();
    store.script(StoreStep::Load, StoreFault::Slow(Duration::from_secs(3600)));
    let mut locked = store.lock(AT_ONCE).unwrap();
    let before = millis.load(Ordering::SeqCst);
    locked.load().unwrap();
    assert_eq!(millis.load(Ordering::SeqCst) - before, 3_600_000);

    let store = MemoryStore::new();
    let mut locked = store.lock(AT_ONCE).unwrap();
    store.script(StoreStep::Save, StoreFault::Hangs);
    let saving = thread::spawn(move || locked.save(b"in the end"));
    while store.hanging() == 0 {
        thread::yield_now();
    }
    assert_eq!(store.record(), None);
    store.release();
    assert_eq!(saving.join().unwrap(), Ok(()));
    assert_eq!(store.record().unwrap(), b"in the end");
    assert_eq!(store.hanging(), 0);
}

#[test]
fn faults_strike_in_the_order_of_the_script() {
    let store = MemoryStore::new();
    let full = || StoreFailure::new("the disk is full");
    store.script_always(StoreStep::Save, StoreFault::Fails(full()));
    store.script(StoreStep::Save, StoreFault::AnswerLost);
    store.script(StoreStep::Save, StoreFault::Panics);
    let mut locked = store.lock(AT_ONCE).unwrap();
    assert!(is_unreachable(&locked.save(b"1")));
    let panics = std::panic::AssertUnwindSafe(|| locked.save(b"2"));
    assert!(std::panic::catch_unwind(panics).is_err());
    for _ in 0..2 {
        assert!(matches!(locked.save(b"3"), Err(StoreFailure::Other(_))));
    }
    store.clear_script();
    assert_eq!(store.record().unwrap(), b"1");
    assert_eq!(locked.save(b"4"), Ok(()));
    let saves = store
        .steps()
        .iter()
        .filter(|(_, step)| *step == StoreStep::Save)
        .count();
    assert_eq!(saves, 5);
}

#[test]
fn a_clock_that_is_set_is_no_time_that_the_lock_is_held_or_waited_for() {
    const DAY: Duration = Duration::from_secs(86_400);
    let time = Time::new(1);
    let store = time.store();
    let request = LockRequest {
        patience: 2 * HOLD,
        hold: HOLD,
    };
    store.script(StoreStep::Lock, StoreFault::AnswerLost);
    assert!(store.lock(request).is_err());
    time.set_clock(time.now() + DAY);
    let waits = time.spawn_thread("waits", {
        let store = store.clone();
        move || drop(store.lock(request).unwrap())
    });
    time.run(waits).unwrap();
    assert!(time.elapsed() >= HOLD, "it had run out by the clock");

    let held = store.lock(request).unwrap();
    time.set_clock(time.now() + DAY);
    drop(held);
    assert_eq!(store.longest_hold(), Duration::ZERO);
}
