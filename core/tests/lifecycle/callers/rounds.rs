//! What a failure costs whom: rounds, cool-downs, and tokens that are still good
//! (`manual::time`).

use crate::common::prelude::*;

/// Time for all attempts of a round.
const ROUND: Duration = SECOND.saturating_mul(2);

/// The number of attempts and the end of the cool-down.
#[track_caller]
fn unavailable(denied: &Denied) -> (u32, Timestamp) {
    match denied {
        Denied::Unavailable {
            attempts, until, ..
        } => (*attempts, *until),
        other => panic!("{other:?}"),
    }
}

#[test]
fn i6_callers_wait_through_the_attempts_of_a_round_and_are_told_when_it_fails() {
    let mut driver = Driver::answering(DOWN);
    let pending = driver.wait();
    assert_eq!(driver.passwords(), 1);
    let pending = driver.wait_with(pending);
    driver.advance(ROUND);
    assert_eq!(driver.passwords(), 3);
    let denied = driver.denied_with(pending);
    let (attempts, until) = unavailable(&denied);
    assert_eq!(attempts, 3);
    assert!(until > driver.now);
    let (status, endpoint) = shows!(
        denied,
        Denied::Unavailable { failure: Failure::Status { status, .. }, endpoint, .. } => (status, endpoint)
    );
    assert_eq!(status, 503);
    let password = "https://auth-service.services.simacan.com/api/v1/auth/password";
    assert_eq!(endpoint, password);
}

#[test]
fn i6_a_caller_is_denied_by_the_round_that_it_joined_and_not_kept_for_the_next() {
    let mut driver = Driver::expired();
    driver.on_refresh = Some(DOWN);
    let slow: Pending = driver.wait();
    driver.advance(5 * MINUTE);
    let newcomer = driver.wait(); // opens the second round
    assert_eq!(unavailable(&driver.denied_with(slow)).0, 1);
    driver.on_refresh = Some(TOKENS);
    driver.advance(SECOND);
    let _sent = driver.go_with(newcomer);
}

#[test]
fn i6_a_caller_that_sleeps_through_two_failed_rounds_is_denied_all_the_same() {
    let mut driver = Driver::expired();
    driver.on_refresh = Some(Reply::Status(403));
    let sleeper = driver.wait();
    driver.advance(5 * MINUTE);
    let _pending = driver.wait();
    driver.advance(5 * MINUTE);
    let _denied = driver.denied_with(sleeper);
    assert_eq!((driver.refreshes(), driver.failed_rounds()), (2, 2));
}

#[test]
fn a_round_that_succeeds_at_the_last_attempt_denies_nobody() {
    let mut driver = Driver::expired();
    let pending = driver.wait();
    driver.reply(&Reply::Lost);
    driver.advance(SECOND);
    driver.reply(&DOWN);
    driver.advance(SECOND);
    assert_eq!(*driver.flying(), Driver::refresh_token(1));
    let _sent = driver.reply_to(pending, &TOKENS);
    assert_eq!((driver.refreshes(), driver.failed_rounds()), (3, 0));
}

#[test]
fn after_the_cool_down_the_next_demand_starts_a_new_round() {
    let mut driver = Driver::expired();
    driver.on_refresh = Some(DOWN);
    let pending = driver.wait();
    driver.advance(ROUND);
    let (_, until) = unavailable(&driver.denied_with(pending));
    driver.advance_to(earlier(until, MILLI));
    assert_eq!(unavailable(&driver.denied()), (3, until));
    assert_eq!((driver.refreshes(), driver.wake), (3, None));
    driver.on_refresh = None;
    driver.advance(MILLI);
    assert_eq!(driver.refreshes(), 3, "nobody has asked");
    let _sent = driver.wait_and_reply(&TOKENS);
}

#[test]
fn i14_a_failed_early_refresh_displaces_no_good_token() {
    let mut driver = Driver::due();
    driver.on_refresh = Some(DOWN);
    for _ in 0..50 {
        driver.go_and_deliver(200);
        driver.advance(SECOND - MILLI);
    }
    within(driver.refreshes(), 3..=6);
}

#[test]
fn expiry_ends_the_cool_down_of_an_early_refresh() {
    let mut driver = Driver::due();
    driver.advance(40 * SECOND);
    driver.on_refresh = Some(DOWN);
    let _sent = driver.go();
    driver.advance(ROUND);
    assert_eq!(driver.failed_rounds(), 1);
    driver.advance(8 * SECOND); // expired, and the cool-down has 20 s to go
    driver.on_refresh = None;
    let _sent = driver.wait_and_reply(&TOKENS);
}

