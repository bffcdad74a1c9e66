//! Corners of a machine with a store, in which two or three rules have to meet.

use crate::common::prelude::*;

/// Has had its password refused, and could not save so.
/// Nor can it be marked.
fn fail_to_save(store: &Memory, times: usize) {
    store.fail(Op::Save, &disk_full(), times);
    store.fail(Op::Mark, &disk_full(), times);
}

fn rejected_unsaved(store: &Memory) -> Process {
    let mut process = Process::start(store, START);
    let _pending = process.demand();
    fail_to_save(store, 1);
    process.refuse();
    assert_eq!(process.machine.status(), Status::Rejected);
    process
}

fn logged_in_with(store: &Memory, now: Timestamp, number: u32) -> Process {
    let mut process = Process::start_as(store, now, "fleet", number);
    process.renew();
    process
}

#[test]
fn i14_the_late_save_of_a_rejected_process_keeps_another_ones_tokens() {
    let store = Memory::default();
    let mut rejected = rejected_unsaved(&store);
    let second = after(SECOND);
    logged_in_with(&store, second, 2);
    assert!(store.text().contains("s3cr3t-refresh-1"));
    rejected.pass(MINUTE);
    let text = store.text();
    contains(&text, "s3cr3t-refresh-1");
}

/// It has a token that is still good: this takes the refresh token even from who holds it in memory.
#[test]
fn i1_the_late_save_of_a_rejected_process_sends_no_other_one_to_the_password() {
    let (store, mut old) = Process::first_logged_in();
    old.meet_a_401();
    old.refuse(); // the refresh token is refused
    fail_to_save(&store, 1);
    old.refuse(); // and so is the password, which has been changed
    assert_eq!(old.machine.status(), Status::Rejected);
    let second = after(SECOND);
    // What is saved has an access token that a 401 has ended.
    let mut new = Process::start_as(&store, second, "fleet", 2);
    let pending = new.demand();
    let sent = new.go_with(pending);
    let _retry = new.unauthorized(sent);
    new.run();
    new.grant();
    assert!(store.text().contains("s3cr3t-refresh-2"));
    old.pass(MINUTE);
    new.now = after(2 * HOUR);
    new.log.clear();
    let _pending = new.demand();
    assert!(!new.has_done(Op::Password), "{:?}", new.log);
}

#[test]
fn i1_a_rejected_process_that_gets_the_right_password_takes_over_what_it_has_loaded() {
    let store = Memory::default();
    let mut rejected = rejected_unsaved(&store);
    logged_in_with(&store, after(SECOND), 2);
    // Its late save loads the other one's tokens, but can save nothing.
    store.fail(Op::Save, &disk_full(), 1);
    rejected.pass(MINUTE);
    rejected.set_credentials("fleet", 2);
    rejected.log.clear();
    let _sent = rejected.go();
    assert!(!rejected.has_done(Op::Password), "{:?}", rejected.log);
}

#[test]
fn i1_a_process_that_comes_back_to_a_user_takes_over_the_saved_session() {
    let (_, mut process) = Process::first_logged_in();
    process.set_credentials("other", 2);
    process.set_credentials("fleet", 1);
    let _pending = process.demand();
    assert!(!process.has_done(Op::Password), "{:?}", process.log);
}

#[test]
fn i2_taking_over_tokens_forgets_no_refusal_that_is_yet_to_be_saved() {
    let store = Memory::default();
    let mut process = rejected_unsaved(&store);
    logged_in_with(&store, after(SECOND), 2);
    process.now = after(2 * SECOND);
    process.set_credentials("fleet", 2);
    let pending = process.demand();
    let _sent = process.go_with(pending);
    process.pass(10 * MINUTE);
    drop(process);
    // A job that still has the old password, once the session has ended.
    let job = Process::refused(&store, after(2 * HOUR)); // its refresh is
    assert!(!job.has_done(Op::Password), "{:?}", job.log);
}

/// Of another user's refusal nothing is left in the store, either.
#[test]
fn i2_a_change_of_the_user_forgets_no_refusal_that_is_yet_to_be_saved() {
    let store = Memory::default();
    let mut process = rejected_unsaved(&store);
    process.set_credentials("other", 2);
    process.pass(10 * MINUTE);
    drop(process);
    let job = Process::asked(&store, after(HOUR));
    assert!(!job.has_done(Op::Password), "{:?}", job.log);
}

/// A process that is told at a target that its token is good for nothing.
fn with_a_401(store: &Memory) -> Process {
    let mut process = Process::logged_in(store, START);
    process.meet_a_401();
    process
}

