//! What a session says of itself.

use crate::common::prelude::*;

const DUE: Duration = Duration::from_secs(3600 - 120);

fn health(driver: &mut Driver) -> Health {
    let now = driver.now;
    driver.machine.health(now)
}

/// Whether it says so is what a request sees.
#[track_caller]
fn assert_usable(driver: &mut Driver, is_usable: bool) {
    let health = health(driver);
    assert_eq!(health.is_usable, is_usable, "{health}");
    let (now, pending) = (driver.now, Pending::new());
    let asked = driver.machine.log_in(now, pending);
    let is_ready = matches!(asked, Authorization::Ready(_));
    assert_eq!(is_ready, is_usable, "{health}");
}

#[test]
fn a_session_is_usable_from_its_login_until_its_token_ends() {
    let mut driver = Driver::fresh();
    let first = health(&mut driver);
    assert_eq!(first.next_attempt, Some(START));
    assert_usable(&mut driver, false);

    let mut driver = Driver::for_an_hour();
    let logged_in = health(&mut driver);
    let end = after(HOUR);
    assert_eq!(logged_in.expires_at, Some(end));
    let due = logged_in.next_attempt.expect("the refresh");
    assert!(after(DUE) <= due && due < end, "{due}");
    assert_eq!(
        logged_in.to_string(),
        format!(
            "token 1 is usable until {end}; logged in; the next attempt can be made from {due} on"
        )
    );
    assert_usable(&mut driver, true);
    driver.advance(HOUR);
    assert_usable(&mut driver, false);
}

#[test]
fn an_outage_is_told_with_its_failure_and_the_next_attempt() {
    let mut driver = Driver::for_an_hour();
    driver.on_refresh = Some(DOWN);
    driver.advance(HOUR);
    let denied = {
        let pending = driver.wait();
        driver.advance(MINUTE);
        driver.denied_with(pending)
    };
    let down = health(&mut driver);
    assert_eq!(
        (down.is_usable, down.next_attempt),
        (false, denied.retry_at())
    );
    let until = until(&denied);
    assert_eq!(
        down.to_string(),
        format!(
            "no usable token; refreshing; the last attempt failed: the auth endpoint answered 503 Service \
             Unavailable; the next attempt can be made from {until} on"
        )
    );
    // No sooner than it says, and then.
    driver.on_refresh = Some(TOKENS);
    driver.advance_to(until);
    let pending = driver.wait();
    let _sent = driver.go_with(pending);
    let over = health(&mut driver);
    assert_eq!((over.is_usable, over.failure), (true, None));
}

#[test]
fn a_refused_password_is_told_with_the_end_of_its_refusal() {
    let mut driver = Driver::answering(Reply::Refused);
    let pending = driver.wait();
    let Denied::Rejected { until, .. } = driver.denied_with(pending) else {
        panic!("it was refused");
    };
    let refused = health(&mut driver);
    assert_eq!(refused.next_attempt, Some(until));
    assert_eq!(
        refused.to_string(),
        format!("no usable token; the password was refused; it is not sent again before {until}")
    );
}

#[test]
fn an_attempt_under_way_has_no_time() {
    let (mut driver, _pending) = Driver::logging_in();
    let health = health(&mut driver);
    assert_eq!(health.next_attempt, None);
    assert_eq!(
        health.to_string(),
        "no usable token; not logged in; an attempt is under way"
    );
}

#[test]
fn what_is_not_saved_yet_is_said() {
    let store = Memory::default();
    store.fail(Op::Save, &StoreFailure::new("the disk is full"), 9);
    let mut process = Process::start(&store, START);
    let _pending = process.demand();
    process.log_in();
    let health = process.machine.health(process.now);
    assert!(!health.is_saved);
    assert!(health.to_string().ends_with("; not saved"), "{health}");
}
