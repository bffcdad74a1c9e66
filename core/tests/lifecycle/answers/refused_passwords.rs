//! The refusal of a password is believed for some time and not for ever (`manual::rules`, I2 and I10).

use crate::common::prelude::*;

/// The first password has just been refused.
fn rejected() -> Driver {
    let mut driver = Driver::answering(Reply::Refused);
    let pending = driver.wait();
    driver.rejected_with(pending);
    driver
}

#[track_caller]
fn rejected_after(driver: &Driver, passwords: usize) {
    let found = (driver.passwords(), driver.machine.status());
    assert_eq!(found, (passwords, Status::Rejected));
}

#[test]
fn i10_a_refusal_ends_after_a_day_with_the_next_demand() {
    let mut driver = rejected();
    driver.advance(DAY.saturating_sub(SECOND));
    driver.rejected();
    driver.advance(SECOND);
    assert_eq!(driver.passwords(), 1, "nobody has asked");
    driver.on_password = Some(TOKENS);
    let _sent = driver.wait_and_go();
    assert_eq!(driver.passwords(), 2);
}

#[test]
fn i2_a_password_that_stays_wrong_is_sent_once_a_day() {
    let mut driver = rejected();
    for _ in 0..10 * 24 * 60 {
        driver.advance(MINUTE);
        let _authorization = driver.ask();
    }
    assert_eq!(driver.passwords(), 11);
}

#[test]
fn i12_a_refusal_by_a_clock_that_was_ahead_counts_from_now() {
    let mut driver = rejected();
    driver.jump_to(earlier(START, 30 * DAY));
    driver.rejected();
    driver.advance(DAY);
    let _pending = driver.wait();
}

#[test]
fn i2_who_says_that_it_is_right_by_now_gets_one_attempt() {
    let mut driver = rejected();
    driver.retry_refused();
    rejected_after(&driver, 2);
    driver.on_password = Some(DOWN);
    driver.retry_refused();
    driver.advance(HOUR);
    rejected_after(&driver, 3);
    driver.on_password = Some(TOKENS);
    driver.retry_refused();
    let _sent = driver.go();
    driver.retry_refused(); // of no consequence
    assert_eq!(driver.passwords(), 4);
}

#[test]
fn i13_it_is_paced_as_any() {
    let mut driver = rejected();
    for _ in 0..100 {
        driver.retry_refused();
        driver.advance(MINUTE);
    }
    assert!(driver.most_in_an_hour(true) <= 12);
}

#[test]
fn a_refused_password_can_be_set_again_after_a_day() {
    let mut driver = rejected();
    driver.set_credentials("fleet", 2);
    driver.advance(DAY.saturating_sub(MINUTE));
    driver.set_credentials("fleet", 1);
    driver.on_password = Some(TOKENS);
    let _pending = driver.wait();
    assert_eq!(driver.sent.last().unwrap().1, Driver::password("fleet", 2));

    let mut driver = rejected();
    driver.set_credentials("fleet", 2);
    driver.advance(DAY);
    driver.set_credentials("fleet", 1);
    driver.on_password = Some(TOKENS);
    let _pending = driver.wait();
    assert_eq!(driver.sent.last().unwrap().1, Driver::password("fleet", 1));
}

/// The round that the next demand opens may lead nowhere, and then the token can be used.
#[test]
fn i14_a_token_that_a_401_condemned_outlives_a_rejection() {
    let mut driver = Driver::for_an_hour();
    driver.advance(HOUR.saturating_sub(50 * SECOND));
    (driver.on_refresh, driver.on_password) = (Some(Reply::Refused), Some(Reply::Refused));
    let sent = driver.go(); // with an early refresh
    assert_eq!(driver.machine.status(), Status::Rejected);
    let _pending = driver.retry_after_401(sent);
    driver.on_password = Some(Reply::Status(404));
    driver.set_credentials("fleet", 2);
    let _sent = driver.wait_and_go();
}

fn refuse_as_a_gateway(process: &mut Process) {
    let response = Response::builder().status(401);
    let response = response.header("www-authenticate", "Basic realm=\"proxy\"");
    process.respond(response.body("<html>".to_owned()).unwrap());
}

/// When passwords are sent to a gateway that refuses each, by a process that is asked every ten minutes for
/// five days, or by one that is started anew each time.
fn hours_of_passwords(is_restarted: bool) -> Vec<u64> {
    let (store, mut process) = Process::first();
    let mut hours = Vec::new();
    for step in 0..6 * 24 * 5 {
        let now = after(step * 10 * MINUTE);
        if is_restarted {
            process = Process::start(&store, now);
        }
        process.now = now;
        if let Authorization::Wait(_) = process.ask() {
            process.run();
            if process.flight.is_some() {
                hours.push(now.saturating_since(START).as_secs() / 3600);
                refuse_as_a_gateway(&mut process);
            }
        }
    }
    hours
}

#[test]
fn i10_a_gateways_refusal_is_believed_for_an_hour_doubling_to_a_day() {
    for is_restarted in [false, true] {
        let hours = hours_of_passwords(is_restarted);
        assert_eq!(hours, [0, 1, 3, 7, 15, 31, 55, 79, 103], "{is_restarted}");
    }
}

#[test]
fn i2_a_process_that_is_started_anew_can_be_told_too() {
    let store = Memory::with_refusal();
    let mut second = Process::start(&store, after(MINUTE));
    let _waits = second.ask();
    second.run();
    assert_eq!(second.machine.status(), Status::Rejected);
    second.machine.retry_refused(second.now);
    second.run();
    second.grant();
    let _sent = second.go();
    assert!(!store.text().contains("\"refusal\""), "it is accepted");
}

#[test]
fn a_denial_says_until_when_the_refusal_is_believed() {
    let mut driver = rejected();
    let day = after(DAY);
    driver.advance(HOUR);
    let denied = driver.denied();
    assert!(matches!(denied, Denied::Rejected { until, .. } if until == day));
    let text = denied.to_string();
    assert!(
        text.contains(&day.to_string()) && text.contains("retry_refused"),
        "{text}"
    );

    let (_, mut process) = Process::first();
    let pending = process.demand();
    refuse_as_a_gateway(&mut process);
    let until = shows!(
        process.ask_with(pending),
        Authorization::Denied(Denied::Rejected { until, .. }) => until
    );
    assert_eq!(until, after(HOUR));
}
