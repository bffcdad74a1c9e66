//! What those get who have a client already and put ours into it: an `Agent` of ureq. And those who have
//! none.

use std::sync::atomic::{AtomicBool, Ordering};

use http::{HeaderValue, Request, StatusCode};
use simacan_auth::Credentials;
use simacan_auth_emulator::{Endpoint, Fault};
use simacan_auth_ureq::{Client, Error};
use ureq::middleware::MiddlewareNext;
use ureq::{Agent, Body, ResponseExt, SendBody};

use crate::platform::{PASSWORD, USERNAME, WRONG_PASSWORD, World, assert_holds_no_secret};
use crate::subject::Ureq;

fn agent(client: &Client, status_as_error: bool) -> Agent {
    let config = Agent::config_builder()
        .proxy(None)
        .http_status_as_error(status_as_error)
        .middleware(client.clone());
    config.build().into()
}

fn status(answer: Result<http::Response<Body>, ureq::Error>) -> u16 {
    match answer {
        Ok(response) => response.status().as_u16(),
        Err(ureq::Error::StatusCode(status)) => status,
        Err(error) => panic!("{error:?}"),
    }
}

/// The error that a middleware can only give as another's.
fn inner(error: ureq::Error) -> Error {
    assert_holds_no_secret(&format!("{error} {error:?}"));
    match error {
        ureq::Error::Other(error) => *error.downcast().expect("one of ours"),
        error => panic!("{error:?}"),
    }
}

#[test]
fn an_agent_gets_a_token_and_after_a_401_another_one() {
    for status_as_error in [true, false] {
        let world = World::new();
        let agent = agent(
            &Ureq::builder(world.plan()).build().expect("a client"),
            status_as_error,
        );
        let send = || agent.post(world.uri("/x")).send("body");
        assert_eq!(status(send()), 204);
        assert_eq!(status(send()), 204);
        world.assert_exchanges(1, 0);
        world.revoke();
        // It can't send again.
        assert_eq!(status(send()), 401);
        assert_eq!(status(send()), 204);
        assert_eq!(world.counters().targets_received, 4);
        world.assert_exchanges(1, 1);
    }
}

#[test]
fn i8_an_agent_takes_the_token_nowhere_else() {
    let world = World::new();
    let elsewhere = World::new();
    let agent = agent(
        &Ureq::builder(world.plan()).build().expect("a client"),
        true,
    );
    let error = agent
        .get(elsewhere.uri("/x"))
        .call()
        .expect_err("it may not go there");
    assert!(matches!(inner(error), Error::ForeignOrigin(_)));
    assert_eq!(elsewhere.counters().targets_received, 0);
    world.assert_exchanges(0, 0);
}

#[test]
fn i2_an_agent_whose_password_is_refused_says_so_and_goes_on_with_another() {
    let world = World::new();
    let mut plan = world.plan();
    plan.credentials = Credentials::new(USERNAME, WRONG_PASSWORD).into();
    let client = Ureq::builder(plan).build().expect("a client");
    let agent = agent(&client, true);
    for _ in 0..3 {
        let error = agent.get(world.uri("/x")).call().expect_err("no token");
        let printed = inner(error).to_string();
        assert!(printed.contains(USERNAME), "{printed}");
    }
    world.assert_exchanges(1, 0);
    client.set_credentials(Credentials::new(USERNAME, PASSWORD));
    let response = agent.get(world.uri("/x")).call().expect("a token");
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.get_uri().path(), "/x");
}

