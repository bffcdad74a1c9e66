//! When a refresh is due, how attempts are spaced, and who waits how long (`manual::time`).

use std::collections::BTreeSet;

use crate::common::prelude::*;

/// Expired, and the auth endpoint gives this answer from now on.
fn expired(reply: &Reply) -> Driver {
    let mut driver = Driver::expired();
    driver.on_refresh = Some(reply.clone());
    driver
}

#[test]
fn a_refresh_is_due_a_margin_and_a_jitter_before_expiry() {
    let lives = [
        ("3600", 3600, 60),
        ("86400", 86400, 60),
        ("100", 100, 25),
        ("4", 4, 1),
    ];
    for (text, life, margin) in lives {
        let margin = Duration::from_secs(margin);
        let mut moments = BTreeSet::new();
        for seed in 0..64 {
            let config = config(|config| {
                config.keep_alive = true;
                config.seed = seed;
            });
            let driver = Driver::logged_in(config, &Reply::Tokens(text));
            let expiry = after(Duration::from_secs(life));
            let due = driver.wake.unwrap();
            let (first, last) = (earlier(expiry, 2 * margin), earlier(expiry, margin));
            assert!(
                (first..=last).contains(&due),
                "seed {seed}, {text}: {due:?}"
            );
            moments.insert(due);
        }
        assert!(
            moments.len() > 32,
            "the seeds draw {} moments",
            moments.len()
        );
    }
}

#[test]
fn the_same_seed_draws_the_same_moments() {
    let run = || {
        let config = config(|config| config.seed = 7);
        let mut driver = Driver::logged_in(config, &TOKENS);
        driver.on_refresh = Some(DOWN);
        driver.ask_every(10 * SECOND, 1000);
        driver.sent
    };
    assert_eq!(run(), run());
}

#[test]
fn an_unknown_or_absurd_lifetime_schedules_nothing_and_a_401_covers_it() {
    for life in ["0", "-5", "null", "18446744073709551615", "1e300"] {
        let config = keeping_alive();
        let mut driver = Driver::logged_in(config, &Reply::Tokens(life));
        assert_eq!(driver.wake, None, "{life}");
        driver.advance(10_000 * HOUR);
        let sent = driver.go();
        assert!(!driver.is_flying());
        let pending = driver.retry_after_401(sent);
        let _sent = driver.reply_to(pending, &TOKENS);
    }
}

#[test]
fn a_tiny_lifetime_is_usable_for_a_second() {
    let mut driver = Driver::given(&Reply::Tokens("1"));
    driver.advance(999 * MILLI);
    let _sent = driver.go();
    driver.advance(MILLI);
    let _pending = driver.wait();
}

#[test]
fn i6_200_callers_are_served_by_an_answer_that_is_slower_than_the_lifetime() {
    let mut driver = Driver::given(&Reply::Tokens("5"));
    driver.advance(5 * SECOND);
    let pending: Vec<_> = (0..200).map(|_| driver.wait()).collect();
    driver.advance(20 * SECOND);
    driver.reply(&Reply::Tokens("5"));
    for pending in pending {
        driver.advance(4 * MILLI);
        let _sent = driver.go_with(pending);
    }
}

#[test]
fn slow_answers_to_short_lived_tokens_start_no_more_refreshes_than_fit_after_each_other() {
    let mut driver = Driver::given(&Reply::Tokens("1"));
    for step in 1..=600 {
        driver.advance(100 * MILLI);
        let _authorization = driver.ask();
        if step % 50 == 0 && driver.is_flying() {
            driver.reply(&Reply::Tokens("1"));
        }
    }
    within(driver.refreshes(), ..=13);
}

#[test]
fn the_backoff_grows_from_a_quarter_of_a_second_to_half_a_minute() {
    for seed in 0..16 {
        let config = config(|config| {
            config.seed = seed;
            config.attempts = 20;
        });
        let mut driver = Driver::logged_in(config, &TOKENS);
        driver.advance(HOUR);
        driver.on_refresh = Some(DOWN);
        let _pending = driver.wait();
        driver.advance(HOUR);
        let times: Vec<_> = driver.sent[1..].iter().map(|(at, _)| *at).collect();
        assert_eq!(times.len(), 20, "seed {seed}");
        let waits = times
            .windows(2)
            .map(|pair| pair[1].saturating_since(pair[0]));
        let waits: Vec<_> = waits.collect();
        let bounds = 250 * MILLI..=30 * SECOND;
        assert!(
            waits.iter().all(|wait| bounds.contains(wait)),
            "seed {seed}: {waits:?}"
        );
        assert!(
            waits[0] <= SECOND && waits[18] >= 10 * SECOND,
            "seed {seed}: {waits:?}"
        );
    }
}

