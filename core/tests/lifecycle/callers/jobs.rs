//! What a driver does for a machine: one job at a time, each with one end (I4); whether there is one to do;
//! and the last of them.
#![cfg(any(model, fuzzing))]

use crate::common::prelude::*;

const ATTEMPT_FAILED: Op = Op::Event("attempt 1 failed");
const NOT_SAVED: Op = Op::Event("the session was not saved");

/// A first login with this job in flight.
fn at(kind: Op) -> (Process, JobId) {
    let mut process = Process::start(&Memory::default(), START);
    let _pending = process.wait();
    for op in LOGIN {
        let job = match op {
            Op::Password => {
                process.run();
                process.log.clear();
                process.machine.in_flight().expect("the exchange")
            }
            _ => process.poll_op(),
        };
        if op == kind {
            return (process, job);
        }
        process.end(job, done(op));
    }
    panic!("no job of a login: {kind:?}");
}

/// All went well.
fn done(op: Op) -> JobEnd {
    match op {
        Op::Lock => JobEnd::Locked(None),
        Op::Load => JobEnd::Loaded(None),
        Op::Save => JobEnd::Saved,
        _ => JobEnd::Answered(Response::new(ResponseBody::new())),
    }
}

/// The end of this one, and all that follows but for the answer to another exchange.
fn end(process: &mut Process, job: JobId, end: JobEnd) {
    process.end(job, end);
    process.run();
}

/// Whether there is anything to do: as a poll finds, and nothing changes for the question.
fn wants(machine: &mut Machine, now: Timestamp) -> bool {
    let before = fingerprint(machine);
    let wants = machine.wants(now);
    assert_eq!(fingerprint(machine), before);
    let is_idle = matches!(machine.fork().poll(now), Output::Wait(_));
    assert_eq!(wants, !is_idle);
    wants
}

/// Nothing until this time, and then something.
fn wants_at(machine: &mut Machine, at: Timestamp) -> bool {
    !wants(machine, earlier(at, MILLI)) && wants(machine, at)
}

#[test]
fn a_machine_wants_something_if_it_was_asked_or_told_or_its_time_has_come() {
    let mut driver = Driver::fresh();
    assert!(!wants(&mut driver.machine, START));
    let pending = Pending::new();
    let authorization = driver.machine.log_in(START, pending);
    assert!(matches!(authorization, Authorization::Wait(_)));
    assert!(wants(&mut driver.machine, START), "a login");
    driver.settle();
    assert!(!wants(&mut driver.machine, START), "it is in flight");
    let day = after(24 * HOUR);
    assert!(!wants(&mut driver.machine, day));
    driver.reply(&Reply::Lost);
    let retry = driver.wake.expect("the next attempt");
    assert!(wants_at(&mut driver.machine, retry));
    driver.jump_to(retry);
    driver.reply(&TOKENS);
    assert!(!wants(&mut driver.machine, day), "nobody asks");
    driver.give_credentials("fleet", 2);
    assert!(wants(&mut driver.machine, driver.now), "to tell of it");
}

#[test]
fn a_machine_that_keeps_its_session_alive_wants_to_when_it_is_due() {
    let mut driver = Driver::logged_in(keeping_alive(), &TOKENS);
    let due = driver.wake.expect("a refresh");
    assert!(wants_at(&mut driver.machine, due));
    driver.jump_to(due);
    driver.reply(&Reply::Status(404)); // one attempt a round
    let over = driver.wake.expect("the end of the cool-down");
    assert!(wants_at(&mut driver.machine, over));
    driver.machine.close();
    assert!(!wants(&mut driver.machine, over));
}

