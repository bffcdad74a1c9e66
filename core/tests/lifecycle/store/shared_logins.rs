//! What processes know through the store of the passwords that left and were refused (I2, I13).

use crate::common::prelude::*;

#[test]
fn i2_a_refused_password_is_not_sent_by_a_process_that_starts_within_a_day() {
    let store = Memory::default();
    let first = Process::refused(&store, START);
    let told = "lock, load, save, password, save, the password of fleet was refused, unlock";
    assert_eq!(first.done(), told);
    for (age, is_sent) in [(SECOND, false), (23 * HOUR, false), (DAY, true)] {
        let mut next = Process::start(&store, after(age));
        let pending = next.demand();
        assert_eq!(next.has_done(Op::Password), is_sent, "{age:?}");
        if !is_sent {
            let (at, place) = (START, "the session's store".to_owned());
            let remembered = Event::RefusalRemembered { at, place };
            assert!(next.events.contains(&remembered));
            let authorization = next.ask_with(pending);
            let Authorization::Denied(denied @ Denied::Rejected { remembered, .. }) = authorization
            else {
                panic!("{authorization:?}");
            };
            assert_eq!(remembered, Some(START));
            assert_eq!(
                denied.to_string(),
                "https://auth-service.services.simacan.com/api/v1/auth/password refused the password of fleet on \
                 Fri, 15 Jan 2027 08:00:00 GMT, when another process sent it: it is not sent again before Sat, 16 Jan \
                 2027 08:00:00 GMT (remembered in the session's store); set new credentials to go on, or call \
                 `retry_refused` if it is valid now"
            );
        }
    }
}

#[test]
fn a_refusal_of_this_process_is_not_said_to_be_of_another() {
    let store = Memory::with_refusal();
    let mut next = Process::asked(&store, after(MINUTE));
    next.machine
        .handle_credentials(next.now, credentials("fleet", 2));
    let _pending = next.demand();
    next.refuse();
    let authorization = next.ask();
    let Authorization::Denied(denied @ Denied::Rejected { remembered, .. }) = authorization else {
        panic!("{authorization:?}");
    };
    assert_eq!(remembered, None);
    assert!(!denied.to_string().contains("saved session"), "{denied}");
}

#[test]
fn a_password_that_was_corrected_is_sent_at_once() {
    let store = Memory::with_refusal();
    let mut next = Process::start_as(&store, START, "fleet", 2);
    let _pending = next.demand();
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
        process.asks();
        if process.has_done(Op::Password) {
            passwords.push(now.saturating_since(START).as_secs());
        }
        now = now.saturating_add(SECOND);
    }
    assert_eq!(passwords, [0, 1, 2, 32, 92, 212, 452, 932, 1832, 2732]);
}

#[test]
fn i12_a_clock_that_is_set_back_forgets_no_refusal() {
    let store = Memory::with_refusal();
    let earlier = Timestamp::from_millis(START.as_millis() - 7 * 86_400_000);
    let next = Process::asked(&store, earlier);
    assert!(!next.has_done(Op::Password));
}

/// The refusal counts from when the right time was first seen, and that is saved, once.
#[test]
fn i12_a_refusal_of_a_clock_that_was_ahead_is_believed_for_a_day_too() {
    let store = Memory::default();
    Process::refused(&store, after(365 * DAY));
    for (age, saves, is_sent) in [
        (Duration::ZERO, true, false),
        (HOUR, false, false),
        (23 * HOUR, false, false),
        (DAY, true, true),
    ] {
        let next = Process::asked(&store, after(age));
        assert_eq!(next.has_done(Op::Password), is_sent, "{age:?}");
        assert_eq!(next.has_done(Op::Save), saves, "{age:?}");
    }
}

#[test]
fn i12_a_clock_that_is_set_back_holds_no_password_back_for_long() {
    let store = Memory::default();
    let mut now = START;
    for _ in 0..4 {
        Process::asked(&store, now);
        now = now.saturating_add(30 * SECOND);
    }
    // The last of them has been counted a day from now, and each process lives for 30 s.
    let back = Timestamp::from_millis(START.as_millis() - 86_400_000);
    let sent = (0..10_u32).map(|n| {
        let mut process = Process::start(&store, back.saturating_add(n * 20 * SECOND));
        process.asks();
        process.has_done(Op::Password)
    });
    let sent: Vec<_> = sent.collect();
    assert_eq!(sent.iter().position(|sent| *sent), Some(3), "{sent:?}");
}

#[test]
fn i2_a_late_save_keeps_the_newer_refusal() {
    let store = Memory::default();
    let mut first = Process::asked(&store, START);
    store.fail(Op::Save, &disk_full(), 1);
    store.fail(Op::Mark, &StoreFailure::new("no mark"), 1);
    first.refuse();
    let later = after(MINUTE);
    Process::refused(&store, later);
    first.pass(2 * MINUTE);
    let at = later.as_millis();
    contains(&store.text(), &format!("\"at\":{at}"));
}
