//! A machine with a store: what it asks of the store and when, and what it takes from it
//! (`manual::stores`).

use crate::common::prelude::*;

#[test]
fn i14_tokens_are_saved_before_the_callers_are_woken() {
    let (_, mut process) = Process::first();
    let pending = process.demand();
    assert_eq!(process.log, LOGIN);
    process.log.clear();
    process.grant();
    let done = "save, logged in, unlock";
    assert_eq!(process.done(), done);
    let _sent = process.go_with(pending);
}

#[test]
fn a_second_process_takes_over_the_session_without_an_exchange() {
    let store = Memory::with_session();
    let mut second = Process::start(&store, after(MINUTE));
    let pending = second.demand();
    assert_eq!(second.log, TAKEN_OVER);
    let _sent = second.go_with(pending);
    assert_eq!(second.machine.generation().get(), 1);
    let expires_at = Some(after(HOUR));
    let expected = Status::Authenticated { expires_at };
    assert_eq!(second.machine.status(), expected);
}

#[test]
fn i3_a_refresh_that_another_process_has_made_is_not_made_again() {
    let (store, mut first) = Process::first_logged_in();
    let mut second = Process::joining(&store, START);
    let expired = after(HOUR);
    first.renew_at(expired);
    let pending = second.demand_at(expired);
    assert_eq!(second.log, TAKEN_OVER);
    let _sent = second.go_with(pending);
    assert_eq!(second.machine.generation().get(), 2);
}

#[test]
fn i1_a_process_that_starts_with_an_expired_session_refreshes_it() {
    let store = Memory::with_session();
    let second = Process::asked(&store, after(2 * HOUR));
    // What comes of it can be saved: that is tried before.
    assert_eq!(second.done(), "lock, load, took over, save, refresh");
}

#[test]
fn i3_a_refresh_token_of_all_is_not_sent_by_whoever_may_not_save_its_successor() {
    let (store, mut first) = Process::first_logged_in();
    let denied = StoreFailure::denied("a read-only database: GRANT UPDATE");
    let mut reader = Process::start(&store, START);
    store.fail(Op::Mark, &denied, 10);
    let pending = reader.demand();
    let _sent = reader.go_with(pending);
    let expired = after(HOUR);
    (first.now, reader.now) = (expired, expired);
    store.fail(Op::Save, &denied, 2);
    let pending = reader.demand();
    let sends = |op: &Op| matches!(op, Op::Refresh | Op::Password);
    assert!(!reader.log.iter().any(sends), "{:?}", reader.log);
    let denied = reader.denied_with(pending);
    assert!(denied.to_string().contains("GRANT UPDATE"), "{denied}");
    // Those who can do it for all, and there is no other password.
    let _pending = first.demand();
    assert!(first.has_done(Op::Refresh), "{:?}", first.log);
    first.grant();
    let pending = reader.demand_at(expired.saturating_add(MINUTE));
    let _sent = reader.go_with(pending);
    // Once that is mended, it refreshes like the others.
    reader.now = expired.saturating_add(2 * HOUR);
    reader.log.clear();
    let pending = reader.demand();
    assert!(reader.log.ends_with(&[Op::Refresh]), "{:?}", reader.log);
    reader.grant();
    let _sent = reader.go_with(pending);
}

#[test]
fn i3_a_refresh_token_that_was_refused_to_one_process_is_not_sent_by_another() {
    let (store, mut first) = Process::first_logged_in();
    let mut second = Process::joining(&store, START);
    let expired = after(HOUR);
    (first.now, second.now) = (expired, expired);
    let _pending = first.demand();
    first.log.clear();
    first.refuse();
    assert_eq!(
        first.done(),
        "the refresh token was refused, save, unlock, lock, load, save, password"
    );
    drop(first); // killed in the middle of its login
    let _pending = second.demand();
    assert_eq!(second.done(), "lock, load, took over, save, password");
}

