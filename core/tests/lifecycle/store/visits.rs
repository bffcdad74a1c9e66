//! A machine with a store: what it asks of the store and when, and what it takes from it
//! (`manual::stores`).

use crate::common::prelude::*;

#[test]
fn i14_tokens_are_saved_before_the_callers_are_woken() {
    let store = Memory::default();
    let mut process = Process::start(&store, START);
    let pending = process.demand();
    assert_eq!(process.log, LOGIN);
    process.log.clear();
    process.grant();
    assert_eq!(process.log, [Op::Save, Op::Event("logged in"), Op::Unlock]);
    let _sent = process.go_with(pending);
}

#[test]
fn a_second_process_takes_over_the_session_without_an_exchange() {
    let store = Memory::default();
    Process::logged_in(&store, START);
    let mut second = Process::start(&store, START.saturating_add(MINUTE));
    let pending = second.demand();
    assert_eq!(second.log, TAKEN_OVER);
    let _sent = second.go_with(pending);
    assert_eq!(second.machine.generation().get(), 1);
    let expires_at = Some(START.saturating_add(HOUR));
    assert_eq!(
        second.machine.status(),
        Status::Authenticated { expires_at }
    );
}

#[test]
fn i3_a_refresh_that_another_process_has_made_is_not_made_again() {
    let store = Memory::default();
    let mut first = Process::logged_in(&store, START);
    let mut second = Process::start(&store, START);
    let _pending = second.demand();
    second.log.clear();
    let expired = START.saturating_add(HOUR);
    first.now = expired;
    let _pending = first.demand();
    first.grant();
    second.now = expired;
    let pending = second.demand();
    assert_eq!(second.log, TAKEN_OVER);
    let _sent = second.go_with(pending);
    assert_eq!(second.machine.generation().get(), 2);
}

#[test]
fn i1_a_process_that_starts_with_an_expired_session_refreshes_it() {
    let store = Memory::default();
    Process::logged_in(&store, START);
    let mut second = Process::start(&store, START.saturating_add(2 * HOUR));
    let _pending = second.demand();
    // What comes of it can be saved: that is tried before.
    let log = [
        Op::Lock,
        Op::Load,
        Op::Event("took over"),
        Op::Save,
        Op::Refresh,
    ];
    assert_eq!(second.log, log);
}

#[test]
fn i3_a_refresh_token_of_all_is_not_sent_by_whoever_may_not_save_its_successor() {
    let store = Memory::default();
    let mut first = Process::logged_in(&store, START);
    let denied = StoreFailure::denied("a read-only database: GRANT UPDATE");
    let mut reader = Process::start(&store, START);
    store.fail(Op::Mark, &denied, 10);
    let pending = reader.demand();
    let _sent = reader.go_with(pending);
    let expired = START.saturating_add(HOUR);
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
    reader.now = expired.saturating_add(MINUTE);
    let pending = reader.demand();
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
    let store = Memory::default();
    let mut first = Process::logged_in(&store, START);
    let mut second = Process::start(&store, START);
    let _pending = second.demand();
    second.log.clear();
    let expired = START.saturating_add(HOUR);
    (first.now, second.now) = (expired, expired);
    let _pending = first.demand();
    first.log.clear();
    first.refuse();
    assert_eq!(
        first.log,
        [
            Op::Event("the refresh token was refused"),
            Op::Save,
            Op::Unlock,
            Op::Lock,
            Op::Load,
            Op::Save,
            Op::Password
        ]
    );
    drop(first); // killed in the middle of its login
    let _pending = second.demand();
    let log = [
        Op::Lock,
        Op::Load,
        Op::Event("took over"),
        Op::Save,
        Op::Password,
    ];
    assert_eq!(second.log, log);
}

#[test]
fn a_token_that_got_a_401_stays_condemned_when_it_is_loaded_again() {
    let store = Memory::default();
    let mut first = Process::logged_in(&store, START);
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
    assert!(
        second.log.ends_with(&[Op::Save, Op::Password]),
        "{:?}",
        second.log
    );
    assert!(matches!(second.ask(), Authorization::Wait(_)));
}

#[test]
fn a_lock_that_is_not_to_be_had_is_a_transient_failure() {
    let store = Memory::default();
    store.fail(Op::Lock, &StoreFailure::Locked, 3);
    let mut process = Process::start(&store, START);
    let pending = process.demand();
    process.pass(10 * SECOND);
    assert!(
        process
            .log
            .iter()
            .all(|op| *op == Op::Lock || matches!(op, Op::Event(_)))
    );
    let denied = process.denied_with(pending);
    let Denied::Unavailable {
        failure, attempts, ..
    } = &denied
    else {
        panic!("{denied}");
    };
    assert_eq!(
        (failure, *attempts),
        (&Failure::Store(StoreFailure::Locked), 3)
    );
    assert!(
        denied
            .to_string()
            .contains("another process has kept the lock of the saved session")
    );
    process.pass(HOUR);
    let _pending = process.demand();
    assert_eq!(process.log.last(), Some(&Op::Password));
}

#[test]
fn i1_nothing_is_sent_while_what_is_saved_can_not_be_read() {
    let store = Memory::default();
    let failure = StoreFailure::new("permission denied");
    store.fail(Op::Load, &failure, 1);
    let mut process = Process::start(&store, START);
    let _pending = process.demand();
    assert_eq!(
        process.log,
        [
            Op::Lock,
            Op::Load,
            Op::Event("attempt 1 failed"),
            Op::Unlock
        ]
    );
}

