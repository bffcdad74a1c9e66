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
    let _pending = process.demand();
    process.grant();
    process
}

#[test]
fn i14_the_late_save_of_a_rejected_process_keeps_another_ones_tokens() {
    let store = Memory::default();
    let mut rejected = rejected_unsaved(&store);
    let second = START.saturating_add(SECOND);
    logged_in_with(&store, second, 2);
    assert!(store.text().contains("s3cr3t-refresh-1"));
    rejected.pass(MINUTE);
    assert!(
        store.text().contains("s3cr3t-refresh-1"),
        "{}",
        store.text()
    );
}

/// It has a token that is still good: this takes the refresh token even from who holds it in memory.
#[test]
fn i1_the_late_save_of_a_rejected_process_sends_no_other_one_to_the_password() {
    let store = Memory::default();
    let mut old = Process::logged_in(&store, START);
    let sent = old.go();
    let _retry = old.unauthorized(sent);
    old.run();
    old.refuse(); // the refresh token is refused
    fail_to_save(&store, 1);
    old.refuse(); // and so is the password, which has been changed
    assert_eq!(old.machine.status(), Status::Rejected);
    let second = START.saturating_add(SECOND);
    // What is saved has an access token that a 401 has ended.
    let mut new = Process::start_as(&store, second, "fleet", 2);
    let pending = new.demand();
    let sent = new.go_with(pending);
    let _retry = new.unauthorized(sent);
    new.run();
    new.grant();
    assert!(store.text().contains("s3cr3t-refresh-2"));
    old.pass(MINUTE);
    new.now = START.saturating_add(2 * HOUR);
    new.log.clear();
    let _pending = new.demand();
    assert!(!new.has_done(Op::Password), "{:?}", new.log);
}

#[test]
fn i1_a_rejected_process_that_gets_the_right_password_takes_over_what_it_has_loaded() {
    let store = Memory::default();
    let mut rejected = rejected_unsaved(&store);
    logged_in_with(&store, START.saturating_add(SECOND), 2);
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
    let store = Memory::default();
    let mut process = Process::logged_in(&store, START);
    process.set_credentials("other", 2);
    process.set_credentials("fleet", 1);
    let _pending = process.demand();
    assert!(!process.has_done(Op::Password), "{:?}", process.log);
}

#[test]
fn i2_taking_over_tokens_forgets_no_refusal_that_is_yet_to_be_saved() {
    let store = Memory::default();
    let mut process = rejected_unsaved(&store);
    logged_in_with(&store, START.saturating_add(SECOND), 2);
    process.now = START.saturating_add(2 * SECOND);
    process.set_credentials("fleet", 2);
    let pending = process.demand();
    let _sent = process.go_with(pending);
    process.pass(10 * MINUTE);
    drop(process);
    // A job that still has the old password, once the session has ended.
    let mut job = Process::start(&store, START.saturating_add(2 * HOUR));
    let _pending = job.demand();
    job.refuse(); // the refresh
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
    let mut job = Process::start(&store, START.saturating_add(HOUR));
    let _pending = job.demand();
    assert!(!job.has_done(Op::Password), "{:?}", job.log);
}

/// A process that is told at a target that its token is good for nothing.
fn with_a_401(store: &Memory) -> Process {
    let mut process = Process::logged_in(store, START);
    let sent = process.go();
    let _retry = process.unauthorized(sent);
    process.run();
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
    let log = [
        Op::Lock,
        Op::Load,
        Op::Event("took over"),
        Op::Save,
        Op::Unlock,
    ];
    assert_eq!(mender.log, log);
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
    assert!(
        store.text().contains("s3cr3t-refresh-2"),
        "I14: the token that is good is lost, and this one is spent: {}",
        store.text()
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
    let json = format!(
        r#"{{"version":1,"revision":{},"endpoint":"https://x.example/","client_id":null,
        "username":"fleet","tokens":null,"logins":{{"count":0,"last":0}}}}"#,
        u64::MAX
    );
    let json = json.replace("https://x.example/", &endpoint());
    let saved = SavedSession::from_json(json.as_bytes()).unwrap();
    let mut machine = Machine::new(
        Provider::simacan(),
        credentials("fleet", 1),
        Config::default(),
    )
    .with_store();
    let pending = Pending::new();
    let _waits = machine.log_in(START, pending);
    let Output::Store(StoreOp::Lock(lock)) = machine.poll(START) else {
        panic!("a lock");
    };
    machine.handle_end(START, lock, JobEnd::Locked(None));
    let Output::Store(StoreOp::Load(load)) = machine.poll(START) else {
        panic!("a load");
    };
    machine.handle_end(START, load, JobEnd::Loaded(Some(saved)));
    let Output::Store(StoreOp::Save(_, announced)) = machine.poll(START) else {
        panic!("the announcement of a password");
    };
    assert!(
        announced.revision() >= u64::MAX - 1,
        "or others find it older"
    );
}