#[test]
fn a_token_that_got_a_401_stays_condemned_when_it_is_loaded_again() {
    let (store, mut first) = Process::first_logged_in();
    let mut second = Process::start(&store, START);
    let pending = second.demand();
    let sent = second.go_with(pending);
    // The first one's refresh is refused: what it saves has the same access token.
    let first_sent = first.go();
    let _retry = first.unauthorized(first_sent);
    first.run();
    first.refuse();
    drop(first);
    let _retry = second.unauthorized(sent);
    second.log.clear();
    second.run();
    assert!(second.done().ends_with("save, password"));
    assert!(matches!(second.ask(), Authorization::Wait(_)));
}

#[test]
fn a_lock_that_is_not_to_be_had_is_a_transient_failure() {
    let store = Memory::default();
    store.fail(Op::Lock, &StoreFailure::Locked, 3);
    let mut process = Process::start(&store, START);
    let pending = process.demand();
    process.pass(10 * SECOND);
    let is_lock = |op: &Op| matches!(op, Op::Lock | Op::Event(_));
    assert!(process.log.iter().all(is_lock), "{:?}", process.log);
    let denied = process.denied_with(pending);
    let text = denied.to_string();
    let failure = StoreFailure::Locked;
    assert!(matches!(denied, Denied::Store { failure: told, attempts: 3, .. } if told == failure));
    assert!(text.contains("another process has kept the lock of the saved session"));
    process.pass(HOUR);
    let _pending = process.demand();
    assert_eq!(process.log.last(), Some(&Op::Password));
}

#[test]
fn i1_nothing_is_sent_while_what_is_saved_can_not_be_read() {
    let store = Memory::default();
    let failure = StoreFailure::new("permission denied");
    store.fail(Op::Load, &failure, 1);
    let process = Process::asked(&store, START);
    let done = "lock, load, attempt 1 failed, unlock";
    assert_eq!(process.done(), done);
}

#[test]
fn i10_a_damaged_session_counts_as_none_and_is_overwritten() {
    let store = Memory::with_session();
    store.cut_off();
    let mut process = Process::asked(&store, START);
    let defect = InvalidSavedSession::Truncated;
    let place = "the session's store".to_owned();
    let told = Event::SavedSessionDamaged { place, defect };
    assert!(process.events.contains(&told));
    assert_eq!(process.log.last(), Some(&Op::Password));
    process.grant();
    assert!(store.saved().is_ok());
}

#[test]
fn i8_another_users_session_counts_as_none_and_is_overwritten() {
    let store = Memory::with_session();
    let mut other = Process::start_as(&store, START, "other", 2);
    let _pending = other.demand();
    let place = "the session's store".to_owned();
    assert!(other.events.contains(&Event::SavedSessionForeign { place }));
    assert_eq!(other.log.last(), Some(&Op::Password));
    other.grant();
    assert_eq!(store.saved().unwrap().username(), "other");
}

#[cfg(any(model, fuzzing))]
#[test]
fn i10_reports_of_another_operation_change_nothing() {
    let (store, mut process) = Process::first();
    let mut other = Process::start(&store, START);
    let (_pending, _other) = (process.wait(), other.wait());
    let (lock, foreign) = (process.poll_op(), other.poll_op());
    let before = process.fingerprint();
    for op in [lock, foreign] {
        process.end(op, JobEnd::Saved);
        process.end(op, JobEnd::Loaded(None));
        process.end(foreign, JobEnd::Locked(None));
        process.end(foreign, JobEnd::StoreFailed(StoreFailure::Locked));
        assert_eq!(process.fingerprint(), before);
    }
    process.end(lock, JobEnd::Locked(None));
    let locked = process.fingerprint();
    assert_ne!(locked, before);
    process.end(lock, JobEnd::Locked(None));
    process.end(lock, JobEnd::StoreFailed(StoreFailure::Locked));
    assert_eq!(process.fingerprint(), locked);
    let load = process.poll_op();
    for end in [JobEnd::Saved, JobEnd::Locked(None), JobEnd::Loaded(None)] {
        process.end(load, end);
    }
    let save = process.poll_op();
    for end in [JobEnd::Loaded(None), JobEnd::Locked(None)] {
        process.end(save, end);
    }
    assert_eq!(process.machine.in_flight(), Some(save));
}

