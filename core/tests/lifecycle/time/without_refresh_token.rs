//! Servers that give no refresh tokens: a login at the end of each token's life (`manual::time`, I13).

use crate::common::prelude::*;

/// A day with tokens of such a life, and one request a second.
fn served(life: &'static str, target: u16) -> (Driver, u32) {
    let mut driver = Driver::answering(Reply::AccessOnly(life));
    let mut served = 0;
    for _ in 0..24 * 60 * 60 {
        served += u32::from(driver.send(API, || target).is_some());
        driver.advance(SECOND);
    }
    (driver, served)
}

#[test]
fn i13_a_login_at_the_end_of_a_tokens_life_does_not_count() {
    for (life, seconds) in [("300", 300), ("60", 60), ("30", 30)] {
        let (driver, served) = served(life, 200);
        assert_eq!(served, 24 * 60 * 60, "{life}");
        assert_eq!(driver.passwords(), 24 * 60 * 60 / seconds, "{life}");
    }
}

#[test]
fn no_login_is_sooner_than_30_s_after_the_last() {
    let (driver, _) = served("5", 200);
    let times: Vec<_> = driver.sent.iter().map(|(at, _)| *at).collect();
    let least = times.windows(2).map(|two| two[1].saturating_since(two[0]));
    assert_eq!(least.min(), Some(30 * SECOND));
}

#[test]
fn i13_one_that_a_401_asked_for_counts_as_any() {
    let (_judged, _) = served("300", 401);
    let mut driver = Driver::given(&Reply::AccessOnly("3600"));
    driver.on_password = Some(Reply::AccessOnly("3600"));
    for _ in 0..3 {
        driver.go_and_deliver(200);
        let _pending = driver.unauthorized();
    }
    assert_eq!((driver.passwords(), driver.most_in_an_hour(true)), (3, 3));
}

#[test]
fn i13_one_that_fails_counts_as_any() {
    let mut driver = Driver::given(&Reply::AccessOnly("300"));
    driver.on_password = Some(DOWN);
    driver.ask_every(SECOND, 3600);
    assert!(driver.most_in_an_hour(true) <= 12);
    // When it is over, the next end of a life is as ever.
    driver.on_password = Some(Reply::AccessOnly("300"));
    while !matches!(driver.ask(), Authorization::Ready(_)) {
        driver.advance(SECOND);
    }
    let since = driver.now;
    for _ in 0..3 {
        driver.advance(5 * MINUTE);
        let _sent = driver.wait_and_go();
    }
    assert_eq!(driver.now.saturating_since(since), 15 * MINUTE);
}

#[test]
fn i12_a_clock_that_is_set_back_holds_it_back_once() {
    let mut driver = Driver::given(&Reply::AccessOnly("3600"));
    driver.on_password = Some(Reply::AccessOnly("3600"));
    driver.jump_to(earlier(driver.now, 10 * HOUR));
    let mut waited = Duration::ZERO;
    while !matches!(driver.ask(), Authorization::Ready(_)) {
        driver.advance(SECOND);
        waited += SECOND;
    }
    assert!(waited <= 31 * SECOND, "{waited:?}");
}
