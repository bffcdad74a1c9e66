//! Marks, outages, looks and lost locks at bad moments: of the clock, of the store, of the credentials.

use crate::common::prelude::*;

/// It asks again whenever it is woken, as a driver does, and is answered.
#[track_caller]
fn a_look_ends(process: &mut Process) {
    let mut authorization = process.ask();
    for _ in 0..10 {
        let Authorization::Wait(pending) = authorization else {
            return;
        };
        process.run();
        authorization = process.ask_with(pending);
    }
    panic!("{:?}", process.log);
}

fn fail_round(process: &mut Process) {
    let _pending = process.demand();
    for _ in 0..3 {
        process.answer(503, "");
        process.pass(10 * SECOND);
    }
    assert!(process.flight.is_none());
    process.log.clear();
}

/// Whether it sends anything while it is asked each minute.
fn sends_within(process: &mut Process, minutes: u32) -> Option<u32> {
    (0..minutes).find(|_| {
        process.asks();
        process.now = process.now.saturating_add(MINUTE);
        process.flight.is_some()
    })
}

/// It marks its password, for it can save nothing.
fn at_mark(store: &Memory, process: &mut Process) -> JobId {
    let _pending = process.wait();
    store.fail(Op::Save, &disk_full(), 1);
    let (id, until) = shows!(
        process.run_until(|op| matches!(op, StoreOp::Mark(..))),
        Some(StoreOp::Mark(id, until)) => (id, until)
    );
    store.set_mark(until);
    id
}

#[test]
fn i6_a_look_at_a_store_that_is_away_ends() {
    let store = Memory::default();
    let mut process = Process::refused(&store, START);
    process.pass(HOUR);
    store.fail(Op::Lock, &StoreFailure::unreachable("away"), 100);
    a_look_ends(&mut process);
}

#[test]
fn i6_a_look_at_a_store_that_can_not_be_loaded_ends() {
    let store = Memory::default();
    let mut process = Process::refused(&store, START);
    process.pass(HOUR);
    store.fail(Op::Load, &StoreFailure::unreachable("away"), 100);
    a_look_ends(&mut process);
}

