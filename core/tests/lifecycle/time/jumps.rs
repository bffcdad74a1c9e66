//! A clock that jumps, in every phase (`manual::time`, I12).

use crate::common::prelude::*;

/// A driver in each phase that a session can be in, by name.
fn phases() -> Vec<(&'static str, Driver)> {
    let early = Driver::refreshing_early;
    let expired = || {
        let mut driver = Driver::expired();
        let _pending = driver.wait();
        driver
    };
    let login = || Driver::logging_in().0;
    let then = |mut driver: Driver, replies: &[Reply]| {
        for (number, reply) in replies.iter().enumerate() {
            if number > 0 && !driver.is_flying() {
                driver.advance(SECOND);
            }
            driver.reply(reply);
        }
        driver
    };
    let round = [DOWN, DOWN, DOWN];
    let condemned = || {
        let mut driver = Driver::for_an_hour();
        let _retry = driver.unauthorized();
        driver
    };
    vec![
        ("new", Driver::fresh()),
        ("login in flight", login()),
        ("login in backoff", then(login(), &[Reply::Lost])),
        ("login cooling down", then(login(), &round)),
        ("authenticated", Driver::for_an_hour()),
        ("lifetime unknown", Driver::given(&Reply::Tokens("null"))),
        (
            "no refresh token",
            Driver::given(&Reply::AccessOnly("3600")),
        ),
        ("early refresh in flight", early()),
        ("early refresh in backoff", then(early(), &[DOWN])),
        ("early refresh cooling down", then(early(), &round)),
        ("early relogin in flight", then(early(), &[Reply::Refused])),
        (
            "early relogin in backoff",
            then(early(), &[Reply::Refused, DOWN]),
        ),
        ("condemned", condemned()),
        ("condemned in backoff", then(condemned(), &[DOWN])),
        ("condemned and cooling down", then(condemned(), &round)),
        ("refresh in flight", expired()),
        ("refresh in backoff", then(expired(), &[DOWN])),
        ("refresh cooling down", then(expired(), &round)),
        ("relogin in flight", then(expired(), &[Reply::Refused])),
        (
            "relogin held back",
            then(expired(), &[Reply::Refused, DOWN, DOWN]),
        ),
    ]
}

fn jumps(now: Timestamp) -> Vec<Timestamp> {
    let mut jumps = vec![Timestamp::from_millis(0), Timestamp::from_millis(u64::MAX)];
    let seconds = [30, 59, 60, 61].map(Duration::from_secs);
    for by in seconds.into_iter().chain([MILLI, HOUR, DAY, 400 * DAY]) {
        jumps.extend([earlier(now, by), now.saturating_add(by)]);
    }
    jumps
}

/// A new caller gets a token from servers that work, soon.
fn recovers(driver: &mut Driver) -> Result<(), String> {
    let start = driver.now;
    (driver.on_password, driver.on_refresh) = (Some(TOKENS), Some(TOKENS));
    if driver.is_flying() {
        driver.reply(&TOKENS);
    }
    let mut pending = Pending::new();
    for _ in 0..10 {
        pending = match driver.ask_for(API, pending) {
            Authorization::Ready(_) => {
                let took = driver.now.saturating_since(start);
                return (took <= 6 * MINUTE)
                    .then_some(())
                    .ok_or(format!("{took:?}"));
            }
            Authorization::Wait(pending) => {
                if let Some(at) = driver.wake {
                    driver.advance_to(at);
                }
                pending
            }
            Authorization::Denied(Denied::Unavailable { until, .. }) => {
                driver.advance_to(until);
                Pending::new()
            }
            other => return Err(format!("{other:?}")),
        };
    }
    Err("it takes more than 10 steps".to_owned())
}

#[test]
fn i12_no_jump_wedges_any_phase_or_permits_a_password() {
    for phase in 0..phases().len() {
        for jump in 0..jumps(START).len() {
            let (name, mut driver) = phases().swap_remove(phase);
            let to = jumps(driver.now)[jump];
            let from = driver.now;
            driver.jump_to(to);
            let result = recovers(&mut driver);
            assert_eq!(result, Ok(()), "{name}, from {from:?} to {to:?}");
        }
    }
}

#[test]
fn i12_a_jump_and_the_jump_back_wedge_no_phase() {
    for phase in 0..phases().len() {
        for jump in 0..jumps(START).len() {
            let (name, mut driver) = phases().swap_remove(phase);
            let from = driver.now;
            let to = jumps(from)[jump];
            driver.jump_to(to);
            let _authorization = driver.ask();
            driver.jump_to(from);
            let result = recovers(&mut driver);
            assert_eq!(result, Ok(()), "{name}, from {from:?} to {to:?} and back");
        }
    }
}

