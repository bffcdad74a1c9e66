//! Nobody waits for nothing, nor for long (I6).

use crate::common::prelude::*;

#[test]
fn i6_a_retry_of_a_token_that_expired_a_moment_ago_does_not_wait_for_nothing() {
    // Two threads read the clock in another order than they take the lock (`manual::time`), and the
    // server gives no refresh token.
    let mut driver = Driver::given(&Reply::AccessOnly("3600"));
    let sent = driver.go();
    driver.advance(HOUR);
    let pending = driver.retry_after_401(sent);
    driver.jump_to(earlier(driver.now, MILLI));
    let authorization = driver.ask_for(API, pending); // the driver checks that there is hope
    assert!(
        !matches!(authorization, Authorization::Ready(_)),
        "the same token again"
    );
}

#[test]
fn i6_a_retry_that_asks_when_the_login_guard_opens_does_not_wait_for_nothing() {
    let mut driver = Driver::given(&Reply::AccessOnly("30"));
    driver.on_password = Some(DOWN);
    while driver.passwords() < 7 {
        driver.advance(SECOND);
        let _authorization = driver.ask();
        if driver.passwords() == 6 {
            driver.on_password = Some(Reply::AccessOnly("3600"));
        }
    }
    // No password may leave for the next minutes, so the 401 condemns nothing.
    let pending = driver.unauthorized();
    assert_eq!(driver.passwords(), 7);
    driver.advance(10 * MINUTE);
    let authorization = driver.ask_for(API, pending);
    assert!(
        !matches!(authorization, Authorization::Ready(_)),
        "the same token again"
    );
}

#[test]
fn i6_a_caller_waits_for_a_password_that_may_leave_within_its_patience() {
    let mut driver = Driver::given(&Reply::Tokens("10"));
    driver.on_refresh = Some(Reply::Refused);
    driver.on_password = Some(Reply::Tokens("10"));
    for _ in 0..2 {
        driver.advance(10 * SECOND);
        let _sent = driver.wait_and_go();
    }
    // Three were free; the next may leave 30 s after the last.
    let opens = driver.now.saturating_add(30 * SECOND);
    driver.advance(10 * SECOND);
    let pending = driver.wait();
    assert_eq!((driver.passwords(), driver.wake), (3, Some(opens)));
    driver.advance(20 * SECOND - MILLI);
    let pending = driver.wait_with(pending);
    assert_eq!(driver.passwords(), 3);
    driver.advance(MILLI);
    let _sent = driver.go_with(pending);
    assert_eq!(driver.passwords(), 4);
}

#[test]
fn nobody_is_promised_an_attempt_that_is_beyond_the_patience() {
    let mut driver = Driver::expired();
    driver.on_refresh = Some(Reply::RetryAfter(503, "3600"));
    let pending = driver.wait();
    let promised = |event: &Event| matches!(event, Event::AttemptFailed { .. });
    assert!(!driver.events.iter().any(promised), "{:?}", driver.events);
    let denied = driver.denied_with(pending);
    shows!(denied, Denied::Unavailable { attempts: 1, .. });
}
