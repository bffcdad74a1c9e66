//! What the 401s of one target may start, and what its other answers prove (`manual::time`, *The reactive
//! guard*).
#![cfg(any(model, fuzzing))]

use std::cell::Cell;

use crate::common::prelude::*;
use http::HeaderValue;

/// Of the same origin as [`API`].
const BAD: &str = "https://sct-tracking-data-api.services.simacan.com/api/v1/bad";

const DAYS: Reply = Reply::Tokens("864000");

/// Its refreshes are caused by 401s only.
fn for_days() -> Driver {
    let mut driver = Driver::given(&DAYS);
    driver.on_refresh = Some(DAYS);
    driver
}

/// A path that always answers 401 has caused so many refreshes, one a second. The rest of its origin is fine.
fn after_refreshes(n: usize) -> Driver {
    let mut driver = for_days();
    for _ in 0..n {
        driver.advance(SECOND);
        assert_eq!(driver.send(BAD, || 401), Some(401));
        assert_eq!(driver.send(API, || 200), Some(200));
    }
    assert_eq!(driver.refreshes(), n);
    driver
}

/// With a method and a URI of its own.
fn send(driver: &mut Driver, method: &str, uri: &str) -> Sent {
    let mut request = Request::builder().method(method).uri(uri).body(()).unwrap();
    let pending = Pending::new();
    ready(driver.machine.authorize(driver.now, pending, &mut request))
}

/// Whether a 401 to it would be cured.
fn is_cured(driver: &mut Driver, method: &str, uri: &str) -> bool {
    let sent = send(driver, method, uri);
    let mut asked = driver.machine.fork();
    let review = asked.review(driver.now, sent, StatusCode::UNAUTHORIZED);
    matches!(review, Review::Retry(_))
}

#[test]
fn i15_in_no_hour_does_a_target_start_more_than_60_refreshes_and_then_one_for_each_that_is_an_hour_ago()
 {
    let mut driver = after_refreshes(60);
    let first = after(SECOND);
    driver.advance_to(earlier(first.saturating_add(HOUR), MILLI));
    assert_eq!(driver.send(BAD, || 401), Some(401));
    assert_eq!(driver.refreshes(), 60);
    for n in 61..=90 {
        driver.advance_to(first.saturating_add(HOUR + (n - 61) * SECOND));
        for _ in 0..3 {
            assert_eq!(driver.send(BAD, || 401), Some(401));
            assert_eq!(driver.send(API, || 200), Some(200));
        }
        assert_eq!(driver.refreshes(), usize::try_from(n).unwrap());
    }
    assert_eq!(driver.most_in_an_hour(false), 60);
}

/// A round that failed has been one all the same: its token is used again, and gets a 401 again.
#[test]
fn i15_each_round_that_a_401_starts_counts_if_it_is_for_the_same_token() {
    let config = config(|config| config.target_refreshes = 2);
    let mut driver = Driver::logged_in(config, &DAYS);
    driver.on_refresh = Some(Reply::Status(404)); // one attempt a round
    for rounds in [1, 2, 2] {
        let sent = driver.go(); // while nothing can be attempted
        driver.advance(5 * MINUTE); // a slow target
        let _review = driver.review(sent, 401);
        assert_eq!(driver.refreshes(), rounds);
    }
}

#[test]
fn i15_one_bad_path_that_has_used_up_its_origins_refreshes_leaves_a_real_401_to_be_cured() {
    let mut driver = after_refreshes(60);
    // The token is revoked.
    assert_eq!(driver.send(API, turns(&[401, 200])), Some(200));
    assert_eq!(driver.refreshes(), 61);
    assert_eq!(driver.send(BAD, || 401), Some(401));
    assert_eq!(driver.refreshes(), 61);
}

#[test]
fn i15_evidence_has_a_bound_of_its_own_of_as_many_again() {
    let mut driver = after_refreshes(60);
    for _ in 0..3 * 3600 {
        driver.send(API, turns(&[401, 200]));
        driver.send(BAD, || 401);
        driver.advance(SECOND);
    }
    assert_eq!(driver.most_in_an_hour(false), 120);
}

