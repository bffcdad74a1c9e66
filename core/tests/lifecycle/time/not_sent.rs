//! What never left does not count: an exchange that found no connection (`manual::time`, I13).

use crate::common::prelude::*;

/// A caller each second, and one exchange after the other that finds no connection.
fn without_a_network(driver: &mut Driver, time: Duration) {
    (driver.on_password, driver.on_refresh) = (Some(Reply::NotSent), Some(Reply::NotSent));
    let end = driver.now.saturating_add(time);
    while driver.now < end {
        driver.ask_every(SECOND, 1);
    }
}

/// How long after the network is back somebody gets a token.
fn until_served(driver: &mut Driver) -> Duration {
    let back = driver.now;
    driver.on_password = Some(TOKENS);
    driver.on_refresh = Some(TOKENS);
    while !matches!(driver.ask(), Authorization::Ready(_)) {
        driver.advance(SECOND);
    }
    driver.now.saturating_since(back)
}

#[test]
fn i13_two_hours_without_a_network_leave_the_guard_as_it_was() {
    for mut driver in [Driver::fresh(), Driver::for_an_hour()] {
        without_a_network(&mut driver, 2 * HOUR);
        let longest = Config::default().cool_down.longest;
        assert!(until_served(&mut driver) <= longest);
    }
}

#[test]
fn i13_what_has_left_before_still_counts_and_when() {
    let store = Memory::default();
    let mut process = Process::asked(&store, START);
    process.answer(503, "");
    let left = process.now.as_millis();
    process.pass(SECOND);
    process.find_no_connection();
    let logins = format!(r#""logins":{{"count":1,"last":{left}}}"#);
    contains(&store.text(), &logins);
}

#[test]
fn attempts_that_find_no_connection_are_bound_to_the_backoff_and_the_cool_down() {
    let mut driver = Driver::answering(Reply::NotSent);
    driver.ask_every(SECOND, 3600);
    within(driver.failed_rounds(), 12..=18); // each five minutes in the end
}

#[test]
fn i13_the_count_is_taken_back_in_the_store_before_callers_are_told() {
    let (store, mut process) = Process::first();
    let mut pending = process.demand();
    assert!(store.text().contains(r#""logins":{"count":1"#));
    for _ in 0..3 {
        process.log.clear();
        process.find_no_connection();
        let saved = process.log.iter().position(|op| *op == Op::Save);
        let told = process.log.iter().position(|op| matches!(op, Op::Event(_)));
        assert!(saved.is_some() && saved < told, "{:?}", process.log);
        contains(&store.text(), r#""logins":{"count":0,"last":0}"#);
        pending = match process.ask_with(pending) {
            Authorization::Wait(pending) => pending,
            Authorization::Denied(Denied::Unavailable { attempts: 3, .. }) => break,
            other => panic!("{other:?}"),
        };
        process.pass(SECOND);
    }
    process.pass(MINUTE);
    process.renew();
    let _sent = process.go();
    assert!(store.text().contains(r#""logins":{"count":1"#));
}

#[test]
fn i2_an_attempt_that_was_allowed_and_never_left_is_still_allowed() {
    let mut driver = Driver::answering(Reply::Refused);
    let _pending = driver.wait();
    driver.on_password = Some(Reply::NotSent);
    driver.retry_refused();
    driver.advance(MINUTE);
    driver.on_password = Some(TOKENS);
    let _sent = driver.wait_and_go();
}