/// Nothing is configured for each request then.
#[test]
fn with_an_agent_of_our_own_a_401_is_cured_and_every_status_is_an_answer() {
    let world = World::new();
    let client = Client::builder(world.provider(), world.plan().credentials)
        .build()
        .expect("a client");
    let send = |uri: &str| client.send(Request::post(world.uri(uri)).body("x").unwrap());
    assert_eq!(status(send("/x").map_err(cause)), 204);
    world.revoke();
    assert_eq!(status(send("/x").map_err(cause)), 204);
    world.assert_exchanges(1, 1);
    world.script(
        Endpoint::Target,
        Fault::Status(StatusCode::SERVICE_UNAVAILABLE),
        1,
    );
    assert_eq!(status(send("/x").map_err(cause)), 503);
    world.revoke();
    let once = client.send_once(Request::post(world.uri("/x")).body("x").unwrap());
    assert_eq!(status(once.map_err(cause)), 401);
    assert_eq!(status(send("/x").map_err(cause)), 204);
    world.assert_exchanges(1, 2);
}

/// It went there without the token.
#[test]
fn with_an_agent_of_our_own_a_401_from_where_a_redirect_leads_says_nothing_about_the_token() {
    let world = World::new();
    let client = Client::builder(world.provider(), world.plan().credentials)
        .build()
        .expect("a client");
    for (uri, to) in [
        ("/x", world.uri("/y")),
        ("/x", "y".to_owned()),
        ("/x", "/x?a".to_owned()),
        ("/", "/y".to_owned()),
        ("?a", "/".to_owned()),
    ] {
        let uri = format!("{}{uri}", world.server.origin());
        for once in [true, false] {
            world.script(Endpoint::Target, found(&to), 1);
            let request = Request::get(&uri).body(()).unwrap();
            let answer = if once {
                client.send_once(request)
            } else {
                client.send(request)
            };
            assert_eq!(status(answer.map_err(cause)), 401, "{uri}");
        }
    }
    world.assert_exchanges(1, 0);
}

/// The second answer is to a request without the token, so it says nothing about that.
#[test]
fn with_an_agent_of_our_own_a_401_after_a_redirect_back_to_the_start_costs_nothing() {
    for (uri, to) in [
        ("/x", "/x"),
        ("/x", "x"),
        ("/", "/"),
        ("", "/"),
        ("?a", "?a"),
    ] {
        let world = World::new();
        let client = Client::builder(world.provider(), world.plan().credentials)
            .build()
            .expect("a client");
        let uri = format!("{}{uri}", world.server.origin());
        world.script(Endpoint::Target, found(to), 1);
        let unauthorized = Fault::Status(StatusCode::UNAUTHORIZED);
        world.script(Endpoint::Target, unauthorized, 1);
        let answer = client.send(Request::get(&uri).body(()).unwrap());
        assert_eq!(status(answer.map_err(cause)), 401, "{uri}");
        assert_eq!(world.counters().targets_received, 2);
        world.assert_exchanges(1, 0);
    }
}

/// Such an answer says nothing of where it is from.
#[test]
fn a_401_that_a_middleware_of_the_agent_makes_up_is_cured_like_another() {
    let world = World::new();
    let made_up = AtomicBool::new(false);
    let middleware = move |request: Request<SendBody<'_>>, next: MiddlewareNext<'_>| {
        if made_up.swap(true, Ordering::Relaxed) {
            return next.handle(request);
        }
        let answer = http::Response::builder().status(StatusCode::UNAUTHORIZED);
        Ok(answer.body(Body::builder().data("")).unwrap())
    };
    let agent = Agent::config_builder().proxy(None).middleware(middleware);
    let client = Client::builder(world.provider(), world.plan().credentials);
    let client = client
        .agent(agent.build().into())
        .build()
        .expect("a client");
    let answer = client.send(Request::post(world.uri("/x")).body("x").unwrap());
    assert_eq!(status(answer.map_err(cause)), 204);
    world.assert_exchanges(1, 1);
}

fn found(to: &str) -> Fault {
    Fault::Redirect(StatusCode::FOUND, HeaderValue::from_str(to).unwrap())
}

fn cause(error: Error) -> ureq::Error {
    match error {
        Error::Request { error, .. } => error,
        error => panic!("{error:?}"),
    }
}