#[test]
fn i12_no_jump_back_ends_a_rejection_and_one_by_a_day_costs_one_password() {
    for jump in 0..jumps(START).len() {
        let mut driver = Driver::answering(Reply::Refused);
        let _pending = driver.wait();
        let to = jumps(START)[jump];
        let is_over = to >= after(24 * HOUR);
        driver.jump_to(to);
        let authorization = driver.ask();
        assert_eq!(
            matches!(authorization, Authorization::Wait(_)),
            is_over,
            "{to}"
        );
        driver.rejected();
        assert_eq!(driver.passwords(), 1 + usize::from(is_over));
    }
}

#[test]
fn i12_a_clock_set_back_by_a_minute_or_less_causes_nothing() {
    let mut driver = Driver::for_an_hour();
    for step in 0..3000_u64 {
        let now = after(Duration::from_millis(1000 * step));
        let by = Duration::from_millis(7919 * step % 60_001);
        driver.jump_to(if now < after(MINUTE) {
            now
        } else {
            earlier(now, by)
        });
        let _sent = driver.go();
    }
    assert_eq!(driver.sent.len(), 1);
}

#[test]
fn a_clock_set_back_by_more_than_a_minute_makes_refresh_and_expiry_due() {
    let mut driver = Driver::for_an_hour();
    driver.jump_to(earlier(START, MINUTE + MILLI));
    let pending = driver.wait();
    assert_eq!(*driver.flying(), Driver::refresh_token(1));
    let _sent = driver.reply_to(pending, &TOKENS);
    // The new deadlines are of the new clock.
    driver.advance(50 * MINUTE);
    let _sent = driver.go();
    assert_eq!(driver.refreshes(), 1);
}

#[test]
fn i12_a_clock_set_back_over_and_over_lets_no_password_out_early() {
    let mut driver = Driver::answering(DOWN);
    let _pending = driver.wait();
    driver.advance(2 * SECOND);
    assert_eq!(driver.passwords(), 3);
    for _ in 0..200 {
        driver.jump_to(earlier(driver.now, 10 * MINUTE));
        driver.ask_every(SECOND, 25);
    }
    assert_eq!(driver.passwords(), 3);
}

#[test]
fn i12_a_clock_set_back_starts_a_delay_again_and_no_longer_one() {
    let mut driver = Driver::expired();
    driver.on_refresh = Some(Reply::Status(403));
    let _pending = driver.wait();
    driver.jump_to(earlier(driver.now, DAY));
    let until = until(&driver.denied());
    assert_eq!(until, driver.now.saturating_add(30 * SECOND));
    driver.advance(30 * SECOND);
    let _pending = driver.wait();
}

#[test]
fn i12_a_clock_that_is_a_little_behind_ends_no_delay_early() {
    let mut driver = Driver::expired();
    driver.on_refresh = Some(Reply::Status(403));
    let _pending = driver.wait();
    let (now, end) = (driver.now, driver.now.saturating_add(30 * SECOND));
    for behind in [MILLI, SECOND, 29 * SECOND, MINUTE] {
        driver.jump_to(earlier(now, behind));
        let _authorization = driver.ask();
        driver.jump_to(earlier(end, MILLI));
        let until = until(&driver.denied());
        assert_eq!(until, end, "{behind:?}");
    }
    assert_eq!(driver.refreshes(), 1);
}

#[test]
fn threads_that_read_the_clock_in_another_order_fail_no_round() {
    for disorder in [MILLI, 5 * SECOND, 25 * SECOND, 45 * SECOND, 60 * SECOND] {
        let mut driver = Driver::for_an_hour();
        driver.advance(HOUR + 2 * MINUTE);
        let pending = driver.wait();
        driver.reply(&DOWN); // in backoff for a fraction of a second
        let now = driver.now;
        driver.jump_to(earlier(now, disorder));
        driver.jump_to(now);
        let failed = |event: &Event| matches!(event, Event::RoundFailed { .. });
        assert!(!driver.events.iter().any(failed), "{disorder:?}");
        let pending = driver.wait_with(pending);
        driver.advance(SECOND);
        let _sent = driver.reply_to(pending, &TOKENS);
    }
}

#[test]
fn i13_forward_jumps_let_out_no_more_than_12_passwords_in_an_hour_of_the_clock() {
    for jump in [MINUTE, 10 * MINUTE, 59 * MINUTE, HOUR, DAY] {
        for every in [7, 60, 600] {
            let mut driver = Driver::answering(DOWN);
            for second in 1..=7200 {
                let _authorization = driver.ask();
                driver.advance(SECOND);
                if second % every == 0 {
                    driver.jump_to(driver.now.saturating_add(jump));
                }
            }
            let most = driver.most_in_an_hour(true);
            assert!(most <= 12, "{jump:?} every {every} s: {most}");
        }
    }
}

#[test]
fn i11_at_the_end_of_time_nothing_spins() {
    let mut driver = Driver::answering(DOWN);
    driver.jump_to(Timestamp::from_millis(u64::MAX));
    for _ in 0..10 {
        let _authorization = driver.ask();
    }
    within(driver.passwords(), ..=12);
}