#[test]
fn a_401_ends_the_cool_down_of_an_early_refresh() {
    let mut driver = Driver::due();
    driver.on_refresh = Some(DOWN);
    let sent = driver.go();
    driver.advance(ROUND);
    driver.on_refresh = None;
    let pending = driver.retry_after_401(sent);
    let pending = driver.wait_with(pending);
    let newcomer = driver.wait();
    driver.reply(&TOKENS);
    for pending in [pending, newcomer] {
        let _sent = driver.go_with(pending);
    }
}

#[test]
fn a_401_during_an_early_refresh_joins_it_and_condemns_the_token() {
    let mut driver = Driver::due();
    let sent = driver.go();
    assert!(driver.is_flying());
    let retry = driver.retry_after_401(sent);
    let retry = driver.wait_with(retry);
    let newcomer = driver.wait();
    assert_eq!(driver.refreshes(), 1);
    driver.reply(&TOKENS);
    for pending in [retry, newcomer] {
        assert_eq!(driver.go_with(pending).generation().get(), 2);
    }
}

#[test]
fn i14_after_a_failed_round_the_401s_caller_is_denied_and_the_others_are_served() {
    let mut driver = Driver::for_an_hour();
    driver.on_refresh = Some(DOWN);
    let (first, second) = (driver.go(), driver.go());
    let first = driver.retry_after_401(first);
    let first = driver.wait_with(first);
    let bystander = driver.wait();
    let second = driver.retry_after_401(second);
    driver.advance(ROUND);
    assert_eq!(driver.refreshes(), 3);
    let served = driver.go_with(bystander);
    assert_eq!((served.generation().get(), driver.refreshes()), (1, 3));
    for pending in [first, second] {
        assert_eq!(unavailable(&driver.denied_with(pending)).0, 3);
    }
    driver.deliver(served, 200);
}

#[test]
fn a_401_during_a_cool_down_is_denied_and_starts_nothing_and_the_others_are_served() {
    let mut driver = Driver::for_an_hour();
    driver.on_refresh = Some(DOWN);
    let _retry = driver.unauthorized();
    driver.advance(ROUND);
    for _ in 0..20 {
        let sent = driver.go_to(OTHER_API);
        let pending = driver.retry_after_401(sent);
        assert_eq!(unavailable(&driver.denied_with(pending)).0, 3);
        driver.advance(SECOND);
    }
    assert_eq!((driver.refreshes(), driver.wake), (3, None));
}

#[test]
fn a_401_during_an_early_refresh_that_fails_still_leaves_the_token_to_the_others() {
    let mut driver = Driver::due();
    let retry = driver.unauthorized();
    driver.reply(&Reply::Status(403));
    assert_eq!(unavailable(&driver.denied_with(retry)).0, 1);
    assert_eq!(driver.go().generation().get(), 1);
}

#[test]
fn i14_an_early_refresh_that_is_refused_leaves_the_token_while_the_password_goes() {
    let mut driver = Driver::relogging_in();
    assert_eq!(*driver.flying(), Driver::password("fleet", 1));
    assert_eq!(driver.go().generation().get(), 1);
    driver.reply(&TOKENS);
    assert_eq!(driver.go().generation().get(), 2);
    assert_eq!(driver.passwords(), 2);
}

#[test]
fn i14_a_rejected_login_leaves_the_token_until_it_expires() {
    let mut driver = Driver::relogging_in();
    driver.reply(&Reply::Refused);
    driver.advance(50 * SECOND - MILLI);
    assert_eq!(driver.go().generation().get(), 1);
    driver.advance(MILLI);
    driver.rejected();
    driver.advance(10 * HOUR);
    driver.rejected();
    assert_eq!(driver.passwords(), 2);
}

#[test]
fn i14_a_rejected_login_leaves_the_token_until_a_401_condemns_it() {
    let mut driver = Driver::relogging_in();
    driver.reply(&Reply::Refused);
    let sent = driver.go();
    if let Review::Retry(pending) = driver.review(sent, 401) {
        driver.rejected_with(pending);
    }
    driver.rejected();
    assert!(!driver.is_flying());
}

