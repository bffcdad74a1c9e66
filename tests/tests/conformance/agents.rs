//! What those get who have a client already and put ours into it: an `Agent` of ureq.

use http::StatusCode;
use simacan_auth::Credentials;
use simacan_auth_ureq::Error;
use ureq::{Agent, Body, ResponseExt};

use crate::subject::Ureq;
use crate::world::{PASSWORD, USERNAME, WRONG_PASSWORD, World, assert_holds_no_secret};

fn agent(client: &simacan_auth_ureq::Client, status_as_error: bool) -> Agent {
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
        let agent = agent(&Ureq::builder(world.plan()).build(), status_as_error);
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
    let agent = agent(&Ureq::builder(world.plan()).build(), true);
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
    plan.credentials = Credentials::new(USERNAME, WRONG_PASSWORD);
    let client = Ureq::builder(plan).build();
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
