//! Marks, outages, looks and lost locks at bad moments: of the clock, of the store, of the credentials.

use crate::common::prelude::*;

fn rejected(store: &Memory) -> Process {
    let mut process = Process::start(store, START);
    let _pending = process.demand();
    process.refuse();
    process.log.clear();
    process
}

/// Asks again whenever it is woken, as a driver does. How often it asked before it was answered.
fn asks_until_answered(process: &mut Process) -> Option<u32> {
    let Authorization::Wait(mut pending) = process.ask() else {
        return Some(1);
    };
    for asked in 2..10 {
        process.run();
        match process.ask_with(pending) {
            Authorization::Wait(again) => pending = again,
            _ => return Some(asked),
        }
    }
    None
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

fn at_mark(store: &Memory, process: &mut Process) -> JobId {
    let _pending = process.wait();
    for _ in 0..3 {
        let output = poll(&mut process.machine, process.now);
        let Output::Store(op) = output else {
            panic!("{output:?}")
        };
        match op {
            StoreOp::Save(id, _) => {
                process.end(id, JobEnd::StoreFailed(disk_full()));
            }
            op => store.operate(&mut process.machine, process.now, op),
        }
    }
    loop {
        match poll(&mut process.machine, process.now) {
            Output::Event(_) => {}
            Output::Store(StoreOp::Mark(id, until)) => {
                store.set_mark(until);
                return id;
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn i6_a_look_at_a_store_that_is_away_ends() {
    let store = Memory::default();
    let mut process = rejected(&store);
    process.pass(HOUR);
    store.fail(Op::Lock, &StoreFailure::unreachable("away"), 100);
    let asked = asks_until_answered(&mut process);
    assert!(asked.is_some(), "{:?}", process.log);
}

#[test]
fn i6_a_look_at_a_store_that_can_not_be_loaded_ends() {
    let store = Memory::default();
    let mut process = rejected(&store);
    process.pass(HOUR);
    store.fail(Op::Load, &StoreFailure::unreachable("away"), 100);
    let asked = asks_until_answered(&mut process);
    assert!(asked.is_some(), "{:?}", process.log);
}

#[test]
fn i6_a_look_at_a_newer_format_ends() {
    let store = Memory::default();
    let mut process = rejected(&store);
    process.pass(HOUR);
    store.replace(Some(r#"{"version":2}"#.to_owned()));
    let asked = asks_until_answered(&mut process);
    assert!(asked.is_some(), "{:?}", process.log);
}

#[test]
fn i6_a_look_ends_where_there_is_no_cool_down() {
    let store = Memory::default();
    let mut process = rejected(&store);
    let mut config = Config::default();
    config.cool_down.first = Duration::ZERO;
    config.cool_down.longest = Duration::ZERO;
    let credentials = credentials("fleet", 1);
    process.machine = Machine::new(Provider::simacan(), credentials, config).with_store();
    let asked = asks_until_answered(&mut process);
    assert!(asked.is_some(), "{:?}", process.log);
}

#[test]
fn another_ones_mark_that_is_cut_is_still_another_ones() {
    let store = Memory::default();
    store.set_mark(START.saturating_add(10 * DAY));
    let mut process = Process::start(&store, START);
    let sent = sends_within(&mut process, 60);
    assert_eq!(sent, None, "{:?} {:?}", process.log, store.mark());
}

/// What is saved says nothing of what was marked.
#[test]
fn a_save_of_something_else_does_not_end_a_mark_that_was_cut() {
    let store = Memory::default();
    drop(Process::logged_in(&store, START));
    store.set_mark(START.saturating_add(10 * DAY));
    let mut process = Process::start(&store, START.saturating_add(2 * HOUR));
    let _pending = process.demand();
    process.grant();
    assert!(process.has_done(Op::Refresh));
    let least = START.saturating_add(20 * HOUR);
    assert!(store.mark() > Some(least), "{:?}", process.log);
}

#[test]
fn retry_refused_passes_over_a_mark() {
    let store = Memory::default();
    store.set_mark(START.saturating_add(DAY));
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
    let store = Memory::default();
    drop(Process::logged_in(&store, START));
    let text = store.text();
    let at = text.find(",\"checksum\"").unwrap();
    store.replace(Some(format!("{},\"id_token\":\"of-fleet\"}}", &text[..at])));
    let mut process = Process::start(&store, START);
    process.asks();
    process.set_credentials("other", 1);
    let _pending = process.demand();
    process.grant();
    assert!(store.text().contains("other"));
    assert!(!store.text().contains("of-fleet"), "{}", store.text());
}

#[test]
fn i12_a_clock_that_is_set_back_makes_no_outage_longer() {
    let store = Memory::default();
    let mut process = Process::start(&store, START.saturating_add(DAY));
    fail_round(&mut process);
    process.now = START;
    let sent = sends_within(&mut process, 60);
    assert!(sent.is_some_and(|sent| sent < 10), "{sent:?}");
}

#[test]
fn i12_an_outage_that_is_ahead_ends_where_nothing_can_be_saved() {
    let store = Memory::default();
    let mut first = Process::logged_in(&store, START);
    first.now = START.saturating_add(24 * HOUR);
    fail_round(&mut first);
    assert!(store.text().contains("outage"), "{}", store.text());
    let mut second = Process::start(&store, START.saturating_add(2 * HOUR));
    store.fail(Op::Save, &disk_full(), 1000);
    let sent = sends_within(&mut second, 60);
    assert!(sent.is_some_and(|sent| sent < 10), "{sent:?}");
}

#[test]
fn an_outage_of_another_endpoint_holds_nobody_up() {
    let store = Memory::default();
    let mut first = Process::logged_in(&store, START);
    first.now = START.saturating_add(2 * HOUR);
    fail_round(&mut first);
    let mut second = Process::start(&store, first.now);
    let config = Config::default();
    let credentials = credentials("fleet", 1);
    second.machine = Machine::new(Provider::simacan_staging(), credentials, config).with_store();
    drop(second.machine.log_in(second.now, Pending::new()));
    second.run();
    assert!(second.has_done(Op::Password), "{:?}", second.events);
}

#[test]
fn i2_a_refusal_is_saved_at_once_after_a_lost_lock() {
    let store = Memory::default();
    let mut process = Process::start(&store, START);
    let _pending = process.demand();
    store.fail(Op::Save, &StoreFailure::Superseded, 1);
    process.refuse();
    let mut next = Process::start(&store, START.saturating_add(SECOND));
    next.asks();
    assert!(!next.has_done(Op::Password), "{:?}", process.log);
}

#[test]
fn a_mark_is_believed_where_there_is_no_cool_down() {
    let store = Memory::default();
    store.set_mark(START.saturating_add(10 * MINUTE));
    let mut process = Process::start(&store, START);
    let config = config(|config| config.cool_down.first = Duration::ZERO);
    let credentials = credentials("fleet", 1);
    process.machine = Machine::new(Provider::simacan(), credentials, config).with_store();
    process.asks();
    assert!(!process.has_done(Op::Password), "{:?}", process.log);
}

#[test]
fn a_process_does_not_wait_for_its_own_mark_after_other_credentials() {
    let store = Memory::default();
    let mut process = Process::start(&store, START);
    let mark = at_mark(&store, &mut process);
    process.set_credentials("fleet", 2);
    process.end(mark, JobEnd::Marked);
    process.run();
    let sent = sends_within(&mut process, 10);
    assert!(sent.is_some(), "{:?}", process.log);
}

#[test]
fn a_password_that_has_not_left_before_the_close_leaves_no_mark() {
    let store = Memory::default();
    let mut process = Process::start(&store, START);
    let mark = at_mark(&store, &mut process);
    process.machine.close();
    process.end(mark, JobEnd::Marked);
    process.run();
    let mut next = Process::start(&store, START.saturating_add(MINUTE));
    let sent = sends_within(&mut next, 10);
    assert!(sent.is_some(), "{:?} {:?}", process.log, next.log);
}

#[test]
fn a_password_that_was_announced_and_has_not_left_is_not_counted() {
    let store = Memory::default();
    let mut process = Process::start(&store, START);
    for number in 2..8 {
        let _pending = process.wait();
        for _ in 0..2 {
            let output = poll(&mut process.machine, process.now);
            match output {
                Output::Store(op) => store.operate(&mut process.machine, process.now, op),
                other => panic!("{other:?}"),
            }
        }
        let save = loop {
            match poll(&mut process.machine, process.now) {
                Output::Store(StoreOp::Save(id, _)) => break id,
                Output::Event(_) => {}
                other => panic!("{number}: {other:?}"),
            }
        };
        process.set_credentials("fleet", number);
        process.end(save, JobEnd::Saved);
        while !matches!(
            poll(&mut process.machine, process.now),
            Output::Store(StoreOp::Unlock)
        ) {}
    }
}

#[test]
fn i2_a_mark_for_a_refused_password_is_not_shortened_by_the_next_password() {
    let store = Memory::default();
    let mut process = Process::start(&store, START);
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
    let store = Memory::default();
    let mut first = Process::logged_in(&store, START);
    first.now = START.saturating_add(2 * HOUR);
    let _pending = first.demand();
    let exchange = first.flight.take().unwrap().exchange;
    let response = Response::builder()
        .status(503)
        .header("retry-after", "3600")
        .body("")
        .unwrap();
    store.fail(Op::Save, &disk_full(), 1);
    first.machine.handle_response(first.now, exchange, response);
    first.run();
    let mut second = Process::start(&store, first.now.saturating_add(SECOND));
    let _pending = second.demand();
    second.grant();
    first.pass(MINUTE);
    second.now = first.now;
    let sent = second.go();
    let pending = second.unauthorized(sent);
    drop(second.ask_with(pending));
    second.run();
    assert!(
        second.flight.is_some(),
        "{:?} {:?}",
        second.events.last(),
        store.text()
    );
}

#[test]
fn unknown_members_that_fill_a_session_do_not_make_it_unreadable() {
    let store = Memory::default();
    drop(Process::logged_in(&store, START));
    let text = store.text();
    let at = text.find(",\"checksum\"").unwrap();
    let filler = "x".repeat((1 << 20) - at - 12);
    store.replace(Some(format!("{},\"new\":\"{filler}\"}}", &text[..at])));
    assert!(store.saved().is_ok());
    let mut process = Process::start(&store, START.saturating_add(2 * HOUR));
    let _pending = process.demand();
    process.grant();
    assert!(process.has_done(Op::Refresh));
    assert!(store.saved().is_ok(), "{:?}", store.saved().err());
}

/// A file's time reaches to the year 2446, or to 2038: a later mark is none.
#[test]
fn i2_a_refusal_that_is_believed_for_ever_is_marked_as_far_as_a_store_can() {
    let store = Memory::default();
    let mut process = Process::start(&store, START);
    let config = config(|config| config.refusal_memory = Duration::MAX);
    let credentials = credentials("fleet", 1);
    process.machine = Machine::new(Provider::simacan(), credentials, config).with_store();
    store.fail(Op::Save, &disk_full(), 1000);
    let _pending = process.demand();
    process.refuse();
    let most = START.saturating_add(367 * DAY);
    assert!(store.mark() < Some(most), "{:?}", store.mark());
}