#[test]
fn i14_a_login_that_fails_after_a_refused_early_refresh_leaves_the_token() {
    let mut driver = Driver::refreshing_early();
    driver.on_password = Some(DOWN);
    driver.reply(&Reply::Refused);
    for _ in 0..49 {
        driver.advance(SECOND);
        assert_eq!(driver.go().generation().get(), 1);
    }
    assert!(driver.passwords() > 3);
}

#[test]
fn i10_what_is_neither_tokens_nor_refusal_nor_transient_gets_one_attempt() {
    for status in [300, 302, 307, 308, 400, 403, 404, 405, 410, 422, 451] {
        let mut driver = Driver::expired();
        driver.on_refresh = Some(Reply::Status(status));
        let pending = driver.wait();
        assert_eq!(unavailable(&driver.denied_with(pending)).0, 1, "{status}");
        driver.advance(29 * SECOND);
        assert_eq!(unavailable(&driver.denied()).0, 1, "{status}");
        assert_eq!(driver.refreshes(), 1, "{status}");
    }
}

#[test]
fn i10_what_is_transient_is_tried_again() {
    let bodies = [
        Reply::Body(200, "<html>"),
        Reply::Body(200, ""),
        Reply::Body(200, "{}"),
    ];
    let statuses = [201, 204, 408, 425, 429, 500, 502, 503, 504].map(Reply::Status);
    for reply in bodies.into_iter().chain(statuses).chain([Reply::Lost]) {
        let mut driver = Driver::expired();
        driver.on_refresh = Some(reply.clone());
        let pending = driver.wait();
        driver.advance(ROUND);
        assert_eq!(unavailable(&driver.denied_with(pending)).0, 3, "{reply:?}");
        driver.advance(MINUTE);
        driver.on_refresh = Some(TOKENS);
        let _pending = driver.wait();
        let authorization = driver.ask();
        assert!(
            matches!(authorization, Authorization::Ready(_)),
            "{reply:?}: {authorization:?}"
        );
    }
}

/// The program's own code panics inside a call: only a body can. It is read before the session moves.
#[test]
fn i14_a_body_that_panics_leaves_the_exchange_in_flight() {
    struct Panicking;

    impl AsRef<[u8]> for Panicking {
        fn as_ref(&self) -> &[u8] {
            panic!("there is no body")
        }
    }

    let mut driver = Driver::for_an_hour();
    let pending = driver.unauthorized();
    let flight = driver.flight.as_ref().expect("a refresh").exchange;
    let now = driver.now;
    let answered = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let response = Response::new(Panicking);
        driver.machine.handle_response(now, flight, response);
    }));
    assert!(answered.is_err());
    driver.settle();
    assert_eq!(driver.machine.in_flight(), Some(flight));
    assert_eq!(driver.machine.status(), Status::Refreshing);
    driver.reply(&Reply::Lost);
    driver.on_refresh = Some(TOKENS);
    driver.advance(SECOND);
    assert_eq!(driver.go_with(pending).generation().get(), 2);
}

/// What failed before says nothing about what comes after another answer.
#[test]
fn a_refusal_after_failures_has_all_attempts_of_a_login_before_it() {
    let mut driver = Driver::expired();
    let pending = driver.wait();
    for _ in 0..2 {
        driver.reply(&DOWN);
        driver.advance(SECOND);
    }
    driver.reply(&Reply::Refused);
    // At once, without what was left of a backoff.
    assert!(driver.flying().is_password());
    for _ in 0..2 {
        driver.reply(&DOWN);
        driver.advance(SECOND);
        assert!(driver.flying().is_password());
    }
    let _sent = driver.reply_to(pending, &TOKENS);
    let attempts: Vec<_> = driver
        .events
        .iter()
        .filter_map(|event| match event {
            Event::ExchangeStarted { attempt, .. } => Some(*attempt),
            _ => None,
        })
        .collect();
    assert_eq!(attempts, [1, 1, 2, 3, 1, 2, 3]);
}

/// A driver that never polls costs the oldest events, not memory without end.
#[test]
fn events_that_nobody_fetches_are_bounded_and_the_latest_stay() {
    let mut driver = Driver::fresh();
    for number in 1..=1000 {
        driver.give_credentials(&format!("user {number}"), 1);
    }
    driver.settle();
    let named = |number| Event::CredentialsReplaced {
        username: format!("user {number}"),
    };
    assert_eq!(driver.events.len(), 256);
    assert_eq!(driver.events.first(), Some(&named(745)));
    assert_eq!(driver.events.last(), Some(&named(1000)));
}