#[test]
fn a_round_makes_as_many_attempts_as_the_config_says() {
    for (attempts, expected) in [(0, 1), (1, 1), (2, 2), (5, 5)] {
        let config = config(|config| config.attempts = attempts);
        let mut driver = Driver::logged_in(config, &TOKENS);
        driver.advance(HOUR);
        driver.on_refresh = Some(DOWN);
        let pending = driver.wait();
        driver.advance(10 * SECOND);
        assert_eq!(driver.refreshes(), expected);
        let _denied = driver.denied_with(pending);
    }
}

#[test]
fn i6_a_backoff_of_nothing_still_makes_every_attempt() {
    let nothing = Doubling {
        first: Duration::ZERO,
        longest: Duration::ZERO,
    };
    let without = config(|config| config.backoff = nothing);
    for config in [without, Config::default().compressed(1000)] {
        let mut driver = Driver::logged_in(config, &TOKENS);
        driver.advance(HOUR);
        driver.on_refresh = Some(DOWN);
        let _authorization = driver.ask();
        driver.advance(10 * MILLI);
        assert_eq!(driver.refreshes(), 3);
    }
}

#[test]
fn the_cool_down_doubles_from_half_a_minute_to_five_and_starts_over_after_tokens() {
    let mut driver = expired(&Reply::Status(404));
    let mut cool_down = |seconds: u64| {
        let denied = match driver.ask() {
            Authorization::Wait(pending) => driver.denied_with(pending),
            other => panic!("{other:?}"),
        };
        let until = until(&denied);
        assert_eq!(
            until.saturating_since(driver.now),
            Duration::from_secs(seconds)
        );
        driver.advance_to(until);
    };
    for seconds in [30, 60, 120, 240, 300, 300, 300] {
        cool_down(seconds);
    }
    let mut driver = expired(&Reply::Status(404));
    let _pending = driver.wait();
    driver.advance(30 * SECOND);
    driver.on_refresh = Some(TOKENS);
    let _sent = driver.wait_and_go();
    driver.advance(HOUR);
    driver.on_refresh = Some(Reply::Status(403));
    let _pending = driver.wait();
    let wait = until(&driver.denied()).saturating_since(driver.now);
    assert_eq!(wait, 30 * SECOND);
}

#[test]
fn a_short_retry_after_spaces_the_attempts_while_the_callers_wait() {
    let mut driver = expired(&Reply::RetryAfter(503, "20"));
    let pending = driver.wait();
    assert_eq!(driver.wake, Some(driver.now.saturating_add(20 * SECOND)));
    let pending = driver.wait_with(pending);
    driver.on_refresh = Some(TOKENS);
    driver.advance(20 * SECOND);
    let _sent = driver.go_with(pending);
}

#[test]
fn a_retry_after_beyond_the_patience_denies_at_once_and_is_honoured_up_to_an_hour() {
    let date = "Fri, 15 Jan 2027 09:10:00 GMT"; // ten minutes after the expiry
    for (text, seconds) in [
        ("31", 31),
        ("600", 600),
        ("3600", 3600),
        ("7200", 3600),
        ("99999999999999999999999", 3600),
        (date, 600),
    ] {
        for status in [429, 503, 403] {
            let mut driver = expired(&Reply::RetryAfter(status, text));
            let pending = driver.wait();
            let end = driver.now.saturating_add(Duration::from_secs(seconds));
            assert_eq!(until(&driver.denied_with(pending)), end, "{status} {text}");
            while driver.now < earlier(end, 3 * SECOND) {
                assert_eq!(until(&driver.denied()), end, "{status} {text}");
                driver.advance(SECOND);
            }
            assert_eq!(driver.refreshes(), 1, "{status} {text}");
            driver.on_refresh = Some(TOKENS);
            driver.advance_to(end);
            assert_eq!(driver.send(API, || 200), Some(200), "{status} {text}");
        }
    }
}

#[test]
fn a_retry_after_that_means_nothing_or_now_is_a_plain_failure() {
    for text in ["0", "", "-1", "soon", "Fri, 15 Jan 1999 09:10:00 GMT"] {
        let mut driver = expired(&Reply::RetryAfter(503, text));
        let _pending = driver.wait();
        driver.advance(2 * SECOND);
        assert_eq!(driver.refreshes(), 3, "{text}");
    }
}

#[test]
fn a_retry_after_on_an_early_refresh_costs_nobody_the_good_token() {
    let mut driver = Driver::for_an_hour();
    driver.advance(3560 * SECOND);
    driver.on_refresh = Some(Reply::RetryAfter(429, "3600"));
    for _ in 0..39 {
        let _sent = driver.go();
        driver.advance(SECOND);
    }
    assert_eq!(driver.refreshes(), 1);
}

