//! What could not be saved at once and is saved later.

use crate::common::prelude::*;

#[test]
fn i14_a_save_that_fails_costs_an_event_and_is_made_up_for() {
    let (store, mut process) = Process::first();
    let pending = process.demand();
    store.fail(Op::Save, &disk_full(), 2);
    process.log.clear();
    process.grant();
    let not_saved = Op::Event("the session was not saved");
    let log = [Op::Save, not_saved, Op::Event("logged in"), Op::Unlock];
    let at_once = [Op::Lock, Op::Load, Op::Save, not_saved, Op::Unlock];
    assert_eq!(process.log, [&log[..], &at_once].concat());
    let _sent = process.go_with(pending);
    assert!(!store.text().contains("s3cr3t-refresh-1"));
    process.log.clear();
    assert_eq!(process.until, Some(after(30 * SECOND)));
    process.pass(29 * SECOND);
    assert_eq!(process.log, []);
    process.pass(SECOND);
    assert_eq!(process.log, VISIT);
    assert!(store.text().contains("s3cr3t-refresh-1"));
    assert_eq!(process.until, None);
    process.pass(HOUR / 2);
    assert_eq!(process.log.len(), 4);
}

#[test]
fn a_late_save_does_not_overwrite_what_another_process_has_saved_since() {
    let (store, mut first) = Process::first_logged_in();
    let mut second = Process::asked(&store, START);
    let expired = after(HOUR);
    (first.now, second.now) = (expired, expired);
    let _pending = first.demand();
    store.fail(Op::Save, &disk_full(), 2);
    first.grant();
    // The second one can't know, and its refresh token is spent.
    let _pending = second.demand();
    second.refuse();
    second.grant();
    let saved = store.text();
    first.log.clear();
    first.pass(30 * SECOND);
    assert_eq!(first.log, TAKEN_OVER);
    assert_eq!(store.text(), saved);
}

#[test]
fn i14_a_set_that_could_not_be_saved_outlives_the_refusal_of_the_one_that_it_replaced() {
    let (store, mut first) = Process::first_logged_in();
    let mut second = Process::asked(&store, START);
    let expired = after(HOUR);
    (first.now, second.now) = (expired, expired);
    let _pending = first.demand();
    store.fail(Op::Save, &disk_full(), 2);
    first.grant();
    let _pending = second.demand();
    second.refuse();
    drop(second); // killed before its password brought anything
    first.log.clear();
    first.pass(30 * SECOND);
    assert_eq!(first.log, VISIT);
    let _sent = first.go();
    assert!(store.text().contains("s3cr3t-refresh"));
}

#[test]
fn i12_a_save_of_its_own_that_finds_no_lock_is_no_failed_attempt() {
    let store = Memory::default();
    store.fail(Op::Save, &disk_full(), 3);
    let mut process = Process::logged_in(&store, START);
    process.now = after(Duration::from_secs(3570));
    let _sent = process.go();
    process.run();
    for _ in 0..2 {
        process.lose(); // an answer would be noted, and saved with the rest
        process.pass(5 * SECOND);
    }
    store.fail(Op::Lock, &StoreFailure::Locked, 1);
    process.lose();
    let last = &process.events[process.events.len() - 2..];
    shows!(last, [Event::RoundFailed { .. }, Event::SaveFailed { .. }]);
}

#[test]
fn i12_a_late_save_sends_nothing_for_a_user_nobody_has_asked_for() {
    let store = Memory::default();
    store.fail(Op::Save, &disk_full(), 3);
    let mut process = Process::logged_in(&store, START);
    process.set_credentials("other", 1);
    process.pass(5 * MINUTE);
    let ops: Vec<_> = process
        .log
        .iter()
        .filter(|op| !matches!(op, Op::Event(_)))
        .collect();
    let log = [Op::Lock, Op::Load, Op::Save, Op::Mark, Op::Unlock]; // the mark is over
    assert_eq!(ops, log.iter().collect::<Vec<_>>());
}
