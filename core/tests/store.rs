//! A machine with a store: what it asks of the store and when, and what it takes from it (DESIGN 11).

mod common;
mod store_common;

use std::time::Duration;

use common::{HOUR, MINUTE, SECOND, START, credentials};
use simacan_auth::{
    Clearance, Denied, Event, Failure, InvalidSavedSession, Status, StoreFailure, Timestamp,
};
use store_common::{Memory, Op, Process, TOKENS};

const DAY: Duration = Duration::from_secs(86_400);

#[test]
fn i14_tokens_are_saved_before_the_callers_are_woken() {
    let store = Memory::default();
    let mut process = Process::start(&store, START);
    let permit = process.wait();
    process.run();
    assert_eq!(process.log, [Op::Lock, Op::Load, Op::Save, Op::Password]);
    process.log.clear();
    process.answer(200, TOKENS);
    assert_eq!(process.log, [Op::Save, Op::Event("logged in"), Op::Unlock]);
    assert!(matches!(process.ask_with(permit), Clearance::Go(_)));
}

#[test]
fn a_second_process_takes_over_the_session_without_an_exchange() {
    let store = Memory::default();
    Process::logged_in(&store, START);
    let mut second = Process::start(&store, START.saturating_add(MINUTE));
    let permit = second.wait();
    second.run();
    assert_eq!(
        second.log,
        [Op::Lock, Op::Load, Op::Event("took over"), Op::Unlock]
    );
    assert!(matches!(second.ask_with(permit), Clearance::Go(_)));
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
    let _permit = second.wait();
    second.run();
    second.log.clear();
    let expired = START.saturating_add(HOUR);
    first.now = expired;
    let _permit = first.wait();
    first.run();
    first.answer(200, TOKENS);
    second.now = expired;
    let permit = second.wait();
    second.run();
    assert_eq!(
        second.log,
        [Op::Lock, Op::Load, Op::Event("took over"), Op::Unlock]
    );
    assert!(matches!(second.ask_with(permit), Clearance::Go(_)));
    assert_eq!(second.machine.generation().get(), 2);
}

#[test]
fn i1_a_process_that_starts_with_an_expired_session_refreshes_it() {
    let store = Memory::default();
    Process::logged_in(&store, START);
    let mut second = Process::start(&store, START.saturating_add(2 * HOUR));
    let _permit = second.wait();
    second.run();
    let log = [Op::Lock, Op::Load, Op::Event("took over"), Op::Refresh];
    assert_eq!(second.log, log);
}

#[test]
fn i3_a_refresh_token_that_was_refused_to_one_process_is_not_sent_by_another() {
    let store = Memory::default();
    let mut first = Process::logged_in(&store, START);
    let mut second = Process::start(&store, START);
    let _permit = second.wait();
    second.run();
    second.log.clear();
    let expired = START.saturating_add(HOUR);
    (first.now, second.now) = (expired, expired);
    let _permit = first.wait();
    first.run();
    first.log.clear();
    first.answer(401, "");
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
    let _permit = second.wait();
    second.run();
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
    let permit = second.wait();
    second.run();
    let Clearance::Go(ticket) = second.ask_with(permit) else {
        panic!("it has taken over a token");
    };
    // The first one's refresh is refused: what it saves has the same access token.
    let Clearance::Go(first_ticket) = first.ask() else {
        panic!("it has a token");
    };
    let _retry = first.unauthorized(first_ticket);
    first.run();
    first.answer(401, "");
    drop(first);
    let _retry = second.unauthorized(ticket);
    second.log.clear();
    second.run();
    assert!(
        second.log.ends_with(&[Op::Save, Op::Password]),
        "{:?}",
        second.log
    );
    assert!(matches!(second.ask(), Clearance::Wait(_)));
}