#[test]
fn i10_a_damaged_session_counts_as_none_and_is_overwritten() {
    let store = Memory::default();
    Process::logged_in(&store, START);
    store.cut_off();
    let mut process = Process::start(&store, START);
    let _pending = process.demand();
    let defect = InvalidSavedSession::Truncated;
    assert!(
        process
            .events
            .contains(&Event::SavedSessionDamaged { defect })
    );
    assert_eq!(process.log.last(), Some(&Op::Password));
    process.grant();
    assert!(store.saved().is_ok());
}

#[test]
fn i8_another_users_session_counts_as_none_and_is_overwritten() {
    let store = Memory::default();
    Process::logged_in(&store, START);
    let mut other = Process::start_as(&store, START, "other", 2);
    let _pending = other.demand();
    assert!(other.events.contains(&Event::SavedSessionForeign));
    assert_eq!(other.log.last(), Some(&Op::Password));
    other.grant();
    assert_eq!(store.saved().unwrap().username(), "other");
}

#[cfg(any(model, fuzzing))]
#[test]
fn i10_reports_of_another_operation_change_nothing() {
    let store = Memory::default();
    let mut process = Process::start(&store, START);
    let mut other = Process::start(&store, START);
    let (_pending, _other) = (process.wait(), other.wait());
    let (lock, foreign) = (process.poll_op(), other.poll_op());
    let before = process.fingerprint();
    let now = process.now;
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
    process.end(load, JobEnd::Saved);
    process.end(load, JobEnd::Locked(None));
    process.end(load, JobEnd::Loaded(None));
    let save = process.poll_op();
    process.end(save, JobEnd::Loaded(None));
    process.end(save, JobEnd::Locked(None));
    assert_eq!(process.machine.in_flight(), Some(save));
}

#[test]
fn credentials_that_change_before_the_exchange_end_the_visit() {
    for (username, number) in [("fleet", 2), ("other", 3)] {
        let store = Memory::default();
        let mut process = Process::start(&store, START);
        let _pending = process.wait();
        let lock = process.poll_op();
        process.end(lock, JobEnd::Locked(None));
        let load = process.poll_op();
        process.end(load, JobEnd::Loaded(None));
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
    let store = Memory::default();
    let mut process = Process::logged_in(&store, START);
    process.now = START.saturating_add(HOUR);
    let _pending = process.demand();
    process.grant();
    assert!(process.printed.contains("SavedSession {"));
    assert!(
        !process.printed.contains("s3cr3t"),
        "I9: {}",
        process.printed
    );
}

#[test]
fn i1_no_exchange_starts_when_whoever_held_the_lock_is_gone() {
    let store = Memory::default();
    store.fail(Op::Save, &StoreFailure::Abandoned, 1);
    let mut process = Process::start(&store, START);
    let _pending = process.demand();
    let log = [
        Op::Lock,
        Op::Load,
        Op::Save,
        Op::Event("the session was not saved"),
        Op::Event("attempt 1 failed"),
        Op::Unlock,
    ];
    assert_eq!(process.log, log);
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
    let store = Memory::default();
    let mut process = Process::logged_in(&store, START);
    let old = store.text();
    process.now = START.saturating_add(HOUR);
    let _pending = process.demand();
    process.grant();
    store.replace(Some(old));
    process.now = START.saturating_add(2 * HOUR);
    process.log.clear();
    let _pending = process.demand();
    assert_eq!(process.log, [Op::Lock, Op::Load, Op::Refresh]);
    assert!(process.sent().contains("s3cr3t-refresh-2"));
}

/// Revisions began anew when the session was removed, and have caught up.
#[test]
fn another_set_of_the_same_revision_is_taken_over() {
    let store = Memory::default();
    let mut first = Process::logged_in(&store, START);
    store.replace(None);
    let mut second = Process::logged_in(&store, START.saturating_add(10 * MINUTE));
    let revisions = [first.machine.generation(), second.machine.generation()];
    assert_eq!(revisions[0], revisions[1]);
    first.now = START.saturating_add(HOUR);
    let pending = first.demand();
    assert_eq!(first.log, TAKEN_OVER);
    let _sent = first.go_with(pending);
    second.run();
}

/// A sidecar that may read what others save, and has no place for a lock.
#[test]
fn i3_what_can_be_looked_at_and_not_locked_is_used_without_its_refresh_token() {
    let store = Memory::default();
    Process::logged_in(&store, START);
    let denied = || StoreFailure::denied("a read-only folder: mount it for writing");
    let look = |reader: &mut Process, pending| {
        let lock = reader.poll_op();
        let end = JobEnd::NotLocked(denied(), store.saved().ok());
        reader.end(lock, end);
        reader.run();
        let sends = |op: &Op| matches!(op, Op::Refresh | Op::Password | Op::Save);
        assert!(!reader.log.iter().any(sends), "{:?}", reader.log);
        reader.ask_with(pending)
    };
    let mut reader = Process::start(&store, START);
    let pending = reader.wait();
    assert!(matches!(
        look(&mut reader, pending),
        Authorization::Ready(_)
    ));
    reader.now = START.saturating_add(HOUR);
    let pending = reader.wait();
    let Authorization::Denied(told) = look(&mut reader, pending) else {
        panic!("nobody has refreshed it");
    };
    assert!(told.to_string().contains("mount it for writing"), "{told}");
    // Those who may have.
    let mut other = Process::start(&store, reader.now);
    let _pending = other.demand();
    other.grant();
    reader.now = reader.now.saturating_add(MINUTE);
    let pending = reader.wait();
    assert!(matches!(
        look(&mut reader, pending),
        Authorization::Ready(_)
    ));
}