/// A process whose clock is right takes over what is there, makes no exchange, and saves it with its pacing
/// mended.
fn mend(store: &Memory, now: Timestamp) {
    let text = store.text();
    let (known, rest) = text.split_once(r#""last":"#).unwrap();
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let (rest, _checksum) = rest.split_once(r#","checksum""#).unwrap();
    let ahead = now.saturating_add(24 * HOUR).as_millis();
    store.replace(Some(format!(r#"{known}"last":{ahead}{rest}}}"#)));
    let mut mender = Process::start(store, now);
    let pending = mender.demand();
    assert_eq!(mender.done(), "lock, load, took over, save, unlock");
    let _sent = mender.go_with(pending);
}

#[test]
fn i3_i14_an_unsaved_successor_outlives_a_save_of_the_set_that_it_has_replaced() {
    let store = Memory::default();
    let mut process = with_a_401(&store);
    store.fail(Op::Save, &disk_full(), 2);
    process.grant();
    mend(&store, process.now);
    process.pass(MINUTE);
    let text = store.text();
    assert!(
        text.contains("s3cr3t-refresh-2"),
        "I14: the good one is lost: {text}"
    );
}

#[test]
fn i3_a_refused_refresh_token_is_not_sent_again_since_another_process_has_saved_it_again() {
    let store = Memory::default();
    let mut process = with_a_401(&store);
    store.fail(Op::Save, &disk_full(), 1);
    store.fail(Op::Lock, &StoreFailure::Locked, 1);
    process.refuse();
    assert_eq!(process.machine.status(), Status::ReLogin);
    mend(&store, process.now);
    process.log.clear();
    process.pass(10 * SECOND);
    assert!(!process.has_done(Op::Refresh), "{:?}", process.log);
}

/// What [`SavedSession::from_json`] lets through must not panic (I10).
#[test]
fn i10_no_revision_is_too_high() {
    let (store, mut process) = Process::first();
    store.replace(Some(format!(
        r#"{{"version":1,"revision":{},"endpoint":"{}","client_id":null,
        "username":"fleet","tokens":null,"logins":{{"count":0,"last":0}}}}"#,
        u64::MAX,
        endpoint()
    )));
    let _pending = process.demand(); // the password has been announced
    let announced = store.saved().unwrap().revision();
    assert!(announced >= u64::MAX - 1, "or others find it older");
}

/// Where Simacan's sessions belong.
fn endpoint() -> String {
    let text = Memory::with_session().text();
    let (_, rest) = text.split_once(r#""endpoint":""#).unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

/// Two jobs with wrong passwords were given the same file by mistake.
#[test]
fn i13_another_users_session_does_not_wipe_the_login_guard() {
    let store = Memory::default();
    let mut passwords = 0;
    for minute in 0..60 {
        let now = after(minute * MINUTE);
        for (username, number) in [("fleet", 1), ("other", 2)] {
            let mut job = Process::start_as(&store, now, username, number);
            job.asks();
            if job.has_done(Op::Password) {
                passwords += 1;
                job.refuse();
            }
        }
    }
    assert!(passwords <= 24, "I13: {passwords} passwords in an hour");
}

/// Yesterday's troubles count no more, whoever logs in today.
#[test]
fn an_hour_without_a_password_resets_a_count_that_is_merged() {
    let store = Memory::default();
    // Logged in after a few failures: its count is 4.
    let mut old = Process::asked(&store, START);
    for _ in 0..2 {
        old.answer(503, "");
        old.pass(SECOND);
    }
    old.answer(503, "");
    old.pass(2 * MINUTE);
    old.renew();
    // A day later another one's refresh is refused, and it logs in again: the first password in a day.
    let day = after(24 * HOUR);
    let mut other = Process::refused(&store, day);
    other.grant();
    // And then the old one's is.
    old.now = day.saturating_add(10 * SECOND);
    old.asks();
    old.meet_a_401();
    old.log.clear();
    old.refuse();
    assert_eq!(old.log.last(), Some(&Op::Password), "{:?}", old.log);
}

/// Else the model checker takes two different machines for one.
#[cfg(any(model, fuzzing))]
#[test]
fn what_is_to_be_mended_is_in_the_fingerprint() {
    let loaded = |last: u64| {
        let (store, mut process) = Process::first();
        store.replace(Some(format!(
            r#"{{"version":1,"revision":3,"endpoint":"{}","client_id":null,"username":"fleet",
            "tokens":{{"access_token":"a","refresh_token":"r","received_at":0,"expires_at":1}},
            "logins":{{"count":1,"last":{last}}}}}"#,
            endpoint()
        )));
        store.fail(Op::Save, &disk_full(), 9);
        let _pending = process.demand();
        process.lose();
        process.fingerprint()
    };
    // One is a day ahead and was mended to now; the other says now itself.
    let now = START.as_millis();
    assert_ne!(loaded(now + 86_400_000), loaded(now));
}

/// Nothing is done for the new user before somebody asks, least of all in the place of what is there.
#[test]
fn a_change_of_the_user_between_the_answer_and_the_save_saves_nothing() {
    let store = Memory::default();
    let mut process = Process::asked(&store, START);
    process.log.clear();
    process.receive_tokens();
    process.set_credentials("other", 2);
    process.run();
    assert_eq!(process.done(), "logged in, new credentials, unlock");
    assert_eq!(store.saved().unwrap().username(), "fleet");
}