#[test]
fn a_lock_that_is_not_to_be_had_is_a_transient_failure() {
    let store = Memory::default();
    store.fail(Op::Lock, &StoreFailure::Locked, 3);
    let mut process = Process::start(&store, START);
    let permit = process.wait();
    process.run();
    process.pass(10 * SECOND);
    assert!(
        process
            .log
            .iter()
            .all(|op| *op == Op::Lock || matches!(op, Op::Event(_)))
    );
    let Clearance::Denied(denied) = process.ask_with(permit) else {
        panic!("its round has failed");
    };
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
    let _permit = process.wait();
    process.run();
    assert_eq!(process.log.last(), Some(&Op::Password));
}

#[test]
fn i1_nothing_is_sent_while_what_is_saved_can_not_be_read() {
    let store = Memory::default();
    let failure = StoreFailure::new("permission denied");
    store.fail(Op::Load, &failure, 1);
    let mut process = Process::start(&store, START);
    let _permit = process.wait();
    process.run();
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
    let _permit = process.wait();
    process.run();
    let defect = InvalidSavedSession::Truncated;
    assert!(
        process
            .events
            .contains(&Event::SavedSessionDamaged { defect })
    );
    assert_eq!(process.log.last(), Some(&Op::Password));
    process.answer(200, TOKENS);
    assert!(store.saved().is_ok());
}

#[test]
fn i8_another_users_session_counts_as_none_and_is_overwritten() {
    let store = Memory::default();
    Process::logged_in(&store, START);
    let mut other = Process::start_as(&store, START, "other", 2);
    let _permit = other.wait();
    other.run();
    assert!(other.events.contains(&Event::SavedSessionForeign));
    assert_eq!(other.log.last(), Some(&Op::Password));
    other.answer(200, TOKENS);
    assert_eq!(store.saved().unwrap().username(), "other");
}

#[test]
fn i14_a_save_that_fails_costs_an_event_and_is_made_up_for() {
    let store = Memory::default();
    let mut process = Process::start(&store, START);
    let permit = process.wait();
    process.run();
    store.fail(Op::Save, &StoreFailure::new("disk full"), 1);
    process.log.clear();
    process.answer(200, TOKENS);
    let log = [
        Op::Save,
        Op::Event("the session was not saved"),
        Op::Event("logged in"),
        Op::Unlock,
    ];
    assert_eq!(process.log, log);
    assert!(matches!(process.ask_with(permit), Clearance::Go(_)));
    assert!(!store.text().contains("s3cr3t-refresh-1"));
    process.log.clear();
    assert_eq!(process.until, Some(START.saturating_add(30 * SECOND)));
    process.pass(29 * SECOND);
    assert_eq!(process.log, []);
    process.pass(SECOND);
    assert_eq!(process.log, [Op::Lock, Op::Load, Op::Save, Op::Unlock]);
    assert!(store.text().contains("s3cr3t-refresh-1"));
    assert_eq!(process.until, None);
    process.pass(HOUR / 2);
    assert_eq!(process.log.len(), 4);
}

#[test]
fn a_late_save_does_not_overwrite_what_another_process_has_saved_since() {
    let store = Memory::default();
    let mut first = Process::logged_in(&store, START);
    let mut second = Process::start(&store, START);
    let _permit = second.wait();
    second.run();
    let expired = START.saturating_add(HOUR);
    (first.now, second.now) = (expired, expired);
    let _permit = first.wait();
    first.run();
    store.fail(Op::Save, &StoreFailure::new("disk full"), 1);
    first.answer(200, TOKENS);
    // The second one can't know, and its refresh token is spent.
    let _permit = second.wait();
    second.run();
    second.answer(401, "");
    second.answer(200, TOKENS);
    let saved = store.text();
    first.log.clear();
    first.pass(30 * SECOND);
    assert_eq!(
        first.log,
        [Op::Lock, Op::Load, Op::Event("took over"), Op::Unlock]
    );
    assert_eq!(store.text(), saved);
}

