//! No secret in anything that a program can print (I9), and what the public types are.

use std::error::Error;
use std::fmt::{Debug, Display};

use crate::common::prelude::*;

/// All that an error says, its causes included.
fn assert_clean_error(error: &dyn Error) {
    assert_clean(&format!("{error} {error:?} {error:#?}"));
    if let Some(source) = error.source() {
        assert_clean_error(source);
    }
}

fn assert_clean_value(value: &impl Debug) {
    assert_clean(&format!("{value:?} {value:#?}"));
}

fn assert_clean_event(event: &(impl Debug + Display)) {
    assert_clean(&format!("{event} {event:?} {event:#?}"));
}

/// Bodies with the mark wherever a parser could be tempted to repeat it.
fn bodies() -> Vec<String> {
    let mut bodies = vec![
        MARK.to_owned(),
        format!(r#""{MARK}""#),
        format!(r#"{{"{MARK}":1}}"#),
        format!(r#"{{"{MARK}":1,"{MARK}":2}}"#),
        format!(r#"{{"error":"{MARK}","error_description":"{MARK}"}}"#),
        format!(r#"{{"error":"invalid_grant","error_description":"{MARK}"}}"#),
        format!(r#"{{"error":"invalid_request","error_uri":"https://{MARK}"}}"#),
        format!(r#"{{"access_token":"{MARK}"#),
        format!(r#"{{"access_token":"{MARK}","access_token":"{MARK}"}}"#),
        format!(r#"{{"token_type":"bearer","access_token":"{MARK}" {MARK}}}"#),
    ];
    for bad in ["\\u0000", "\\ud800", "é", "\\x", "\n"] {
        bodies.push(format!(
            r#"{{"token_type":"bearer","access_token":"{MARK}{bad}"}}"#
        ));
        bodies.push(format!(
            r#"{{"token_type":"{MARK}{bad}","access_token":"{MARK}"}}"#
        ));
        bodies.push(format!(
            r#"{{"token_type":"bearer","access_token":"a","refresh_token":"{MARK}{bad}","expires_in":"{MARK}"}}"#
        ));
    }
    for member in ["access_token", "refresh_token", "token_type", "expires_in"] {
        bodies.push(format!(r#"{{"{member}":["{MARK}"]}}"#));
        bodies.push(format!(r#"{{"{member}":{{"{MARK}":1}}}}"#));
    }
    bodies
}

#[test]
fn i9_no_failure_repeats_a_body_or_a_header() {
    let providers = [
        Provider::simacan(),
        Provider::oauth2("https://login.example/token", ClientAuth::form("id", MARK))
            .build()
            .unwrap(),
    ];
    for body in bodies() {
        for status in [200, 201, 302, 400, 401, 403, 429, 500, 503] {
            for provider in &providers {
                let session = Session::new(provider.clone(), credentials("fleet", 1));
                let (_, exchange) = session.begin(START);
                let response = Response::builder()
                    .status(status)
                    .header("location", format!("https://{MARK}.example"))
                    .header("retry-after", MARK)
                    .header("www-authenticate", MARK)
                    .body(body.clone())
                    .unwrap();
                let outcome = exchange.receive(START, response);
                assert_clean_value(&outcome);
                if let LoginOutcome::Failed(_, failure) = outcome {
                    assert_clean_error(&failure);
                }
            }
        }
    }
}

#[test]
fn i9_nothing_that_holds_a_secret_prints_it_in_any_state() {
    let session = Session::new(Provider::simacan(), credentials("fleet", 1));
    assert_clean_value(&session);
    let (request, exchange) = session.begin(START);
    assert_clean_value(&(&request, &exchange));
    let session = entered(exchange.receive(START, TOKENS.answer(1)));
    assert_clean_value(&session);
    let session = refreshing(session, START, Cause::Due);
    assert_clean_value(&session);
    let (request, exchange) = session.begin(START);
    assert_clean_value(&(&request, &exchange));
    let outcome = exchange.receive(START, Reply::Refused.answer(2));
    assert_clean_value(&outcome);
    let session = shows!(outcome, RefreshOutcome::ReLogin(session) => session);
    let (request, exchange) = session.begin(START);
    assert_clean_value(&(&request, &exchange));
    assert_clean_value(&exchange.receive(START, Reply::Refused.answer(3)));
    assert_clean_value(&credentials("fleet", 1));
}

#[test]
fn i9_the_bearer_is_marked_sensitive_and_does_not_print() {
    let mut driver = Driver::for_an_hour();
    let mut target = request(API);
    let pending = Pending::new();
    let authorization = driver.machine.authorize(driver.now, pending, &mut target);
    assert!(matches!(authorization, Authorization::Ready(_)));
    assert!(target.headers()["authorization"].is_sensitive());
    assert_clean_value(&(&target, &authorization));
    driver.settle();
}

#[test]
fn i9_a_client_secret_does_not_print_and_its_header_is_sensitive() {
    for client in [ClientAuth::basic("id", MARK), ClientAuth::form("id", MARK)] {
        assert_clean_value(&client);
        let builder = Provider::oauth2("https://login.example/token", client).scope("a");
        assert_clean_value(&builder);
        let provider = builder.build().unwrap();
        assert_clean_value(&provider);
        let (request, _exchange) = Session::new(provider, credentials("u", 1)).begin(START);
        assert_clean_value(&request);
        let header = request.headers().get("authorization");
        assert!(header.is_none_or(http::HeaderValue::is_sensitive));
    }
}

#[test]
fn i9_a_password_in_a_url_is_in_no_error() {
    for (before, after) in [
        ("https://me:", "@login.example/api"),
        ("https://me:", "@login.example//api"),
        ("https://", "@login.example"),
        ("http://me:", "@login.example/"),
        ("me:", "@login.example/api"),
        ("me:", "@login.example//api"),
        ("//me:", "@login.example/"),
        ("ftp://me:", "@login.example/#f"),
        ("https://me:", "@login.example/?query"),
    ] {
        let url = format!("{before}{MARK}{after}");
        let good = || Provider::simacan_at("https://login.example");
        for builder in [
            Provider::simacan_at(&url),
            Provider::oauth2(&url, ClientAuth::public("id")),
            good().allow_origin(&url),
        ] {
            if let Err(error) = builder.allow_loopback_http().build() {
                assert_clean_error(&error);
            }
        }
    }
}

#[test]
fn i9_a_password_in_a_url_is_in_no_debug() {
    let url = format!("https://me:{MARK}@login.example/api");
    assert_clean_value(&Provider::simacan_at(&url));
    let foreign = Driver::for_an_hour().ask_url(&url);
    assert_clean_error(&foreign);
}

#[test]
fn i9_whole_histories_of_a_machine_print_no_secret() {
    // The driver checks every output, review, authorization and the machine itself on the way.
    let answers = bodies();
    let mut driver = Driver::fresh();
    let _sent = driver.wait_and_reply(&TOKENS);
    for body in answers {
        let body: &'static str = body.leak();
        driver.advance(HOUR);
        let _authorization = driver.ask();
        for status in [503, 200, 404] {
            if driver.is_flying() {
                driver.reply(&Reply::Body(status, body));
                if let Authorization::Denied(denied) = driver.ask() {
                    assert_clean_error(&denied);
                }
                driver.advance(SECOND);
            }
        }
        driver.advance(5 * MINUTE);
        let _authorization = driver.ask();
        if driver.is_flying() {
            driver.reply(&TOKENS);
        }
    }
    driver.on_refresh = Some(Reply::Refused);
    driver.on_password = Some(Reply::Refused);
    driver.advance(2 * HOUR);
    let _authorization = driver.ask();
    assert_clean_error(&driver.denied());
    driver.set_credentials("other", 2);
    assert!(driver.events.len() > 20);
    driver.events.iter().for_each(assert_clean_event);
}

#[test]
fn i9_the_username_is_no_secret_and_a_denial_says_whose_and_where() {
    let mut driver = Driver::answering(Reply::Refused);
    let pending = driver.wait();
    let text = driver.denied_with(pending).to_string();
    assert!(
        text.contains("fleet") && text.contains("auth-service.services.simacan.com"),
        "{text}"
    );
}

#[test]
fn the_public_types_are_send_and_sync() {
    fn check<T: Send + Sync>() {}
    macro_rules! check {
        ($($type:ty),* $(,)?) => { $(check::<$type>();)* };
    }
    check! {
        Machine, Pending, Sent, Authorization, Review, Output, Transmit, JobId, Event, Status,
        Session<Unauthenticated>, Session<Authenticated>, Session<Refreshing>, Session<ReLogin>,
        Exchange<Unauthenticated>, Exchange<Refreshing>, Exchange<ReLogin>, Rejected, Refresh,
        LoginOutcome<Unauthenticated>, LoginOutcome<ReLogin>, RefreshOutcome, RequestBody,
        ResponseBody, Config, Credentials, Provider, ProviderBuilder, ClientAuth,
        InvalidProvider, Denied, Failure, TransportFailure, BodyDefect, OAuthError,
        AuthorizeError, ForeignOrigin, Generation, Timestamp,
    };
}

#[test]
fn the_errors_are_errors_that_last() {
    fn check<T: Error + Send + Sync + 'static>() {}
    check::<Denied>();
    check::<Failure>();
    check::<TransportFailure>();
    check::<BodyDefect>();
    check::<AuthorizeError>();
    check::<ForeignOrigin>();
    check::<InvalidProvider>();
}

#[test]
fn a_machine_is_small() {
    assert!(size_of::<Machine>() <= 1024, "{}", size_of::<Machine>());
    assert!(size_of::<Pending>() <= 64 && size_of::<Sent>() <= 64);
}

impl Driver {
    fn ask_url(&mut self, url: &str) -> ForeignOrigin {
        let pending = Pending::new();
        shows!(self.ask_for(url, pending), Authorization::Foreign(foreign) => foreign)
    }
}
