//! A cached bearer says what the machine would say, and nothing once the machine has anything else to say.

use crate::common::prelude::*;

/// The token that it lets go out to `uri`.
fn token(cached: &CachedBearer, now: Timestamp, uri: &str) -> Option<String> {
    let mut request = request(uri);
    let sent = cached.authorize(now.into(), &mut request);
    let token = bearer(&request);
    assert_eq!(token.is_some(), sent.is_some());
    token
}

/// Logged in for an hour, and its cached bearer.
fn driver_with_cached_bearer() -> (Driver, CachedBearer) {
    let mut driver = Driver::for_an_hour();
    let cached = driver.cached_bearer();
    (driver, cached)
}

#[test]
fn a_cached_bearer_lets_an_answer_through_as_long_as_the_machine_has_nothing_to_learn_from_it() {
    let (mut driver, cached) = driver_with_cached_bearer();
    let [first, second, of_200] = [(); 3].map(|()| {
        let sent = cached.authorize(driver.now.into(), &mut request(API));
        sent.expect("there is a token")
    });
    for status in [StatusCode::OK, StatusCode::FORBIDDEN] {
        shows!(cached.review(&first, status), Some(Review::Deliver));
    }
    assert!(cached.review(&first, StatusCode::UNAUTHORIZED).is_none());
    let (_, others) = driver_with_cached_bearer();
    assert!(others.review(&first, StatusCode::OK).is_none());

    let pending = driver.retry_after_401(first);
    assert!(cached.review(&second, StatusCode::OK).is_none()); // void
    let _pending = driver.wait_with(pending);
    driver.reply(&TOKENS);
    // This target has started a refresh, which is forgotten with its next answer other than 401: so the machine
    // has to hear of it.
    let cached = driver.cached_bearer();
    assert!(cached.review(&second, StatusCode::OK).is_none());
    let review = driver.machine.review(driver.now, of_200, StatusCode::OK);
    assert!(matches!(review, Review::Deliver));
    // It has: the next cached bearer is one for a calm time again.
    assert_eq!(token(&cached, driver.now, API), None);
    let cached = driver.cached_bearer();
    shows!(
        cached.review(&second, StatusCode::OK),
        Some(Review::Deliver)
    );
}

#[test]
fn a_cached_bearer_puts_the_current_token_on_a_request_and_what_it_lets_out_is_as_good_as_any() {
    let (mut driver, cached) = driver_with_cached_bearer();
    assert_eq!(token(&cached, driver.now, API), Some(Driver::bearer_of(1)));
    let mut request = request(API);
    let sent = cached.authorize(driver.now.into(), &mut request);
    let sent = sent.expect("there is a token");
    assert_eq!(sent.generation().get(), 1);
    let pending = driver.retry_after_401(sent);
    let _pending = driver.wait_with(pending);
    driver.reply(&TOKENS);
    assert_eq!(driver.refreshes(), 1);
    prints(&cached, "CachedBearer { generation: Generation(1), .. }");
}

#[test]
fn i5_what_a_void_cached_bearer_let_out_by_now_starts_nothing() {
    let (mut driver, cached) = driver_with_cached_bearer();
    let mut late = request(API);
    let late = cached.authorize(driver.now.into(), &mut late);
    let pending = driver.unauthorized();
    let _sent = driver.reply_to(pending, &TOKENS);
    let pending = driver.retry_after_401(late.expect("it was good then"));
    assert_eq!(driver.go_with(pending).generation().get(), 2);
    assert_eq!(driver.refreshes(), 1);
}

#[test]
fn i14_a_401_voids_a_cached_bearer_before_the_refresh() {
    let (mut driver, cached) = driver_with_cached_bearer();
    let _pending = driver.unauthorized();
    assert_eq!(token(&cached, driver.now, API), None);
    assert!(
        driver.machine.cached_bearer().is_none(),
        "a refresh is in flight"
    );
    driver.reply(&TOKENS);
    assert_eq!(token(&cached, driver.now, API), None);
    let cached = driver.cached_bearer();
    assert_eq!(token(&cached, driver.now, API), Some(Driver::bearer_of(2)));
}

/// The machine has to hear of it: it is the demand that starts the refresh.
#[test]
fn a_cached_bearer_is_void_when_the_refresh_is_due() {
    let (mut driver, cached) = driver_with_cached_bearer();
    driver.advance(57 * MINUTE + 59 * SECOND);
    assert!(token(&cached, driver.now, API).is_some());
    driver.advance(MINUTE + SECOND);
    assert_eq!(token(&cached, driver.now, API), None);
    let _sent = driver.go();
    assert_eq!(*driver.flying(), Driver::refresh_token(1));
    assert!(driver.machine.cached_bearer().is_none());
}

#[test]
fn without_a_refresh_token_a_cached_bearer_lasts_until_the_token_expires() {
    let mut driver = Driver::given(&Reply::AccessOnly("3600"));
    let cached = driver.cached_bearer();
    let last = earlier(driver.now.saturating_add(HOUR), SECOND / 1000);
    assert!(token(&cached, last, API).is_some());
    assert_eq!(token(&cached, driver.now.saturating_add(HOUR), API), None);
}