#[test]
fn i14_a_set_that_could_not_be_saved_outlives_the_refusal_of_the_one_that_it_replaced() {
    let store = Memory::default();
    let mut first = Process::logged_in(&store, START);
    let mut second = Process::start(&store, START);
    let _permit = second.wait();
    second.run();
    let expired = START.saturating_add(HOUR);
    (first.now, second.now) = (expired, expired);
    let _permit = first.wait();
    first.run();
    store.fail(Op::Save, &StoreFailure::new("disk full"), 1);
    first.answer(200, TOKENS);
    let _permit = second.wait();
    second.run();
    second.answer(401, "");
    drop(second); // killed before its password brought anything
    first.log.clear();
    first.pass(30 * SECOND);
    assert_eq!(first.log, [Op::Lock, Op::Load, Op::Save, Op::Unlock]);
    assert!(matches!(first.ask(), Clearance::Go(_)));
    assert!(store.text().contains("s3cr3t-refresh"));
}

#[test]
fn i2_a_refused_password_is_not_sent_by_a_process_that_starts_within_a_day() {
    let store = Memory::default();
    let mut first = Process::start(&store, START);
    let _permit = first.wait();
    first.run();
    first.log.clear();
    first.answer(401, "");
    assert_eq!(
        first.log,
        [
            Op::Save,
            Op::Event("the password of fleet was refused"),
            Op::Unlock
        ]
    );
    for (after, is_sent) in [(SECOND, false), (23 * HOUR, false), (DAY, true)] {
        let mut next = Process::start(&store, START.saturating_add(after));
        let permit = next.wait();
        next.run();
        assert_eq!(next.log.contains(&Op::Password), is_sent, "{after:?}");
        if !is_sent {
            let at = START;
            assert!(next.events.contains(&Event::RefusalRemembered { at }));
            let clearance = next.ask_with(permit);
            let Clearance::Denied(denied @ Denied::Rejected { remembered, .. }) = clearance else {
                panic!("{clearance:?}");
            };
            assert_eq!(remembered, Some(START));
            assert_eq!(
                denied.to_string(),
                "auth-service.services.simacan.com refused the password of fleet (Fri, 15 Jan 2027 \
                 08:00:00 GMT, says the saved session): it is not sent again, set new credentials to \
                 go on; if it is right by now, remove the saved session and start anew"
            );
        }
    }
}

#[test]
fn a_refusal_of_this_process_is_not_said_to_be_of_another() {
    let store = Memory::default();
    let mut first = Process::start(&store, START);
    let _permit = first.wait();
    first.run();
    first.answer(401, "");
    let mut next = Process::start(&store, START.saturating_add(MINUTE));
    let _permit = next.wait();
    next.run();
    next.machine
        .handle_credentials(next.now, credentials("fleet", 2));
    let _permit = next.wait();
    next.run();
    next.answer(401, "");
    let clearance = next.ask();
    let Clearance::Denied(denied @ Denied::Rejected { remembered, .. }) = clearance else {
        panic!("{clearance:?}");
    };
    assert_eq!(remembered, None);
    assert!(!denied.to_string().contains("saved session"), "{denied}");
}

#[test]
fn a_password_that_was_corrected_is_sent_at_once() {
    let store = Memory::default();
    let mut first = Process::start(&store, START);
    let _permit = first.wait();
    first.run();
    first.answer(401, "");
    let mut next = Process::start_as(&store, START, "fleet", 2);
    let _permit = next.wait();
    next.run();
    assert_eq!(next.log.last(), Some(&Op::Password));
}

#[test]
fn i13_the_passwords_of_processes_that_die_are_counted() {
    let store = Memory::default();
    let mut passwords = Vec::new();
    let mut now = START;
    // One that is started each second and killed while it logs in.
    for _ in 0..3600 {
        let mut process = Process::start(&store, now);
        let clearance = process.ask();
        drop(clearance);
        process.run();
        if process.log.contains(&Op::Password) {
            passwords.push(now.saturating_since(START).as_secs());
        }
        now = now.saturating_add(SECOND);
    }
    assert_eq!(passwords, [0, 1, 2, 32, 92, 212, 452, 932, 1832, 2732]);
}