#[test]
fn i6_a_look_at_a_newer_format_ends() {
    let store = Memory::default();
    let mut process = Process::refused(&store, START);
    process.pass(HOUR);
    store.replace(Some(r#"{"version":2}"#.to_owned()));
    a_look_ends(&mut process);
}

#[test]
fn i6_a_look_ends_where_there_is_no_cool_down() {
    let store = Memory::with_refusal();
    let never = Doubling {
        first: Duration::ZERO,
        longest: Duration::ZERO,
    };
    let config = config(|config| config.cool_down = never);
    let mut process = Process::start_with(&store, START, config);
    a_look_ends(&mut process);
}

#[test]
fn another_ones_mark_that_is_cut_is_still_another_ones() {
    let store = Memory::default();
    store.set_mark(after(10 * DAY));
    let mut process = Process::start(&store, START);
    let sent = sends_within(&mut process, 60);
    assert_eq!(sent, None, "{:?} {:?}", process.log, store.mark());
}

/// What is saved says nothing of what was marked.
#[test]
fn a_save_of_something_else_does_not_end_a_mark_that_was_cut() {
    let store = Memory::with_session();
    store.set_mark(after(10 * DAY));
    let mut process = Process::asked(&store, after(2 * HOUR));
    process.grant();
    assert!(process.has_done(Op::Refresh));
    let least = after(20 * HOUR);
    assert!(store.mark() > Some(least), "{:?}", process.log);
}

#[test]
fn retry_refused_passes_over_a_mark() {
    let store = Memory::default();
    store.set_mark(after(DAY));
    let mut process = Process::start(&store, START);
    process.asks();
    assert!(!process.has_done(Op::Password));
    process.machine.retry_refused(process.now);
    process.run();
    process.asks();
    assert!(process.has_done(Op::Password), "{:?}", process.log);
}

#[test]
fn what_belongs_to_another_user_is_not_saved_with_a_new_ones_session() {
    let store = Memory::with_session();
    let text = store.text();
    let at = text.find(",\"checksum\"").unwrap();
    store.replace(Some(format!("{},\"id_token\":\"of-fleet\"}}", &text[..at])));
    let mut process = Process::start(&store, START);
    process.asks();
    process.set_credentials("other", 1);
    process.renew();
    assert!(store.text().contains("other"));
    assert!(!store.text().contains("of-fleet"), "{}", store.text());
}

#[test]
fn i12_a_clock_that_is_set_back_makes_no_outage_longer() {
    let store = Memory::default();
    let mut process = Process::start(&store, after(DAY));
    fail_round(&mut process);
    process.now = START;
    let sent = sends_within(&mut process, 60);
    assert!(sent.is_some_and(|sent| sent < 10), "{sent:?}");
}

#[test]
fn i12_an_outage_that_is_ahead_ends_where_nothing_can_be_saved() {
    let (store, mut first) = Process::first_logged_in();
    first.now = after(24 * HOUR);
    fail_round(&mut first);
    contains(&store.text(), "outage");
    let mut second = Process::start(&store, after(2 * HOUR));
    store.fail(Op::Save, &disk_full(), 1000);
    let sent = sends_within(&mut second, 60);
    assert!(sent.is_some_and(|sent| sent < 10), "{sent:?}");
}

#[test]
fn an_outage_of_another_endpoint_holds_nobody_up() {
    let (store, mut first) = Process::first_logged_in();
    first.now = after(2 * HOUR);
    fail_round(&mut first);
    let fleet = credentials("fleet", 1);
    let staging = Machine::new(Provider::simacan_staging(), fleet, Config::default());
    let mut second = Process::of(staging.with_store(), &store, first.now);
    second.log_in();
    assert!(second.has_done(Op::Password), "{:?}", second.events);
}

#[test]
fn i2_a_refusal_is_saved_at_once_after_a_lost_lock() {
    let store = Memory::default();
    let mut process = Process::asked(&store, START);
    store.fail(Op::Save, &StoreFailure::Superseded, 1);
    process.refuse();
    let mut next = Process::start(&store, after(SECOND));
    next.asks();
    assert!(!next.has_done(Op::Password), "{:?}", process.log);
}

#[test]
fn a_mark_is_believed_where_there_is_no_cool_down() {
    let store = Memory::default();
    store.set_mark(after(10 * MINUTE));
    let config = config(|config| config.cool_down.first = Duration::ZERO);
    let mut process = Process::start_with(&store, START, config);
    process.asks();
    assert!(!process.has_done(Op::Password), "{:?}", process.log);
}

#[test]
fn a_process_does_not_wait_for_its_own_mark_after_other_credentials() {
    let (store, mut process) = Process::first();
    let mark = at_mark(&store, &mut process);
    process.set_credentials("fleet", 2);
    process.end(mark, JobEnd::Marked);
    process.run();
    let sent = sends_within(&mut process, 10);
    assert!(sent.is_some(), "{:?}", process.log);
}

#[test]
fn a_password_that_has_not_left_before_the_close_leaves_no_mark() {
    let (store, mut process) = Process::first();
    let mark = at_mark(&store, &mut process);
    process.machine.close();
    process.end(mark, JobEnd::Marked);
    process.run();
    let mut next = Process::start(&store, after(MINUTE));
    let sent = sends_within(&mut next, 10);
    assert!(sent.is_some(), "{:?} {:?}", process.log, next.log);
}

#[test]
fn a_password_that_was_announced_and_has_not_left_is_not_counted() {
    let (_, mut process) = Process::first();
    for number in 2..8 {
        let _pending = process.wait();
        let announced = process.run_until(|op| matches!(op, StoreOp::Save(..)));
        let save = shows!(announced, Some(StoreOp::Save(save, _)) => save);
        process.set_credentials("fleet", number);
        process.end(save, JobEnd::Saved);
        while !matches!(process.poll(), Output::Store(StoreOp::Unlock)) {}
    }
}

#[test]
fn i2_a_mark_for_a_refused_password_is_not_shortened_by_the_next_password() {
    let (store, mut process) = Process::first();
    store.fail(Op::Save, &disk_full(), 1000);
    let _pending = process.demand();
    process.refuse();
    let marked = store.mark();
    process.set_credentials("fleet", 2);
    let _pending = process.demand();
    process.lose();
    assert!(store.mark() >= marked, "{marked:?} {:?}", store.mark());
}

/// It has been told to wait for an hour, which could not be saved, and another process has got tokens since.
#[test]
fn a_late_save_of_an_outage_holds_up_nobody_who_has_got_tokens_since() {
    let (store, mut first) = Process::first_logged_in();
    let _pending = first.demand_at(after(2 * HOUR));
    store.fail(Op::Save, &disk_full(), 1);
    first.respond(Reply::RetryAfter(503, "3600").text());
    let mut second = Process::asked(&store, first.now.saturating_add(SECOND));
    second.grant();
    first.pass(MINUTE);
    second.now = first.now;
    let sent = second.go();
    let pending = second.unauthorized(sent);
    drop(second.ask_with(pending));
    second.run();
    assert!(second.flight.is_some(), "{:?}", second.events.last());
}

#[test]
fn unknown_members_that_fill_a_session_do_not_make_it_unreadable() {
    let store = Memory::with_session();
    let text = store.text();
    let at = text.find(",\"checksum\"").unwrap();
    let filler = "x".repeat((1 << 20) - at - 12);
    store.replace(Some(format!("{},\"new\":\"{filler}\"}}", &text[..at])));
    assert!(store.saved().is_ok());
    let mut process = Process::asked(&store, after(2 * HOUR));
    process.grant();
    assert!(process.has_done(Op::Refresh));
    assert!(store.saved().is_ok(), "{:?}", store.saved().err());
}

/// A file's time reaches to the year 2446, or to 2038: a later mark is none.
#[test]
fn i2_a_refusal_that_is_believed_for_ever_is_marked_as_far_as_a_store_can() {
    let store = Memory::default();
    let config = config(|config| config.refusal_memory = Duration::MAX);
    let mut process = Process::start_with(&store, START, config);
    store.fail(Op::Save, &disk_full(), 1000);
    let _pending = process.demand();
    process.refuse();
    let most = after(367 * DAY);
    assert!(store.mark() < Some(most), "{:?}", store.mark());
}
