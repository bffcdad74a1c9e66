//! The two guards: how many passwords leave, and how many refreshes a target can cause
//! (`manual::time`).

use crate::common::prelude::*;

fn guarded(driver: &Driver) -> usize {
    driver.told(|event| matches!(event, Event::TargetGuarded { .. }))
}

#[test]
fn i13_at_most_12_passwords_an_hour_leave_for_a_login_endpoint_that_is_down_for_10_hours() {
    for (reply, least) in [
        (DOWN, 30),
        (Reply::Lost, 30),
        (Reply::Status(429), 30),
        (Reply::RetryAfter(503, "1"), 30),
        // Three, and then one after 1, 2 and 4 hours.
        (Reply::Body(200, "{}"), 6),
        (Reply::Status(404), 6),
    ] {
        let mut driver = Driver::answering(reply.clone());
        driver.ask_every(SECOND, 10 * 3600);
        let most = driver.most_in_an_hour(true);
        assert!(most <= 12, "{reply:?}: {most}");
        assert!(
            driver.passwords() >= least,
            "{reply:?} stops at {}",
            driver.passwords()
        );
    }
}

/// The referee counts them.
#[test]
fn i13_at_most_12_passwords_an_hour_leave_whatever_else_the_servers_answer() {
    for (on_password, on_refresh) in [
        (Reply::Tokens("1"), Reply::Refused),
        (Reply::Tokens("60"), Reply::Refused),
        (Reply::Tokens("1800"), Reply::Refused),
        (Reply::AccessOnly("1"), DOWN),
        (Reply::AccessOnly("300"), DOWN),
        (Reply::AccessOnly("null"), DOWN),
    ] {
        for target in [&[200][..], &[401], &[200, 401]] {
            let mut driver = Driver::answering(on_password.clone());
            driver.on_refresh = Some(on_refresh.clone());
            let mut answer = turns(target);
            let end = driver.now.saturating_add(5 * HOUR);
            while driver.now < end {
                driver.send(API, &mut answer);
                driver.advance(3 * SECOND);
            }
        }
    }
}

#[test]
fn i13_an_outage_that_begins_an_hour_after_a_login_leaves_no_more() {
    for pause in [HOUR - SECOND, HOUR, HOUR + SECOND, 2 * HOUR] {
        let mut driver = Driver::answering(DOWN);
        driver.ask_every(SECOND, 3600);
        driver.advance(pause);
        driver.ask_every(SECOND, 3 * 3600);
        within(driver.most_in_an_hour(true), ..=12);
    }
}

#[test]
fn three_passwords_are_free_and_an_hour_without_one_frees_them_again() {
    let mut driver = Driver::answering(DOWN);
    for _ in 0..2 {
        let before = driver.passwords();
        let _pending = driver.wait();
        driver.advance(5 * SECOND);
        assert_eq!(driver.passwords() - before, 3);
        driver.advance(HOUR);
    }
}

#[test]
fn i2_a_refused_password_leaves_once_in_10_hours() {
    let mut driver = Driver::answering(Reply::Refused);
    driver.ask_every(SECOND, 10 * 3600);
    assert_eq!(driver.passwords(), 1);
}

#[test]
fn a_target_whose_401_a_refresh_did_not_cure_is_guarded_for_10_s_doubling_to_10_min() {
    let mut driver = Driver::with_refreshes();
    for seconds in [10, 20, 40, 80, 160, 320, 600, 600] {
        let before = driver.refreshes();
        assert_eq!(driver.send(API, || 401), Some(401));
        assert_eq!(driver.refreshes(), before + 1, "{seconds}");
        for _ in 0..seconds * 2 - 1 {
            driver.advance(SECOND / 2);
            driver.go_and_deliver(401);
        }
        // Only its own early refreshes, if any; no 401 starts one.
        assert!(driver.refreshes() <= before + 2, "{seconds}");
        driver.advance(SECOND / 2);
    }
    assert_eq!(guarded(&driver), 8);
}