#[test]
fn i10_reports_of_another_operation_change_nothing() {
    let store = Memory::default();
    let mut process = Process::start(&store, START);
    let mut other = Process::start(&store, START);
    let (_permit, _other) = (process.wait(), other.wait());
    let (lock, foreign) = (process.poll_op(), other.poll_op());
    let before = process.fingerprint();
    let now = process.now;
    for op in [lock, foreign] {
        process.machine.handle_saved(now, op);
        process.machine.handle_loaded(now, op, None);
        process.machine.handle_locked(now, foreign);
        process
            .machine
            .handle_store_failure(now, foreign, StoreFailure::Locked);
        assert_eq!(process.fingerprint(), before);
    }
    process.machine.handle_locked(now, lock);
    let locked = process.fingerprint();
    assert_ne!(locked, before);
    process.machine.handle_locked(now, lock);
    process
        .machine
        .handle_store_failure(now, lock, StoreFailure::Locked);
    assert_eq!(process.fingerprint(), locked);
    let load = process.poll_op();
    process.machine.handle_saved(now, load);
    process.machine.handle_locked(now, load);
    process.machine.handle_loaded(now, load, None);
    let save = process.poll_op();
    process.machine.handle_loaded(now, save, None);
    process.machine.handle_locked(now, save);
    assert_eq!(process.machine.at_store(), Some(save));
}