/// Where Simacan's sessions belong.
fn endpoint() -> String {
    let store = Memory::default();
    Process::logged_in(&store, START);
    let text = store.text();
    let (_, rest) = text.split_once(r#""endpoint":""#).unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

/// Two jobs with wrong passwords were given the same file by mistake.
#[test]
fn i13_another_users_session_does_not_wipe_the_login_guard() {
    let store = Memory::default();
    let mut passwords = 0;
    for minute in 0..60 {
        let now = START.saturating_add(minute * MINUTE);
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
    let mut old = Process::start(&store, START);
    let _pending = old.demand();
    for _ in 0..2 {
        old.answer(503, "");
        old.pass(SECOND);
    }
    old.answer(503, "");
    old.pass(2 * MINUTE);
    let _pending = old.demand();
    old.grant();
    // A day later another one's refresh is refused, and it logs in again: the first password in a day.
    let day = START.saturating_add(24 * HOUR);
    let mut other = Process::start(&store, day);
    let _pending = other.demand();
    other.refuse();
    other.grant();
    // And then the old one's is.
    old.now = day.saturating_add(10 * SECOND);
    old.asks();
    let sent = old.go();
    let _retry = old.unauthorized(sent);
    old.run();
    old.log.clear();
    old.refuse();
    assert_eq!(old.log.last(), Some(&Op::Password), "{:?}", old.log);
}

/// Else the model checker takes two different machines for one.
#[cfg(any(model, fuzzing))]
#[test]
fn what_is_to_be_mended_is_in_the_fingerprint() {
    let saved = |last: u64| {
        let json = format!(
            r#"{{"version":1,"revision":3,"endpoint":"{}","client_id":null,"username":"fleet",
            "tokens":{{"access_token":"a","refresh_token":"r","received_at":0,"expires_at":1}},
            "logins":{{"count":1,"last":{last}}}}}"#,
            endpoint()
        );
        SavedSession::from_json(json.as_bytes()).unwrap()
    };
    let end = |last: u64| {
        let store = Memory::default();
        let mut process = Process::start(&store, START);
        let _pending = process.wait();
        let lock = process.poll_op();
        process.end(lock, JobEnd::Locked(None));
        let load = process.poll_op();
        process.end(load, JobEnd::Loaded(Some(saved(last))));
        loop {
            match process.machine.poll(START) {
                Output::Event(_) => {}
                Output::Transmit(transmit) => {
                    let lost = TransportFailure::timed_out();
                    process
                        .machine
                        .handle_failure(START, transmit.exchange, lost);
                    break;
                }
                Output::Store(StoreOp::Save(save, _)) => {
                    process.end(save, JobEnd::StoreFailed(disk_full()));
                }
                other => panic!("{other:?}"),
            }
        }
        process
    };
    // One is a day ahead and was mended to now; the other says now itself.
    let (ahead, now) = (end(START.as_millis() + 86_400_000), end(START.as_millis()));
    assert_ne!(ahead.fingerprint(), now.fingerprint());
}

/// Nothing is done for the new user before somebody asks, least of all in the place of what is there.
#[test]
fn a_change_of_the_user_between_the_answer_and_the_save_saves_nothing() {
    let (provider, config) = (Provider::simacan(), Config::default());
    let mut machine = Machine::new(provider, credentials("fleet", 1), config).with_store();
    let pending = Pending::new();
    let _waits = machine.log_in(START, pending);
    let mut is_over = false;
    for _ in 0..20 {
        match machine.poll(START) {
            Output::Event(_) => {}
            Output::Store(StoreOp::Lock(op)) => machine.handle_end(START, op, JobEnd::Locked(None)),
            Output::Store(StoreOp::Load(op)) => machine.handle_end(START, op, JobEnd::Loaded(None)),
            Output::Store(StoreOp::Save(op, saved)) => {
                assert_eq!(saved.username(), "fleet");
                machine.handle_end(START, op, JobEnd::Saved);
            }
            Output::Store(StoreOp::Mark(..)) | Output::Credentials(_) => panic!("not needed"),
            Output::Store(StoreOp::Unlock) => is_over = true,
            Output::Transmit(transmit) => {
                let body = r#"{"access_token":"a","refresh_token":"r","token_type":"bearer","expires_in":3600}"#;
                machine.handle_response(START, transmit.exchange, Response::new(body));
                machine.handle_credentials(START, credentials("other", 2));
            }
            Output::Wait(_) => break,
        }
    }
    assert!(is_over);
}
