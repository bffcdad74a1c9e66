//! Credentials that are asked for when a password is needed.

use crate::common::prelude::*;

const WRONG: u32 = 1;
const RIGHT: u32 = 2;

/// A process that is made without a password, which is this one where it is kept.
fn start(store: &Memory, now: Timestamp, number: u32) -> Process {
    let machine = without_a_password().with_store();
    let mut process = Process::of(machine, store, now);
    process.source = Some(number);
    process
}

fn without_a_password() -> Machine {
    let unknown = credentials("fleet", 0);
    let machine = Machine::new(Provider::simacan(), unknown, Config::default());
    machine.with_credentials_source()
}

#[test]
fn a_password_is_asked_for_before_it_leaves_and_with_the_lock_free() {
    let store = Memory::default();
    let mut process = start(&store, START, RIGHT);
    let pending = process.demand();
    let look = [Op::Lock, Op::Load, Op::Unlock];
    let login = [
        Op::Ask,
        Op::Event("new credentials"),
        Op::Lock,
        Op::Load,
        Op::Save,
        Op::Password,
    ];
    assert_eq!(process.log, [&look[..], &login].concat());
    assert!(process.sent().ends_with("-password-2"));
    process.grant();
    let _sent = process.go_with(pending);
}

#[test]
fn none_is_asked_for_while_others_have_tokens() {
    let store = Memory::with_session();
    let mut process = start(&store, START, RIGHT);
    let pending = process.demand();
    let _sent = process.go_with(pending);
    process.renew_at(after(HOUR));
    assert!(!process.has_done(Op::Ask), "{:?}", process.log);
}

#[test]
fn each_password_is_asked_for_anew() {
    let store = Memory::default();
    let mut process = start(&store, START, WRONG);
    process.renew();
    process.log.clear();
    process.source = Some(RIGHT); // it was rotated
    let _pending = process.demand_at(after(HOUR));
    process.refuse();
    assert!(process.sent().ends_with("-password-2"));
    process.lose();
    process.pass(SECOND);
    let asked = process.log.iter().filter(|op| **op == Op::Ask).count();
    assert_eq!(asked, 2, "{:?}", process.log);
}

#[test]
fn i2_the_same_password_again_counts_as_refused() {
    let store = Memory::default();
    let mut process = start(&store, START, WRONG);
    let pending = process.demand();
    process.refuse();
    process.log.clear();
    // Whoever waited asks again, and so does the source.
    let pending = process.wait_with(pending);
    process.run();
    assert_eq!(process.done(), "ask, the password of fleet was refused");
    let denied = process.denied_with(pending);
    shows!(denied, Denied::Rejected { .. });
    // Others ask no sooner than after a cool-down.
    process.log.clear();
    process.now = after(29 * SECOND);
    assert!(matches!(process.ask(), Authorization::Denied(_)));
    process.run();
    assert_eq!(process.log, []);
}

#[test]
fn i6_who_waited_for_a_refused_password_gets_tokens_with_the_next_one() {
    let store = Memory::default();
    let mut process = start(&store, START, WRONG);
    let pending = process.demand();
    process.refuse();
    process.source = Some(RIGHT);
    let pending = process.wait_with(pending);
    process.run();
    let pending = process.wait_with(pending);
    process.run();
    assert!(process.sent().ends_with("-password-2"));
    process.grant();
    let _sent = process.go_with(pending);
}

#[test]
fn i2_a_refusal_of_another_process_is_kept_for_the_password_that_comes() {
    let store = Memory::default();
    let mut first = start(&store, START, WRONG);
    let _pending = first.demand();
    first.refuse();
    let mut second = start(&store, after(MINUTE), WRONG);
    let _pending = second.demand();
    assert!(!second.has_done(Op::Password), "{:?}", second.log);
    assert_eq!(second.machine.status(), Status::Rejected);
    // It is mended there, and both go on.
    for process in [&mut first, &mut second] {
        process.source = Some(RIGHT);
        process.now = after(10 * MINUTE);
        let mut authorization = process.ask();
        while let Authorization::Wait(pending) = authorization {
            process.run();
            if process.flight.is_some() {
                process.grant();
            }
            authorization = process.ask_with(pending);
        }
        let is_ready = matches!(authorization, Authorization::Ready(_));
        assert!(is_ready, "{authorization:?}");
    }
    assert_eq!((first.passwords(), second.passwords()), (2, 0));
}

#[test]
fn a_source_that_fails_is_asked_again_and_told_of() {
    let store = Memory::default();
    let mut process = start(&store, START, RIGHT);
    process.source = None;
    let pending = process.demand();
    for _ in 1..3 {
        process.pass(SECOND);
    }
    let failure = shows!(
        process.ask_with(pending),
        Authorization::Denied(Denied::Unavailable { failure, attempts: 3, .. }) => failure
    );
    assert_eq!(
        failure,
        Failure::Credentials(ErrorCause::new("the vault is sealed"))
    );
    let text = "the source of the credentials failed: the vault is sealed";
    assert_eq!(failure.to_string(), text);
    assert!(!process.has_done(Op::Password), "{:?}", process.log);
    process.source = Some(RIGHT);
    let pending = process.demand_at(after(MINUTE));
    process.grant();
    let _sent = process.go_with(pending);
}

#[test]
fn i4_a_machine_without_a_store_asks_too_and_does_nothing_meanwhile() {
    let mut process = Process::of(without_a_password(), &Memory::default(), START);
    process.source = Some(RIGHT);
    let _pending = process.wait();
    assert!(process.machine.wants(START));
    let job = shows!(process.poll(), Output::Credentials(job) => job);
    let later = after(HOUR);
    assert!(!process.machine.wants(later));
    assert!(matches!(process.machine.poll(later), Output::Wait(None)));
    assert_eq!(process.machine.in_flight(), Some(job));
    process.machine.abandon(START, job);
    process.run();
    process.now = process.until.expect("another attempt");
    let second = shows!(process.poll(), Output::Credentials(second) => second);
    let new = || JobEnd::Credentials(credentials("fleet", RIGHT));
    process.end(job, new()); // too late
    assert!(matches!(process.poll(), Output::Wait(None)));
    process.end(second, new());
    process.run();
    assert!(process.sent().ends_with("-password-2"));
}

#[test]
fn credentials_that_are_set_take_the_place_of_the_source() {
    let store = Memory::default();
    let mut process = start(&store, START, WRONG);
    process.set_credentials("fleet", RIGHT);
    let _pending = process.demand();
    assert!(!process.has_done(Op::Ask), "{:?}", process.log);
    assert!(process.sent().ends_with("-password-2"));
}
