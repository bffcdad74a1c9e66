//! Nothing happens that nobody asked for.

use crate::common::prelude::*;

#[test]
fn nothing_is_sent_before_somebody_asks() {
    let mut driver = Driver::fresh();
    driver.advance(24 * HOUR);
    assert_eq!((driver.wake, driver.sent.len()), (None, 0));
    assert_eq!(driver.machine.status(), Status::Unauthenticated);
    let pending = driver.wait();
    assert_eq!(*driver.flying(), Driver::password("fleet", 1));
    let sent = driver.reply_to(pending, &TOKENS);
    assert_eq!(sent.generation().get(), 1);
    assert_eq!(driver.header, Driver::bearer_of(1));
}

#[test]
fn a_valid_token_costs_nothing_for_as_long_as_it_lasts() {
    let mut driver = Driver::for_an_hour();
    for _ in 0..58 {
        driver.go_and_deliver(200);
        driver.advance(MINUTE);
    }
    assert_eq!(driver.sent.len(), 1);
}

#[test]
fn a_refresh_that_nobody_asks_for_is_not_made() {
    let mut driver = Driver::due();
    driver.advance(24 * HOUR);
    assert_eq!((driver.wake, driver.sent.len()), (None, 1));
    let _pending = driver.wait();
    assert_eq!(*driver.flying(), Driver::refresh_token(1));
}

#[test]
fn demand_for_a_due_refresh_is_answered_with_the_token_that_is_still_good() {
    let mut driver = Driver::due();
    for _ in 0..10 {
        assert_eq!(driver.go().generation().get(), 1);
        assert_eq!(*driver.flying(), Driver::refresh_token(1));
    }
    driver.reply(&TOKENS);
    assert_eq!(driver.go().generation().get(), 2);
    assert_eq!(driver.header, Driver::bearer_of(2));
    assert_eq!(driver.refreshes(), 1);
}

#[test]
fn keep_alive_refreshes_by_itself_and_logs_in_only_on_demand() {
    let mut driver = Driver::new(keeping_alive());
    driver.advance(HOUR);
    assert_eq!((driver.sent.len(), driver.wake), (0, None));
    let mut driver = Driver::logged_in(keeping_alive(), &TOKENS);
    driver.on_refresh = Some(TOKENS);
    driver.advance(24 * HOUR);
    assert_eq!(driver.passwords(), 1);
    within(driver.refreshes(), 24..=26);
    let sent = driver.go_to(OTHER_API);
    driver.deliver(sent, 200);
}

/// Asks for nothing but a login.
fn log_in(driver: &mut Driver, pending: Pending) -> Authorization {
    let authorization = driver.machine.log_in(driver.now, pending);
    driver.settle();
    authorization
}

#[test]
fn a_login_without_a_request_is_demand_like_any_other() {
    let mut driver = Driver::fresh();
    let pending = Pending::new();
    let pending = waits(log_in(&mut driver, pending));
    assert_eq!(*driver.flying(), Driver::password("fleet", 1));
    driver.reply(&TOKENS);
    let authorization = log_in(&mut driver, pending);
    shows!(authorization, Authorization::Ready(_));
    let _sent = driver.go_to(API);
    assert_eq!(driver.header, format!("Bearer {MARK}-access-1"));
    assert_eq!(driver.sent.len(), 1);
}

#[test]
fn i2_a_login_without_a_request_says_that_the_password_was_refused() {
    let mut driver = Driver::answering(Reply::Refused);
    for _ in 0..3 {
        let pending = Pending::new();
        if let Authorization::Denied(denied) = log_in(&mut driver, pending) {
            shows!(denied, Denied::Rejected { .. });
        }
    }
    assert_eq!(driver.passwords(), 1);
}

#[test]
fn keep_alive_tries_again_after_the_cool_down_of_an_early_refresh_that_failed() {
    let mut driver = Driver::logged_in(keeping_alive(), &TOKENS);
    driver.on_refresh = Some(Reply::Status(404)); // one attempt a round
    while driver.refreshes() == 0 {
        driver.advance_to(driver.wake.expect("a refresh is scheduled"));
    }
    let first = driver.now;
    assert_eq!(driver.wake, Some(first.saturating_add(30 * SECOND)));
    driver.advance((30 * SECOND).saturating_sub(MILLI));
    assert_eq!(driver.refreshes(), 1);
    driver.on_refresh = Some(TOKENS);
    driver.advance(MILLI);
    assert_eq!(driver.refreshes(), 2);
    assert_eq!(driver.go().generation().get(), 2);
}

#[test]
fn keep_alive_has_nothing_to_do_without_a_refresh_token() {
    let mut driver = Driver::logged_in(keeping_alive(), &Reply::AccessOnly("3600"));
    assert_eq!(driver.wake, None);
    driver.advance(2 * HOUR);
    assert_eq!(driver.sent.len(), 1);
}

/// The last answer was the refusal of a password, and the token is good: nobody needs a login until
/// somebody asks.
#[test]
fn demand_during_a_rejection_is_no_demand_for_what_comes_after_it() {
    let mut driver = Driver::relogging_in();
    driver.reply(&Reply::Refused);
    let _sent = driver.go();
    let before = driver.sent.len();
    driver.set_credentials("fleet", 2);
    assert_eq!((driver.sent.len(), driver.wake), (before, None));
    let _sent = driver.go();
    assert_eq!(driver.sent.len(), before + 1);
}