/// The last refresh that is to be had on evidence is one for all who wait.
#[test]
fn i15_a_401_that_joins_the_last_refresh_of_its_target_is_cured_with_the_others() {
    let mut driver = after_refreshes(60);
    for _ in 0..59 {
        assert_eq!(driver.send(API, turns(&[401, 200])), Some(200));
    }
    driver.on_refresh = None;
    let (first, second) = (driver.go(), driver.go());
    let bad = driver.go_to(BAD);
    let _first = driver.retry_after_401(first);
    let _second = driver.retry_after_401(second);
    let _bad = driver.retry_after_401(bad);
    driver.reply(&DAYS);
    assert_eq!(driver.refreshes(), 120);
}

#[test]
fn i15_evidence_is_about_this_very_token_this_method_and_this_path() {
    let mut driver = after_refreshes(60);
    let api = |rest: &str| format!("{API}{rest}");
    for (method, uri, is_proven) in [
        ("POST", API.to_owned(), true),
        ("POST", api("?another=query"), true),
        ("GET", API.to_owned(), false),
        ("POST", api("/deeper"), false),
        ("POST", BAD.to_owned(), false),
    ] {
        assert_eq!(
            is_cured(&mut driver, method, &uri),
            is_proven,
            "{method} {uri}"
        );
    }
    // Another target's 401 is cured. With the new token this one has answered nothing yet.
    assert_eq!(driver.send(OTHER_API, turns(&[401, 200])), Some(200));
    assert!(!is_cured(&mut driver, "POST", API));
    driver.send(API, || 403);
    assert!(is_cured(&mut driver, "POST", API));
}

#[test]
fn i15_evidence_is_kept_of_64_requests() {
    let mut driver = after_refreshes(60); // one of them is known
    let uri = |n: u32| format!("{API}/{n}");
    for n in 1..=64 {
        driver.send(&uri(n), || 200);
    }
    assert!(is_cured(&mut driver, "POST", API));
    assert!((1..=63).all(|n| is_cured(&mut driver, "POST", &uri(n))));
    assert!(!is_cured(&mut driver, "POST", &uri(64)));
}

/// Counts how often it was asked what it is.
struct Curious {
    uri: &'static str,
    asked: Cell<u32>,
}

impl TargetRequest for Curious {
    fn location(&self) -> Option<(&str, &str)> {
        self.uri.split_once("://").map(|(scheme, rest)| {
            let (authority, _) = rest.split_once('/').expect("a path");
            (scheme, authority)
        })
    }

    fn set_authorization(&mut self, _value: HeaderValue) {}

    fn resource(&self) -> Option<(&str, &str)> {
        self.asked.set(self.asked.get() + 1);
        Some(("POST", "/"))
    }
}

/// How often it was asked, by the machine and by its cached bearer.
fn asked(driver: &mut Driver, uri: &'static str) -> u32 {
    let asked = Cell::new(0);
    let mut request = Curious { uri, asked };
    let pending = Pending::new();
    let authorization = driver.machine.authorize(driver.now, pending, &mut request);
    assert!(matches!(authorization, Authorization::Ready(_)));
    let cached = driver.cached_bearer();
    let sent = cached.authorize(driver.now.into(), &mut request);
    assert!(sent.is_some());
    request.asked.get()
}

#[test]
fn a_request_is_asked_what_it_is_only_once_its_origin_has_used_half_of_its_refreshes() {
    let mut driver = after_refreshes(29);
    assert_eq!(asked(&mut driver, API), 0);
    let mut driver = after_refreshes(30);
    assert_eq!(asked(&mut driver, API), 2);
    assert_eq!(asked(&mut driver, OTHER_API), 0);
    driver.advance(HOUR); // the first is long ago
    assert_eq!(asked(&mut driver, API), 0);
}

/// Whether the cached bearer knows what to make of a good answer, with no lock.
fn is_calm(cached: &CachedBearer, now: Timestamp, uri: &str) -> bool {
    let sent = cached.authorize(now.into(), &mut request(uri));
    cached
        .review(&sent.expect("it is good"), StatusCode::OK)
        .is_some()
}

