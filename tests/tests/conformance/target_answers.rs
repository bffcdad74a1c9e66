//! Target APIs that answer otherwise than with what was asked for.

use std::time::Duration;

use http::{Response, StatusCode};
use simacan_auth::{Doubling, Event};
use simacan_auth_emulator::{Endpoint, Fault, Place, Times};

use crate::platform::{World, assert_accepted, assert_status, post};
use crate::subject::{Plan, Subject, Trouble, Ureq};

conformance! {
    whatever_is_no_401_is_delivered_untouched,
    a_target_request_that_is_lost_is_the_callers_to_send_again,
    i15_a_target_that_always_answers_401_costs_one_refresh_and_nobody_else,
    i15_a_herd_at_a_target_that_always_answers_401_costs_one_refresh,
    i15_a_real_401_is_cured_where_another_path_has_used_up_its_targets_refreshes,
}

fn whatever_is_no_401_is_delivered_untouched<S: Subject>() {
    let (world, subject) = World::with_a_user::<S>();
    for status in [200, 202, 400, 403, 404, 407, 418, 429, 500, 503] {
        let answer = Response::builder()
            .status(status)
            .header("x-y", "z")
            .header("www-authenticate", "Bearer error=\"invalid_token\"")
            .body("the body")
            .unwrap();
        world.script(Endpoint::Target, answer.into(), 1);
        let response = subject.send(world.post("/x", "x")).unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()["x-y"], "z");
        assert_eq!(&response.body()[..], b"the body");
    }
    assert_eq!(world.counters().targets_received, 10);
    world.assert_exchanges(0, 0);
}

/// Whether it was done is unknown, so it is not sent again behind the caller's back.
fn a_target_request_that_is_lost_is_the_callers_to_send_again<S: Subject>() {
    let (world, subject) = World::with_a_user::<S>();
    world.script(Endpoint::Target, Fault::AnswerLost, 1);
    let outcome = subject.send(world.post("/x", "x"));
    assert!(matches!(outcome, Err(Trouble::Request(_))), "{outcome:?}");
    assert_eq!(world.counters().targets_received, 1);
    world.assert_served(&subject, 20, (0, 0));
}

/// A world where what is asked of `localhost` is always answered with 401, while 127.0.0.1 is honest. The
/// guard is longer than any test takes.
fn with_a_broken_target(world: &World) -> (Plan, String) {
    let place = Place::Host("localhost".into());
    world.emulate(|e| e.answer_targets(place, StatusCode::UNAUTHORIZED, Times::Always));
    let broken = format!("http://localhost:{}", world.server.address().port());
    let mut plan = world.plan_at(world.provider_with(&[&broken]));
    let length = Duration::from_secs(600);
    plan.config.target_guard = Doubling {
        first: length,
        longest: length,
    };
    (plan, broken)
}

fn i15_a_target_that_always_answers_401_costs_one_refresh_and_nobody_else<S: Subject>() {
    let world = World::new();
    let (plan, broken) = with_a_broken_target(&world);
    let subject = S::build(plan);
    subject.log_in().unwrap();
    world.forget();
    let unauthorized = StatusCode::UNAUTHORIZED;
    for i in 0..20 {
        let outcome = subject.send(post(&format!("{broken}/broken/{i}"), "x"));
        assert_status(&outcome, unauthorized);
        assert_accepted(&[subject.send(world.post(&format!("/honest/{i}"), "x"))]);
    }
    world.assert_exchanges(0, 1);
    world.assert_none_sent_thrice();
    // The honest one's 401s are cured all the same, every time.
    for refreshes in 2..5 {
        world.revoke();
        assert_status(
            &subject.send(post(&format!("{broken}/x"), "x")),
            unauthorized,
        );
        assert_accepted(&subject.send_all(world.crowd(20)));
        assert_status(
            &subject.send(post(&format!("{broken}/x"), "x")),
            unauthorized,
        );
        world.assert_exchanges(0, refreshes);
    }
    // And after the guard it gets another chance.
    world.skip(Duration::from_secs(601));
    assert_status(
        &subject.send(post(&format!("{broken}/x"), "x")),
        unauthorized,
    );
    world.assert_exchanges(0, 5);
}

fn i15_a_herd_at_a_target_that_always_answers_401_costs_one_refresh<S: Subject>() {
    let world = World::new();
    let (plan, broken) = with_a_broken_target(&world);
    let subject = S::build(plan);
    subject.log_in().unwrap();
    world.forget();
    let mut requests = world.crowd(50);
    requests.extend((0..50).map(|i| post(&format!("{broken}/broken/{i}"), "x")));
    let mut outcomes = subject.send_all(requests);
    for outcome in outcomes.split_off(50) {
        assert_status(&outcome, StatusCode::UNAUTHORIZED);
    }
    assert_accepted(&outcomes);
    world.assert_exchanges(0, 1);
    world.assert_none_sent_thrice();
    let guarded = |event: &Event| matches!(event, Event::TargetGuarded { .. });
    assert!(subject.settle()); // the events are told
    assert_eq!(world.events.count(guarded), 1);
}

fn i15_a_real_401_is_cured_where_another_path_has_used_up_its_targets_refreshes<S: Subject>() {
    let world = World::new();
    let mut plan = world.plan();
    plan.config.target_refreshes = 2;
    let subject = S::build(plan);
    subject.log_in().unwrap();
    world.forget();
    let unauthorized = StatusCode::UNAUTHORIZED;
    for _ in 0..2 {
        world.script(Endpoint::Target, Fault::Status(unauthorized), 2);
        assert_status(&subject.send(world.post("/bad", "x")), unauthorized);
        assert_accepted(&[subject.send(world.post("/good?n=1", "x"))]);
    }
    world.assert_exchanges(0, 2);
    world.revoke();
    assert_accepted(&[subject.send(world.post("/good?n=2", "x"))]);
    world.assert_exchanges(0, 3);
    // This one has not been answered otherwise with the new token.
    world.revoke();
    assert_status(&subject.send(world.post("/other", "x")), unauthorized);
    world.assert_exchanges(0, 3);
}

/// ureq makes an error of a status unless told otherwise, and would lose the 401.
#[test]
fn ureq_with_an_agent_that_makes_errors_of_statuses_delivers_them() {
    let world = World::new();
    let agent = ::ureq::Agent::config_builder()
        .proxy(None)
        .http_status_as_error(true)
        .build();
    let subject = Ureq(
        Ureq::builder(world.plan())
            .agent(agent.into())
            .build()
            .expect("a client"),
    );
    subject.log_in().unwrap();
    world.revoke();
    assert_accepted(&subject.send_all(world.crowd(5)));
    world.script(Endpoint::Target, Fault::Status(StatusCode::NOT_FOUND), 1);
    assert_status(&subject.send(world.get("/x")), StatusCode::NOT_FOUND);
}