#[test]
fn a_guarded_target_leaves_the_token_to_the_others() {
    let mut driver = Driver::with_refreshes();
    driver.send(API, || 401);
    let generation = driver.machine.generation();
    for _ in 0..9 {
        driver.advance(SECOND);
        assert_eq!(driver.send(API, || 401), Some(401));
        assert_eq!(driver.send(OTHER_API, || 200), Some(200));
    }
    assert_eq!(
        (driver.machine.generation(), driver.refreshes()),
        (generation, 1)
    );
}

#[test]
fn another_targets_401_is_cured_beside_a_guarded_one() {
    let mut driver = Driver::with_refreshes();
    driver.send(API, || 401);
    driver.advance(SECOND);
    assert_eq!(driver.send(API, || 401), Some(401));
    // The token is revoked: the honest target says so once.
    assert_eq!(driver.send(OTHER_API, turns(&[401, 200])), Some(200));
    assert_eq!(driver.refreshes(), 2);
}

#[test]
fn any_other_answer_resets_the_guard() {
    for status in [200, 204, 403, 404, 500] {
        let mut driver = Driver::with_refreshes();
        driver.send(API, || 401);
        driver.go_and_deliver(status);
        assert_eq!(driver.send(API, turns(&[401, 200])), Some(200), "{status}");
        assert_eq!(driver.refreshes(), 2, "{status}");
    }
}

#[test]
fn a_token_that_lasts_for_days_and_is_revoked_early_is_cured_each_time() {
    let mut driver = Driver::given(&Reply::Tokens("864000"));
    driver.on_refresh = Some(Reply::Tokens("864000"));
    for _ in 0..20 {
        driver.advance(30 * MINUTE);
        assert_eq!(driver.send(API, turns(&[401, 200])), Some(200));
    }
    assert_eq!((driver.refreshes(), guarded(&driver)), (20, 0));
}

#[test]
fn i15_a_target_that_always_answers_401_for_10_hours_starts_few_refreshes() {
    let mut driver = Driver::with_refreshes();
    for _ in 0..36_000 {
        driver.send(API, || 401);
        assert_eq!(driver.send(OTHER_API, || 200), Some(200));
        driver.advance(SECOND);
    }
    within(driver.most_in_an_hour(false), ..=15);
    assert_eq!(driver.passwords(), 1);
}

#[test]
fn i15_a_target_that_alternates_for_10_hours_starts_60_refreshes_an_hour_at_most_and_60_with_evidence()
 {
    for pattern in [
        &[401, 200][..],
        &[200, 401],
        &[401, 200, 200],
        &[401, 401, 200],
        &[401, 500],
    ] {
        let mut driver = Driver::with_refreshes();
        let mut answer = turns(pattern);
        for _ in 0..36_000 {
            driver.send(API, &mut answer);
            assert_eq!(driver.send(OTHER_API, || 200), Some(200));
            driver.advance(SECOND);
        }
        let most = driver.most_in_an_hour(false);
        assert!(most <= 122, "{pattern:?}: {most}"); // two early ones of its own
    }
}

#[test]
fn i15_each_origin_has_its_own_bound() {
    let mut driver = Driver::with_refreshes();
    let mut answers: Vec<_> = (0..4).map(|_| turns(&[401, 200])).collect();
    for _ in 0..3600 {
        for (number, answer) in answers.iter_mut().enumerate() {
            driver.send(
                &format!("https://api-{number}.services.simacan.com/"),
                answer,
            );
        }
        driver.advance(SECOND);
    }
    within(driver.most_in_an_hour(false), 121..=4 * 120 + 2);
}

/// A target has used up the refreshes of its hour, and goes on answering 401.
fn used_up(driver: &mut Driver) {
    driver.on_refresh = Some(TOKENS);
    while driver.refreshes() < 60 {
        driver.send(&format!("{API}/bad"), turns(&[401, 200]));
        driver.advance(SECOND);
    }
    driver.go_and_deliver(401);
    assert!(!driver.is_flying());
}