#[test]
fn a_good_answer_takes_no_lock_until_its_origin_has_used_half_of_its_refreshes_nor_an_hour_later() {
    for (n, expected) in [(1, true), (29, true), (30, false), (60, false)] {
        let mut driver = after_refreshes(n);
        driver.send(OTHER_API, || 200);
        let cached = driver.cached_bearer();
        assert_eq!(is_calm(&cached, driver.now, API), expected, "{n}");
        assert!(is_calm(&cached, driver.now, OTHER_API), "{n}");
        driver.advance(HOUR);
        let _sent = driver.go();
        let cached = driver.cached_bearer();
        assert!(is_calm(&cached, driver.now, API), "{n}");
    }
}

#[test]
fn an_answer_takes_no_lock_again_once_a_cured_target_has_answered_nor_do_those_of_other_targets() {
    let mut driver = for_days();
    driver.send(OTHER_API, || 200);
    let pending = driver.unauthorized();
    let sent = driver.go_with(pending);
    let cached = driver.cached_bearer();
    assert!(!is_calm(&cached, driver.now, API));
    assert!(is_calm(&cached, driver.now, OTHER_API));
    driver.deliver(sent, 200);
    let sent = cached.authorize(driver.now.into(), &mut request(API));
    assert!(sent.is_none());
    let cached = driver.cached_bearer();
    assert!(is_calm(&cached, driver.now, API));
}

/// It has started nothing, but that it was delivered is to be forgotten with the next answer.
#[test]
fn a_401_that_is_delivered_has_the_machine_hear_of_the_next_answer() {
    let config = config(|config| config.target_refreshes = 1);
    let mut driver = Driver::logged_in(config, &DAYS);
    driver.on_refresh = Some(DAYS);
    driver.send(BAD, turns(&[401, 200]));
    driver.send(API, || 401);
    let until = driver.machine.refused_until(driver.now, &request(API));
    assert_eq!(until, Some(after(HOUR)));
    let cached = driver.cached_bearer();
    assert!(!is_calm(&cached, driver.now, API));
    driver.send(API, || 200);
    let until = driver.machine.refused_until(driver.now, &request(API));
    assert_eq!(until, None);
}

#[test]
fn i15_a_401_on_a_token_that_has_served_for_ten_minutes_is_no_strike() {
    for (age, is_strike) in [(10 * MINUTE, true), (10 * MINUTE + MILLI, false)] {
        let mut driver = for_days();
        let _pending = driver.unauthorized(); // and never sends it again
        driver.advance(age);
        let sent = driver.go();
        let review = driver.review(sent, 401);
        assert_eq!(matches!(review, Review::Deliver), is_strike, "{age:?}");
        assert_eq!(driver.refreshes(), if is_strike { 1 } else { 2 });
    }
}

#[test]
fn i12_a_clock_that_is_set_back_holds_up_a_target_for_an_hour_at_most() {
    let mut driver = after_refreshes(60);
    let started = |driver: &Driver| {
        let started = |event: &&Event| matches!(event, Event::Unauthorized { .. });
        driver.events.iter().filter(started).count()
    };
    driver.jump_to(earlier(START, 24 * HOUR));
    driver.send(BAD, || 401);
    assert_eq!(started(&driver), 60);
    driver.advance(HOUR);
    driver.send(BAD, || 401);
    assert_eq!(started(&driver), 61);
}

#[test]
fn a_401_of_a_session_that_is_over_starts_nothing_and_so_proves_nothing_about_the_next_token() {
    let mut driver = Driver::given(&TOKENS);
    driver.on_refresh = Some(Reply::Refused);
    driver.on_password = Some(Reply::Refused);
    driver.advance(59 * MINUTE);
    let sent = driver.go(); // with a token that is due, and whose refresh is refused
    driver.settle();
    assert_eq!(driver.machine.status(), Status::Rejected);
    let _denied = driver.review(sent, 401);

    driver.on_password = Some(TOKENS);
    driver.on_refresh = Some(TOKENS);
    driver.set_credentials("fleet", 2);
    let _sent = driver.wait_and_go();
    assert_eq!(driver.send(API, || 401), Some(401));
    assert_eq!(
        driver.refreshes(),
        2,
        "a 401 that is the first one is cured"
    );
}