#[test]
fn a_cached_bearer_on_a_token_of_unknown_life_lasts_until_a_401() {
    let mut driver = Driver::given(&Reply::Tokens("null"));
    let cached = driver.cached_bearer();
    assert!(token(&cached, Timestamp::MAX, API).is_some());
    let _pending = driver.unauthorized();
    assert_eq!(token(&cached, Timestamp::MAX, API), None);
}

/// The machine knows what to make of it.
#[test]
fn i12_a_cached_bearer_says_nothing_before_the_token_was_received() {
    let (driver, cached) = driver_with_cached_bearer();
    assert_eq!(token(&cached, earlier(driver.now, SECOND), API), None);
}

#[test]
fn another_user_and_the_end_of_the_machine_void_a_pass() {
    let (mut driver, cached) = driver_with_cached_bearer();
    driver.set_credentials("other", 1);
    assert_eq!(token(&cached, driver.now, API), None);

    let (driver, cached) = driver_with_cached_bearer();
    let now = driver.now;
    drop(driver);
    assert_eq!(token(&cached, now, API), None);
}

/// A driver hears of it when it polls, which it does for those who ask the machine.
#[test]
fn a_cached_bearer_is_void_once_there_is_an_event_to_tell() {
    let (mut driver, _) = driver_with_cached_bearer();
    driver.on_refresh = Some(TOKENS);
    let pending = driver.unauthorized();
    let sent = driver.go_with(pending);
    let cached = driver.cached_bearer();
    assert!(token(&cached, driver.now, API).is_some());
    // That refresh was no cure, so the next 401 is guarded.
    let review = driver
        .machine
        .review(driver.now, sent, StatusCode::UNAUTHORIZED);
    shows!(review, Review::Deliver);
    assert_eq!(token(&cached, driver.now, API), None);
    let output = driver.machine.poll(driver.now);
    shows!(output, Output::Event(Event::TargetGuarded { .. }));

    let (mut driver, cached) = driver_with_cached_bearer();
    driver.give_credentials("fleet", 2);
    assert_eq!(token(&cached, driver.now, API), None);
    driver.settle();
    let cached = driver.cached_bearer();
    assert!(token(&cached, driver.now, API).is_some());
}

/// What a fork does is nothing to the machine itself.
#[cfg(any(model, fuzzing))]
#[test]
fn a_fork_leaves_a_cached_bearer_as_it_is() {
    let (mut driver, cached) = driver_with_cached_bearer();
    drop(driver.machine.fork());
    assert!(token(&cached, driver.now, API).is_some());
    let again = driver.cached_bearer();
    assert!(token(&again, driver.now, API).is_some());
}

#[test]
fn there_is_no_cached_bearer_before_a_login() {
    let mut driver = Driver::fresh();
    assert!(driver.machine.cached_bearer().is_none());
    let _pending = driver.wait();
    assert!(driver.machine.cached_bearer().is_none());
}

#[test]
fn i8_a_cached_bearer_is_for_origins_that_the_machine_has_been_asked_for() {
    let (mut driver, old) = driver_with_cached_bearer();
    assert_eq!(token(&old, driver.now, OTHER_API), None);
    let _sent = driver.go_to(OTHER_API);
    let cached = driver.cached_bearer();
    assert!(token(&cached, driver.now, API).is_some());
    assert!(token(&cached, driver.now, OTHER_API).is_some());
    assert_eq!(token(&old, driver.now, API), None, "there is a newer one");
}

/// However many there are: the machine is asked for those that no cached bearer has.
#[test]
fn a_program_with_many_targets_is_served_too() {
    let (mut driver, _) = driver_with_cached_bearer();
    for n in 0..20 {
        let uri = format!("https://api-{n}.services.simacan.com/");
        for _ in 0..2 {
            let sent = driver.go_to(&uri);
            driver.deliver(sent, 200);
        }
    }
    let cached = driver.cached_bearer();
    assert!(token(&cached, driver.now, API).is_some());
}

#[test]
fn i8_no_spelling_of_a_foreign_url_passes() {
    let (driver, cached) = driver_with_cached_bearer();
    let host = API.split('/').nth(2).unwrap();
    for url in [
        format!("http://{host}/"),
        format!("https://{host}:8443/"),
        format!("https://{host}.example/"),
        format!("https://{host}@example.com/"),
        format!("https://user@{host}/"),
        format!("https://example.com/https://{host}/"),
        format!("https://x{host}/"),
        format!("https://{}/", &host[..host.len() - 1]),
        format!("/https://{host}/"),
    ] {
        if url.parse::<http::Uri>().is_ok() {
            assert_eq!(token(&cached, driver.now, &url), None, "{url}");
        }
    }
    let pathless = format!("https://{host}?a=b");
    let mut request = request(&pathless);
    assert!(
        cached.authorize(driver.now.into(), &mut request).is_some(),
        "a URI has its authority apart"
    );
}

/// A save that has failed is tried again by a driver that polls after it has asked.
#[test]
fn there_is_no_cached_bearer_while_something_is_unsaved() {
    let store = Memory::default();
    let mut process = Process::asked(&store, START);
    store.fail(Op::Save, &StoreFailure::Abandoned, 2); // tokens are tried again at once
    process.grant();
    assert!(process.machine.cached_bearer().is_none());
    process.pass(MINUTE);
    assert!(process.machine.cached_bearer().is_some());
}