#[test]
fn i15_a_guarded_401_does_not_end_the_cool_down_of_an_early_refresh() {
    let config = config(|config| config.target_guard.first = config.target_guard.longest);
    let mut driver = Driver::logged_in(config, &TOKENS);
    driver.on_refresh = Some(Reply::Tokens("400"));
    driver.send(API, || 401); // guarded for 10 min, with a new token for less than 7
    driver.on_refresh = Some(Reply::Status(403));
    driver.advance(345 * SECOND);
    for _ in 0..25 {
        let sent = driver.go(); // the first one starts an early refresh
        driver.deliver(sent, 401);
        driver.advance(SECOND);
    }
    assert_eq!(driver.refreshes(), 1 + 1);
}

#[test]
fn i15_a_guarded_target_starts_nothing_during_an_outage() {
    let mut driver = Driver::for_an_hour();
    used_up(&mut driver);
    driver.on_refresh = Some(DOWN);
    let before = driver.refreshes();
    // An honest target reports a revoked token; from then on the machine tries, with cool-downs.
    driver.send(OTHER_API, || 401);
    for _ in 0..40 * 60 / 3 {
        let sent = driver.go();
        driver.advance(3 * SECOND); // a slow target
        let _review = driver.review(sent, 401);
    }
    // 30, 60, 120, 240 and then 300 s lie between the rounds of three.
    let refreshes = driver.refreshes() - before;
    assert!(refreshes <= 3 * 13, "{refreshes} in 40 minutes");
}

#[test]
fn i15_a_401_every_second_during_an_outage_of_10_hours_is_paced() {
    for pattern in [&[401][..], &[401, 200], &[200, 401, 401]] {
        let mut driver = Driver::given(&Reply::Tokens("null"));
        driver.on_refresh = Some(DOWN);
        let mut answer = turns(pattern);
        for _ in 0..36_000 {
            driver.send(API, &mut answer);
            driver.advance(SECOND);
        }
        let most = driver.most_in_an_hour(false);
        assert!(most <= 180, "{pattern:?}: {most}");
        assert!(
            driver.refreshes() >= 300,
            "{pattern:?} stops at {}",
            driver.refreshes()
        );
    }
}

#[test]
fn i6_a_login_that_the_guard_holds_back_for_long_is_denied_and_says_why() {
    let mut driver = Driver::answering(DOWN);
    driver.ask_every(SECOND, 1800);
    let denied = loop {
        match driver.ask() {
            Authorization::Denied(denied) => break denied,
            _ => driver.advance(SECOND),
        }
    };
    let until = until(&denied);
    let passwords = driver.passwords();
    driver.advance_to(until);
    assert_eq!(driver.passwords(), passwords);
    let _authorization = driver.ask();
    driver.advance(30 * SECOND);
    assert!(driver.passwords() > passwords, "`until` is no promise");
}

/// The platform revokes all tokens while an early refresh is on its way, so that the next one is dead
/// on arrival: the first 401 has started no refresh, and the second is worth one.
#[test]
fn i15_a_401_that_joins_a_refresh_under_way_has_started_none() {
    let mut driver = Driver::for_an_hour();
    driver.advance(HOUR - 30 * SECOND);
    let sent = driver.go(); // starts an early refresh
    let pending = driver.retry_after_401(sent);
    let pending = driver.wait_with(pending);
    let sent = driver.reply_to(pending, &TOKENS);
    driver.deliver(sent, 401); // sent twice by now (I7)
    assert!(driver.is_flying(), "the dead token is replaced");
    driver.reply(&TOKENS);
    // Now it is this target's 401 that has started the refresh which is no use.
    driver.go_and_deliver(401);
    assert!(!driver.is_flying());
    assert_eq!(driver.refreshes(), 2);
}