#[test]
fn credentials_that_change_before_the_exchange_end_the_visit() {
    for (username, number) in [("fleet", 2), ("other", 3)] {
        let store = Memory::default();
        let mut process = Process::start(&store, START);
        let _permit = process.wait();
        let lock = process.poll_op();
        process.machine.handle_locked(START, lock);
        let load = process.poll_op();
        process.machine.handle_loaded(START, load, None);
        let announce = process.poll_op();
        process.set_credentials(username, number);
        process.machine.handle_saved(START, announce);
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
    let _permit = process.wait();
    process.run();
    process.answer(200, TOKENS);
    assert!(process.printed.contains("SavedSession {"));
    assert!(
        !process.printed.contains("s3cr3t"),
        "I9: {}",
        process.printed
    );
}

#[test]
fn i12_a_clock_that_is_set_back_forgets_no_refusal() {
    let store = Memory::default();
    let mut first = Process::start(&store, START);
    let _permit = first.wait();
    first.run();
    first.answer(401, "");
    let earlier = Timestamp::from_millis(START.as_millis() - 7 * 86_400_000);
    let mut next = Process::start(&store, earlier);
    let _permit = next.wait();
    next.run();
    assert!(!next.log.contains(&Op::Password));
}

/// The refusal counts from when the right time was first seen, and that is saved, once.
#[test]
fn i12_a_refusal_of_a_clock_that_was_ahead_is_believed_for_a_day_too() {
    let store = Memory::default();
    let mut first = Process::start(&store, START.saturating_add(365 * DAY));
    let _permit = first.wait();
    first.run();
    first.answer(401, "");
    for (after, saves, is_sent) in [
        (Duration::ZERO, true, false),
        (HOUR, false, false),
        (23 * HOUR, false, false),
        (DAY, true, true),
    ] {
        let mut next = Process::start(&store, START.saturating_add(after));
        let _permit = next.wait();
        next.run();
        assert_eq!(next.log.contains(&Op::Password), is_sent, "{after:?}");
        assert_eq!(next.log.contains(&Op::Save), saves, "{after:?}");
    }
}

#[test]
fn i12_a_clock_that_is_set_back_holds_no_password_back_for_long() {
    let store = Memory::default();
    let mut now = START;
    for _ in 0..4 {
        let mut process = Process::start(&store, now);
        let _permit = process.wait();
        process.run();
        now = now.saturating_add(30 * SECOND);
    }
    // The last of them has been counted a day from now, and each process lives for 30 s.
    let back = Timestamp::from_millis(START.as_millis() - 86_400_000);
    let sent = (0..10_u32).map(|n| {
        let mut process = Process::start(&store, back.saturating_add(n * 20 * SECOND));
        let clearance = process.ask();
        drop(clearance);
        process.run();
        process.log.contains(&Op::Password)
    });
    let sent: Vec<_> = sent.collect();
    assert_eq!(sent.iter().position(|sent| *sent), Some(3), "{sent:?}");
}

#[test]
fn i2_a_late_save_keeps_the_newer_refusal() {
    let store = Memory::default();
    let mut first = Process::start(&store, START);
    let _permit = first.wait();
    first.run();
    store.fail(Op::Save, &StoreFailure::new("disk full"), 1);
    first.answer(401, "");
    let later = START.saturating_add(MINUTE);
    let mut second = Process::start(&store, later);
    let _permit = second.wait();
    second.run();
    second.answer(401, "");
    first.pass(2 * MINUTE);
    let at = later.as_millis();
    assert!(
        store.text().contains(&format!("\"at\":{at}")),
        "{}",
        store.text()
    );
}

#[test]
fn i1_no_exchange_starts_when_whoever_held_the_lock_is_gone() {
    let store = Memory::default();
    store.fail(Op::Save, &StoreFailure::Abandoned, 1);
    let mut process = Process::start(&store, START);
    let _permit = process.wait();
    process.run();
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

#[test]
fn i12_a_save_of_its_own_that_finds_no_lock_is_no_failed_attempt() {
    let store = Memory::default();
    store.fail(Op::Save, &StoreFailure::new("disk full"), 2);
    let mut process = Process::logged_in(&store, START);
    process.now = START.saturating_add(Duration::from_secs(3570));
    let clearance = process.ask();
    assert!(matches!(clearance, Clearance::Go(_)), "{clearance:?}");
    process.run();
    for _ in 0..2 {
        process.answer(503, "");
        process.pass(5 * SECOND);
    }
    store.fail(Op::Lock, &StoreFailure::Locked, 1);
    process.answer(503, "");
    let last = &process.events[process.events.len() - 2..];
    assert!(
        matches!(last, [Event::RoundFailed { .. }, Event::SaveFailed { .. }]),
        "{last:?}"
    );
}

#[test]
fn a_fork_knows_what_its_machine_knows_of_the_store() {
    let store = Memory::default();
    store.fail(Op::Save, &StoreFailure::new("disk full"), 2);
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
    let _permit = process.wait();
    process.run();
    process.answer(200, TOKENS);
    store.replace(Some(old));
    process.now = START.saturating_add(2 * HOUR);
    process.log.clear();
    let _permit = process.wait();
    process.run();
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
    let permit = first.wait();
    first.run();
    assert_eq!(
        first.log,
        [Op::Lock, Op::Load, Op::Event("took over"), Op::Unlock]
    );
    assert!(matches!(first.ask_with(permit), Clearance::Go(_)));
    second.run();
}

#[test]
fn i12_a_late_save_sends_nothing_for_a_user_nobody_has_asked_for() {
    let store = Memory::default();
    store.fail(Op::Save, &StoreFailure::new("disk full"), 2);
    let mut process = Process::logged_in(&store, START);
    process.set_credentials("other", 1);
    process.pass(5 * MINUTE);
    let ops: Vec<_> = process
        .log
        .iter()
        .filter(|op| !matches!(op, Op::Event(_)))
        .collect();
    assert_eq!(ops, [&Op::Lock, &Op::Load, &Op::Save, &Op::Unlock]);
}