#[test]
fn credentials_that_change_before_the_exchange_end_the_visit() {
    for (username, number) in [("fleet", 2), ("other", 3)] {
        let (_, mut process) = Process::first();
        let _pending = process.wait();
        process.poll_and_end(JobEnd::Locked(None));
        process.poll_and_end(JobEnd::Loaded(None));
        let announce = process.poll_op();
        process.set_credentials(username, number);
        process.end(announce, JobEnd::Saved);
        process.run();
        assert_eq!(process.log[0], Op::Event("new credentials"));
        assert_eq!(process.log[1], Op::Unlock);
        assert_eq!(process.password_of(), Some((username.to_owned(), number)));
    }
}

#[test]
fn i9_no_operation_prints_a_secret() {
    let (_, mut process) = Process::first_logged_in();
    process.renew_at(after(HOUR));
    assert!(process.printed.contains("SavedSession {"));
    assert_clean(&process.printed);
}

#[test]
fn i1_no_exchange_starts_when_whoever_held_the_lock_is_gone() {
    let store = Memory::default();
    store.fail(Op::Save, &StoreFailure::Abandoned, 1);
    let mut process = Process::asked(&store, START);
    let done = "lock, load, save, the session was not saved, attempt 1 failed, unlock";
    assert_eq!(process.done(), done);
    process.pass(SECOND);
    assert_eq!(process.log.last(), Some(&Op::Password));
}

#[cfg(any(model, fuzzing))]
#[test]
fn a_fork_knows_what_its_machine_knows_of_the_store() {
    let store = Memory::default();
    store.fail(Op::Save, &disk_full(), 2);
    let mut process = Process::logged_in(&store, START);
    let fingerprint = process.fingerprint();
    process.machine = process.machine.fork();
    assert_eq!(process.fingerprint(), fingerprint);
}

#[test]
fn i3_an_old_copy_that_was_put_back_is_not_taken_over() {
    let (store, mut process) = Process::first_logged_in();
    let old = store.text();
    process.renew_at(after(HOUR));
    store.replace(Some(old));
    process.now = after(2 * HOUR);
    process.log.clear();
    let _pending = process.demand();
    let done = "lock, load, refresh";
    assert_eq!(process.done(), done);
    assert!(process.sent().contains("s3cr3t-refresh-2"));
}

/// Revisions began anew when the session was removed, and have caught up.
#[test]
fn another_set_of_the_same_revision_is_taken_over() {
    let (store, mut first) = Process::first_logged_in();
    store.replace(None);
    let mut second = Process::logged_in(&store, after(10 * MINUTE));
    let revisions = [first.machine.generation(), second.machine.generation()];
    assert_eq!(revisions[0], revisions[1]);
    let pending = first.demand_at(after(HOUR));
    assert_eq!(first.log, TAKEN_OVER);
    let _sent = first.go_with(pending);
    second.run();
}

/// A sidecar that may read what others save, and has no place for a lock.
#[test]
fn i3_what_can_be_looked_at_and_not_locked_is_used_without_its_refresh_token() {
    let store = Memory::with_session();
    let denied = || StoreFailure::denied("a read-only folder: mount it for writing");
    let look = |reader: &mut Process, pending| {
        reader.poll_and_end(JobEnd::NotLocked(denied(), store.saved().ok()));
        reader.run();
        let sends = |op: &Op| matches!(op, Op::Refresh | Op::Password | Op::Save);
        assert!(!reader.log.iter().any(sends), "{:?}", reader.log);
        reader.ask_with(pending)
    };
    let mut reader = Process::start(&store, START);
    let pending = reader.wait();
    shows!(look(&mut reader, pending), Authorization::Ready(_));
    reader.now = after(HOUR);
    let pending = reader.wait();
    let told = shows!(look(&mut reader, pending), Authorization::Denied(told) => told);
    assert!(told.to_string().contains("mount it for writing"), "{told}");
    // Those who may have.
    let mut other = Process::asked(&store, reader.now);
    other.grant();
    reader.now = reader.now.saturating_add(MINUTE);
    let pending = reader.wait();
    shows!(look(&mut reader, pending), Authorization::Ready(_));
}