/// The cool-down is over, but a password may not leave yet: a poll would say until when.
#[test]
fn a_machine_whose_login_waits_wants_nothing() {
    let always = |first| Doubling {
        first,
        longest: first,
    };
    let mut config = keeping_alive();
    (config.free_logins, config.login_spacing) = (1, always(30 * SECOND));
    config.cool_down = always(10 * SECOND);
    let mut driver = Driver::logged_in(config, &TOKENS);
    driver.jump_to(driver.wake.expect("a refresh"));
    driver.reply(&Reply::Refused);
    driver.reply(&Reply::Status(404));
    let over = driver.now.saturating_add(10 * SECOND);
    assert_eq!(driver.wake, Some(over));
    let login = driver.now.saturating_add(30 * SECOND);
    assert!(!wants(&mut driver.machine, over));
    assert!(wants_at(&mut driver.machine, login));
    driver.jump_to(over);
    assert_eq!(driver.wake, Some(login));
    driver.jump_to(login);
    assert!(driver.flying().is_password());
}

#[test]
fn a_machine_with_a_store_wants_the_next_job_once_one_has_ended() {
    for op in LOGIN {
        let (mut process, job) = at(op);
        let later = after(HOUR);
        assert!(!wants(&mut process.machine, later), "{op:?} is in flight");
        assert_eq!(process.machine.in_flight(), Some(job));
        process.end(job, done(op));
        assert!(wants(&mut process.machine, START), "{op:?} has ended");
    }
    let mut process = with_unsaved_tokens(&Memory::default());
    let retry = process.until.expect("a save's next try");
    assert!(wants_at(&mut process.machine, retry));
}

/// Logged in, and the save has failed.
fn with_unsaved_tokens(store: &Memory) -> Process {
    let mut process = Process::start(store, START);
    let _pending = process.demand();
    store.fail(Op::Save, &disk_full(), 2); // it is tried again at once
    process.grant();
    process.log.clear();
    process
}

#[test]
fn i4_i10_an_end_of_another_kind_changes_nothing() {
    let failed = || JobEnd::StoreFailed(StoreFailure::Locked);
    for op in LOGIN {
        let (mut process, job) = at(op);
        let before = process.fingerprint();
        let others = LOGIN.into_iter().filter(|other| *other != op).map(done);
        let unanswered = JobEnd::Unanswered(TransportFailure::timed_out());
        let others = others.chain((op != Op::Password).then_some(unanswered));
        for other in others {
            let text = format!("{op:?} ends as {other:?}");
            process.end(job, other);
            assert_eq!(process.fingerprint(), before, "{text}");
        }
        // Nor does its own, if it is another machine's, or comes again.
        let (_, foreign) = at(op);
        process.end(foreign, done(op));
        process.end(foreign, failed());
        process.machine.abandon(START, foreign);
        assert_eq!(process.fingerprint(), before, "another machine's {op:?}");
        process.end(job, done(op));
        let after = process.fingerprint();
        assert_ne!(after, before, "{op:?}");
        process.end(job, done(op));
        process.end(job, failed());
        process.machine.abandon(START, job);
        assert_eq!(process.fingerprint(), after, "{op:?} has ended");
    }
}

#[test]
fn what_is_abandoned_is_a_failed_attempt() {
    for (op, log) in [
        (Op::Lock, &[ATTEMPT_FAILED][..]), // whoever took it may have it, and it is not this one
        (Op::Load, &[ATTEMPT_FAILED, Op::Unlock]),
        (Op::Save, &[NOT_SAVED, ATTEMPT_FAILED, Op::Unlock]),
        (Op::Password, &[ATTEMPT_FAILED, Op::Unlock]),
    ] {
        let (mut process, job) = at(op);
        process.abandon(job);
        process.run();
        assert_eq!(process.log, log, "{op:?}");
        let expected = match op {
            Op::Password => Failure::Transport(TransportFailure::abandoned()),
            _ => Failure::Store(StoreFailure::Abandoned),
        };
        let is_told = |event: &Event| matches!(event, Event::AttemptFailed { failure, .. } if *failure == expected);
        assert!(process.events.iter().any(is_told), "{:?}", process.events);
        process.log.clear();
        process.pass(SECOND);
        assert!(process.log.ends_with(&LOGIN), "{op:?}: {:?}", process.log);
    }
}