#[test]
fn i6_a_caller_is_denied_at_once_when_the_next_password_is_far_away() {
    let mut driver = Driver::answering(DOWN);
    for _ in 0..600 {
        driver.advance(SECOND);
        let waits = match driver.ask() {
            Authorization::Wait(_) => driver.wake,
            Authorization::Denied(denied) => {
                assert!(until(&denied) > driver.now);
                None
            }
            other => panic!("{other:?}"),
        };
        let patience = driver.now.saturating_add(30 * SECOND);
        assert!(waits.is_none_or(|at| at <= patience), "{waits:?}");
    }
    let paced = driver.events.iter().any(|event| {
        matches!(
            event,
            Event::RoundFailed {
                failure: Failure::LoginsPaced,
                ..
            }
        )
    });
    assert!(paced || driver.passwords() >= 5, "{}", driver.passwords());
}

/// Of a driver whose login guard lets no password out for longer than anyone waits.
fn held_back() -> Driver {
    let mut driver = Driver::new(config(|config| config.attempts = 1));
    driver.on_password = Some(DOWN);
    while driver.passwords() < 5 {
        driver.ask_every(SECOND, 1);
    }
    // The cool-down is over long before the next password may leave.
    driver.advance(31 * SECOND);
    driver
}

#[test]
fn a_password_that_is_far_away_opens_no_round() {
    let mut driver = held_back();
    let before = driver.events.len();
    let denied = driver.denied();
    assert_eq!(driver.events.len(), before);
    assert!(until(&denied) > driver.now.saturating_add(30 * SECOND));
}

#[test]
fn i6_who_waits_for_a_refresh_is_told_when_the_password_that_follows_is_far_away() {
    let mut driver = Driver::for_an_hour();
    driver.on_refresh = Some(Reply::Refused);
    driver.on_password = Some(TOKENS);
    // Each 401 costs a password, until one of them may not leave.
    let mut last = None;
    for target in 0..9 {
        let before = (driver.refreshes(), driver.events.len());
        last = driver.send(&format!("https://t{target}.services.simacan.com/"), || 401);
        assert_eq!(driver.refreshes(), before.0 + 1);
        if last.is_none() {
            let is_paced = |event: &Event| {
                let failure = &Failure::LoginsPaced;
                matches!(event, Event::RoundFailed { failure: found, .. } if found == failure)
            };
            assert!(driver.events[before.1..].iter().any(is_paced));
            break;
        }
        driver.advance(SECOND);
    }
    assert_eq!(last, None);
}

/// Of a driver whose second password may leave after so long; anyone waits for 30 s.
fn one_free_login(spacing: Duration) -> Config {
    config(|config| {
        config.free_logins = 1;
        config.login_spacing.first = spacing;
    })
}

#[test]
fn i6_the_login_guard_holds_back_no_refresh() {
    let mut driver = Driver::logged_in(one_free_login(60 * SECOND), &TOKENS);
    let pending = driver.unauthorized();
    assert!(!driver.flying().is_password());
    driver.reply(&DOWN);
    driver.advance(SECOND);
    assert!(!driver.flying().is_password());
    let _sent = driver.reply_to(pending, &TOKENS);
}

#[test]
fn i14_a_401_that_only_a_password_could_cure_costs_the_others_nothing_while_none_may_leave() {
    let mut driver = Driver::logged_in(one_free_login(60 * SECOND), &Reply::AccessOnly("3600"));
    let pending = driver.unauthorized();
    let _denied = driver.denied_with(pending);
    let _sent = driver.go();
    driver.advance(60 * SECOND);
    let pending = driver.unauthorized();
    let _sent = driver.reply_to(pending, &TOKENS);
}

#[test]
fn as_long_as_the_patience_is_not_too_long() {
    for (spacing, waits) in [(30 * SECOND, true), (30 * SECOND + MILLI, false)] {
        // Within a round,
        let mut driver = Driver::new(one_free_login(spacing));
        let pending = driver.wait();
        driver.reply(&DOWN);
        let failed = matches!(driver.events.last(), Some(Event::RoundFailed { .. }));
        assert_eq!(failed, !waits);
        if waits {
            let _pending = driver.wait_with(pending);
        } else {
            let _denied = driver.denied_with(pending);
        }
        // and before one.
        let mut config = one_free_login(spacing);
        config.attempts = 1;
        config.cool_down.first = Duration::ZERO;
        let mut driver = Driver::new(config);
        let pending = driver.wait();
        driver.reply(&DOWN);
        let _denied = driver.denied_with(pending);
        if waits {
            let _pending = driver.wait();
        } else {
            let _denied = driver.denied();
        }
    }
}
