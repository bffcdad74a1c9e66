//! Corners that two or three rules have to meet in, each of which a mutant had survived in.

use crate::common::prelude::*;

/// An early refresh was refused while the token is good, and the login that follows is in flight.
fn relogging_in(keep_alive: bool) -> Driver {
    let config = config(|config| config.keep_alive = keep_alive);
    let mut driver = Driver::logged_in(config, &TOKENS);
    driver.advance(HOUR - 50 * SECOND);
    if !keep_alive {
        let _sent = driver.go();
    }
    driver.reply(&Reply::Refused);
    driver
}

#[test]
fn i14_another_user_after_a_new_password_in_a_relogin_gets_none_of_the_good_token() {
    let mut driver = relogging_in(false);
    driver.set_credentials("fleet", 2);
    driver.set_credentials("other", 3);
    let _pending = driver.wait();
}

#[test]
fn i14_the_refusal_of_a_password_that_was_set_again_keeps_the_good_token() {
    let mut driver = relogging_in(false);
    driver.set_credentials("fleet", 2);
    driver.set_credentials("fleet", 1);
    driver.reply(&Reply::Refused);
    assert_eq!(driver.go().generation().get(), 1);
}

#[test]
fn i4_an_exchange_of_another_machine_with_the_same_number_changes_nothing() {
    for is_failure in [false, true] {
        let mut driver = Driver::fresh();
        let mut other = Driver::fresh();
        let (_pending, _other) = (driver.wait(), other.wait());
        let foreign = other.flight.as_ref().expect("a login").exchange;
        let own = driver.machine.in_flight();
        if is_failure {
            let failure = TransportFailure::abandoned();
            driver.machine.handle_failure(driver.now, foreign, failure);
        } else {
            let tokens = TOKENS.response(99).expect("an answer");
            driver.machine.handle_response(driver.now, foreign, tokens);
        }
        assert_eq!(driver.machine.in_flight(), own);
    }
}

#[test]
fn keep_alive_tries_a_login_again_after_the_cool_down() {
    let mut driver = relogging_in(true);
    driver.reply(&Reply::Status(404)); // one attempt a round
    let over = driver.now.saturating_add(30 * SECOND);
    assert_eq!(driver.wake, Some(over));
    driver.advance(30 * SECOND);
    assert!(driver.flying().is_password());
}

#[test]
fn i15_a_late_401_does_not_reset_the_guard() {
    let mut driver = Driver::with_refreshes();
    let (first, second) = (driver.go(), driver.go());
    let retry = driver.retry_after_401(first);
    let _late = driver.retry_after_401(second); // for the token that has been replaced
    let sent = driver.go_with(retry);
    driver.deliver(sent, 401); // guarded
    assert_eq!(driver.refreshes(), 1);
}

#[test]
fn any_other_answer_resets_the_doubling_of_the_guard() {
    let mut driver = Driver::with_refreshes();
    for _ in 0..4 {
        driver.send(API, || 401);
        driver.advance(10 * SECOND);
        driver.send(API, || 200);
    }
    driver.send(API, || 401); // guarded, for 10 s
    let before = driver.refreshes();
    driver.advance(10 * SECOND);
    driver.send(API, || 401);
    assert_eq!(driver.refreshes(), before + 1);
}

#[test]
fn a_refused_refresh_does_not_start_the_doubling_of_the_cool_down_over() {
    let mut driver = Driver::expired();
    for cool_down in [30, 60] {
        let pending = driver.wait();
        driver.reply(&Reply::Status(404));
        until(&driver.denied_with(pending));
        driver.advance(cool_down * SECOND);
    }
    let pending = driver.wait();
    driver.reply(&Reply::Refused);
    driver.reply(&Reply::Status(404));
    let until = until(&driver.denied_with(pending));
    assert_eq!(until.saturating_since(driver.now), 120 * SECOND);
}

#[test]
fn new_credentials_do_not_end_a_cool_down() {
    for user in ["fleet", "other"] {
        let (mut driver, pending) = Driver::logging_in();
        driver.reply(&Reply::Status(404));
        until(&driver.denied_with(pending));
        driver.set_credentials(user, 2);
        until(&driver.denied());
    }
}

/// The reactive guard of `manual::time`: any other answer resets it, however late.
#[test]
fn a_late_answer_of_another_kind_resets_the_guard() {
    let mut driver = Driver::with_refreshes();
    let (first, late) = (driver.go(), driver.go());
    let retry = driver.retry_after_401(first);
    let sent = driver.go_with(retry);
    driver.deliver(sent, 401); // guarded
    driver.deliver(late, 200);
    driver.send(API, || 401);
    assert_eq!(driver.refreshes(), 2);
}

#[test]
fn the_attempts_with_a_new_password_are_counted_from_one() {
    for answer in [Reply::Refused, Reply::Lost] {
        let (mut driver, _pending) = Driver::logging_in();
        driver.reply(&DOWN);
        driver.advance(SECOND);
        driver.set_credentials("fleet", 2); // while the second attempt is in flight
        driver.reply(&answer);
        assert_eq!(*driver.flying(), Driver::password("fleet", 2));
        let started = driver.events.iter().filter_map(|event| match event {
            Event::ExchangeStarted { attempt, .. } => Some(*attempt),
            _ => None,
        });
        assert_eq!(started.collect::<Vec<_>>(), [1, 2, 1], "{answer:?}");
    }
}

/// The fourth password has left, so the fifth may not for a minute; meanwhile another user has come.
#[test]
fn i6_whoever_the_login_guard_holds_back_is_denied_while_an_exchange_for_another_user_is_in_flight()
{
    let mut driver = Driver::answering(DOWN);
    let _pending = driver.wait();
    driver.advance(40 * SECOND);
    driver.on_password = Some(Reply::Tokens("20"));
    let _pending = driver.wait();
    assert_eq!(driver.passwords(), 4);
    driver.advance(16 * SECOND);
    let _sent = driver.go(); // starts an early refresh
    driver.set_credentials("other", 2);
    assert!(driver.is_flying());
    let until = until(&driver.denied());
    assert_eq!(until.saturating_since(driver.now), 44 * SECOND);
}

/// A token without an end, reinstated in an outage of the login: each use of it wants a login that is
/// merely due. One that the login guard holds back for long is no round, and `until` says when one is.
#[test]
fn an_early_login_that_the_guard_holds_back_fails_no_round() {
    let config = config(|config| config.attempts = 1);
    let mut driver = Driver::logged_in(config, &Reply::AccessOnly("null"));
    driver.on_password = Some(DOWN);
    let _pending = driver.unauthorized();
    let mut promised = Vec::new();
    for _ in 0..3600 {
        for event in std::mem::take(&mut driver.events) {
            if let Event::RoundFailed {
                attempts, until, ..
            } = event
            {
                assert_eq!(attempts, 1, "a round without an attempt");
                promised.push(until);
            }
        }
        let _sent = driver.go();
        driver.advance(SECOND);
    }
    assert!(promised.len() >= 9, "{promised:?}");
    let left = driver.sent[2..].iter().map(|(at, _)| *at);
    let kept = left.eq(promised.iter().copied().take(driver.sent.len() - 2));
    assert!(kept, "{promised:?}, {:?}", driver.sent);
}