#[test]
fn i14_the_tokens_of_an_abandoned_save_serve_and_are_saved_later() {
    let (store, mut process) = Process::first();
    let pending = process.demand();
    store.fail(Op::Save, &StoreFailure::Abandoned, 2);
    process.log.clear();
    process.grant();
    let log = [Op::Save, NOT_SAVED, Op::Event("logged in"), Op::Unlock];
    let at_once = [Op::Lock, Op::Load, Op::Save, NOT_SAVED, Op::Unlock];
    assert_eq!(process.log, [&log[..], &at_once].concat());
    let _sent = process.go_with(pending);
    process.pass(MINUTE);
    assert!(store.text().contains("s3cr3t-refresh-1"));
}

/// The lock was lost before it: so it is not known whether it is still wanted.
#[test]
fn an_exchange_that_was_not_made_for_the_second_time_in_a_round_is_a_failed_attempt() {
    let (mut process, job) = at(Op::Password);
    let failure = StoreFailure::Superseded;
    end(&mut process, job, JobEnd::StoreFailed(failure.clone()));
    let look = [Op::Load, Op::Unlock];
    assert_eq!(process.log, [&look[..], &LOGIN].concat());
    process.log.clear();
    let job = process.machine.in_flight().expect("the exchange");
    end(&mut process, job, JobEnd::StoreFailed(failure.clone()));
    assert_eq!(process.log, [&[ATTEMPT_FAILED][..], &look].concat());
    for _ in 1..3 {
        process.log.clear();
        process.pass(SECOND);
        assert!(process.log.ends_with(&LOGIN), "{:?}", process.log);
        let job = process.machine.in_flight().expect("the exchange");
        end(&mut process, job, JobEnd::StoreFailed(failure.clone()));
    }
    let told = shows!(
        process.ask(),
        Authorization::Denied(Denied::Store { failure: told, attempts: 3, .. }) => told
    );
    assert_eq!(told, failure);
    process.run();
    let saved = process.store_text();
    assert!(
        saved.contains(r#""logins":{"count":0"#),
        "none has left: {saved}"
    );
}

// The last client has ended.

/// Whatever comes, no exchange is begun.
fn stays_idle(driver: &mut Driver) {
    let sent = driver.sent.len();
    driver.machine.close();
    driver.settle();
    assert_eq!(driver.wake, None);
    for _ in 0..4 {
        drop(driver.ask());
        driver.advance(HOUR);
    }
    assert_eq!(driver.sent.len(), sent);
}

#[test]
fn nothing_is_begun_after_the_close() {
    stays_idle(&mut Driver::new(keeping_alive()));
    let mut waited_for = Driver::new(keeping_alive());
    let pending = Pending::new();
    drop(waited_for.machine.log_in(START, pending));
    stays_idle(&mut waited_for);
    let mut in_backoff = Driver::new(keeping_alive());
    let _pending = in_backoff.wait();
    in_backoff.reply(&Reply::Lost);
    assert!(in_backoff.wake.is_some());
    stays_idle(&mut in_backoff);
    stays_idle(&mut Driver::for_an_hour());
    let mut kept_alive = Driver::logged_in(keeping_alive(), &TOKENS);
    let sent = kept_alive.go();
    stays_idle(&mut kept_alive);
    let _review = kept_alive.review(sent, 401);
    stays_idle(&mut kept_alive);
}

#[test]
fn nothing_is_begun_after_the_close_of_a_machine_with_a_store() {
    let mut process = Process::logged_in(&Memory::default(), START);
    process.machine.close();
    process.pass(2 * HOUR);
    assert!(matches!(process.ask(), Authorization::Denied(_)));
    process.pass(HOUR);
    assert_eq!((process.log.as_slice(), process.until), (&[][..], None));
}

#[test]
fn i14_what_is_in_flight_at_the_close_is_ended_and_saved() {
    let (store, mut process) = Process::first();
    let pending = process.demand();
    process.log.clear();
    process.machine.close();
    process.run();
    process.grant();
    assert_eq!(process.done(), "save, logged in, unlock");
    assert!(store.text().contains("s3cr3t-refresh-1"));
    let _sent = process.go_with(pending);
    process.pass(2 * HOUR);
    assert_eq!((process.log.len(), process.until), (3, None));
}

#[test]
fn i14_tokens_that_have_come_before_the_close_are_saved() {
    let (mut process, job) = at(Op::Password);
    let mut body = ResponseBody::new();
    let tokens = br#"{"access_token":"s3cr3t","token_type":"bearer"}"#;
    assert!(body.push(tokens).is_continue());
    let answered = JobEnd::Answered(Response::new(body));
    process.end(job, answered);
    process.machine.close();
    process.run();
    assert_eq!(process.done(), "save, logged in, unlock");
}

#[test]
fn an_exchange_that_fails_after_the_close_is_not_made_again() {
    let mut process = Process::asked(&Memory::default(), START);
    process.log.clear();
    process.machine.close();
    process.answer(503, "");
    process.pass(2 * HOUR);
    assert_eq!(process.log, [ATTEMPT_FAILED, Op::Unlock]);
    assert_eq!(process.until, None);
}

#[test]
fn a_refresh_that_is_refused_after_the_close_sends_no_password() {
    let (store, mut process) = Process::first_logged_in();
    let _pending = process.demand_at(after(HOUR));
    process.log.clear();
    process.machine.close();
    process.refuse();
    let refused = Op::Event("the refresh token was refused");
    assert_eq!(process.log, [refused, Op::Save, Op::Unlock]);
    assert!(!store.text().contains("s3cr3t-refresh-1"));
    process.pass(2 * HOUR);
    assert_eq!(process.log.len(), 3);

    let mut driver = Driver::logged_in(keeping_alive(), &TOKENS);
    driver.jump_to(driver.wake.expect("a refresh"));
    driver.machine.close();
    driver.reply(&Reply::Refused);
    assert_eq!(driver.machine.status(), Status::ReLogin);
    stays_idle(&mut driver);
    assert_eq!(driver.passwords(), 1);
}

#[test]
fn a_visit_ends_at_the_close_without_an_exchange() {
    let failed = || JobEnd::StoreFailed(disk_full());
    let abandoned = || JobEnd::StoreFailed(StoreFailure::Abandoned);
    for op in [Op::Lock, Op::Load, Op::Save] {
        for how in [done(op), failed(), abandoned()] {
            let text = format!("{op:?} ends as {how:?}");
            let is_locked = op != Op::Lock || matches!(how, JobEnd::Locked(_));
            let (mut process, job) = at(op);
            process.machine.close();
            end(&mut process, job, how);
            let log = &process.log;
            assert!(!log.contains(&Op::Password), "{text}: {log:?}");
            let unlocks = log.iter().filter(|op| **op == Op::Unlock).count();
            assert_eq!(unlocks, usize::from(is_locked), "{text}: {log:?}");
            let unsaved = log.iter().filter(|op| **op == NOT_SAVED).count();
            assert!(unsaved <= 1, "{text}: {log:?}");
            assert!(!wants(&mut process.machine, START), "{text}");
        }
    }
}

/// It has loaded, and what it was to send is yet to be asked for.
#[test]
fn a_close_before_a_refresh_is_sent_ends_the_visit() {
    let (store, mut process) = Process::first_logged_in();
    process.now = after(HOUR);
    let _pending = process.wait();
    let lock = process.poll_op();
    process.end(lock, JobEnd::Locked(None));
    let load = process.poll_op();
    let saved = SavedSession::from_json(store.text().as_bytes()).expect("a session");
    let loaded = JobEnd::Loaded(Some(saved));
    process.end(load, loaded);
    process.machine.close();
    process.run();
    assert_eq!(process.done(), "unlock");
}

#[test]
fn a_failed_save_is_tried_once_more_at_the_close() {
    let store = Memory::default();
    let mut process = with_unsaved_tokens(&store);
    assert!(!wants(&mut process.machine, START));
    process.machine.close();
    process.run();
    assert_eq!(process.log, VISIT);
    assert_eq!((process.now, process.until), (START, None));
    assert!(store.text().contains("s3cr3t-refresh-1"));
}
