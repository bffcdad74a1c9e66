//! An Auth API that can't be reached, or answers nonsense.

use std::time::Duration;

use http::{Response, StatusCode};
use simacan_auth::{BodyDefect, Denied, Event, Failure, Provider};
use simacan_auth_emulator::{Endpoint, Fault, Place, Times};

use crate::platform::{COOLED_DOWN, REFRESH_IS_DUE, World, assert_accepted, assert_status, denied};
use crate::subject::Subject;

conformance! {
    an_auth_api_that_refuses_connections_is_a_typed_error,
    i6_all_callers_are_told_of_an_outage_and_served_after_it,
    i6_a_short_outage_is_bridged_while_the_callers_wait,
    retry_after_is_honoured,
    an_answer_that_is_neither_tokens_nor_refusal_is_tried_once,
    i10_no_nonsense_costs_the_refresh_token,
    i14_what_happens_on_the_way_is_repaired_with_what_is_left,
    i14_a_failing_early_refresh_costs_no_request,
    i14_a_401_during_an_outage_does_not_cost_the_others_the_token,
}

const UNAVAILABLE: Fault = Fault::Status(StatusCode::SERVICE_UNAVAILABLE);

/// Nothing listens there.
const NOWHERE: &str = "http://127.0.0.1:1";

fn an_auth_api_that_refuses_connections_is_a_typed_error<S: Subject>() {
    let world = World::new();
    let provider = Provider::simacan_at(format!("{NOWHERE}/api/v1"))
        .allow_origin(world.server.origin())
        .allow_loopback_http()
        .build()
        .unwrap();
    let subject = S::build(world.plan_at(provider));
    let before = world.clock.timestamp();
    for outcome in subject.send_all(world.crowd(20)) {
        let denied = denied(outcome);
        let text = denied.to_string();
        assert!(text.contains("127.0.0.1:1"), "{text}");
        assert!(
            text.to_lowercase().contains("refused"),
            "names the cause: {text}"
        );
        let Denied::Unavailable {
            endpoint,
            failure: Failure::Transport(_),
            attempts: 3,
            until,
        } = denied
        else {
            panic!("{denied:?}");
        };
        assert_eq!(endpoint, format!("{NOWHERE}/api/v1/auth/password"));
        assert!(until > before);
    }
    // It is not hammered.
    assert_eq!(world.events.exchanges(), 3);
    denied(subject.log_in());
    assert_eq!(world.events.exchanges(), 3);
    world.skip(COOLED_DOWN);
    denied(subject.log_in());
    assert!(world.events.exchanges() > 3);
    assert_eq!(world.counters().targets_received, 0);
}

fn i6_all_callers_are_told_of_an_outage_and_served_after_it<S: Subject>() {
    let (world, subject) = World::around::<S>();
    world.script(Endpoint::Password, UNAVAILABLE, 3);
    for outcome in subject.send_all(world.crowd(200)) {
        match denied(outcome) {
            Denied::Unavailable {
                failure: Failure::Status { status, .. },
                attempts: 3,
                ..
            } => assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE),
            other => panic!("{other:?}"),
        }
    }
    world.assert_exchanges(3, 0);
    world.skip(COOLED_DOWN);
    world.assert_served(&subject, 200, (4, 0));
}

fn i6_a_short_outage_is_bridged_while_the_callers_wait<S: Subject>() {
    let (world, subject) = World::around::<S>();
    world.script(Endpoint::Password, UNAVAILABLE, 2);
    world.assert_served(&subject, 200, (3, 0));
    world.revoke();
    world.script(Endpoint::Refresh, UNAVAILABLE, 2);
    world.assert_served(&subject, 200, (3, 3));
}

fn retry_after_is_honoured<S: Subject>() {
    let (world, subject) = World::around::<S>();
    let minute = Duration::from_secs(60);
    let busy = Fault::RetryAfter(StatusCode::TOO_MANY_REQUESTS, 60.into());
    world.script(Endpoint::Password, busy, 1);
    let before = world.clock.timestamp();
    // Longer than anyone is kept waiting, so they are told at once.
    for outcome in subject.send_all(world.crowd(20)) {
        match denied(outcome) {
            Denied::Unavailable {
                failure: Failure::Status { retry_after, .. },
                attempts: 1,
                until,
                ..
            } => {
                assert_eq!(retry_after, Some(minute));
                assert!(until.saturating_since(before) >= minute);
            }
            other => panic!("{other:?}"),
        }
    }
    world.skip(COOLED_DOWN);
    denied(subject.log_in());
    world.assert_exchanges(1, 0);
    world.skip(minute);
    world.assert_served(&subject, 20, (2, 0));
}

fn an_answer_that_is_neither_tokens_nor_refusal_is_tried_once<S: Subject>() {
    let (world, subject) = World::with_a_user::<S>();
    for status in [400, 403, 404, 418] {
        world.forget();
        world.revoke();
        let status = StatusCode::from_u16(status).unwrap();
        world.script(Endpoint::Refresh, Fault::Status(status), 1);
        match denied(subject.send(world.post("/x", "x"))) {
            Denied::Unavailable {
                failure: Failure::Status { status: told, .. },
                attempts: 1,
                ..
            } => assert_eq!(told, status),
            other => panic!("{other:?}"),
        }
        world.skip(COOLED_DOWN);
        assert_accepted(&[subject.send(world.post("/x", "x"))]);
        world.assert_exchanges(0, 2);
    }
}

fn i10_no_nonsense_costs_the_refresh_token<S: Subject>() {
    use BodyDefect as D;
    let world = World::new();
    let mut plan = world.plan();
    plan.config.attempts = 1;
    let subject = S::build(plan);
    subject.log_in().unwrap();
    let huge = format!(r#"{{"access_token":"{}"}}"#, "x".repeat(2 << 20));
    for (body, defect) in [
        (&huge[..], D::TooLarge),
        ("", D::Truncated),
        (r#"{"access_token":"horse"#, D::Truncated),
        ("<html>horse</html>", D::NotJson { line: 1, column: 1 }),
        ("\0\0\0", D::NotJson { line: 1, column: 1 }),
        (r#"["horse"]"#, D::NotAnObject),
        (r#"{"token_type":"bearer"}"#, D::Missing("access_token")),
        (
            r#"{"token_type":"mac","access_token":"horse"}"#,
            D::NotBearer,
        ),
        (
            r#"{"token_type":"bearer","access_token":["horse"]}"#,
            D::WrongType("access_token"),
        ),
        (
            r#"{"token_type":"bearer","access_token":""}"#,
            D::Empty("access_token"),
        ),
        (
            r#"{"token_type":"bearer","access_token":"horse\r\nx: y"}"#,
            D::BadCharacter("access_token"),
        ),
        (
            r#"{"token_type":"bearer","access_token":"horse","access_token":"horses"}"#,
            D::Duplicate("access_token"),
        ),
    ] {
        world.forget();
        world.revoke();
        world.script(Endpoint::Refresh, Response::new(body).into(), 1);
        match denied(subject.send(world.post("/x", "x"))) {
            Denied::Unavailable {
                failure: Failure::Body(told),
                attempts: 1,
                ..
            } => assert_eq!(told, defect),
            other => panic!("{defect:?}: {other:?}"),
        }
        world.skip(COOLED_DOWN);
        assert_accepted(&[subject.send(world.post("/x", "x"))]);
        world.assert_exchanges(0, 2);
    }
}

/// Each fault strikes once; what the server has rotated before that costs a password, and nothing
/// else does.
fn i14_what_happens_on_the_way_is_repaired_with_what_is_left<S: Subject>() {
    for (fault, passwords) in [
        (Fault::RequestLost, 0),
        (Fault::AnswerLost, 1),
        (Fault::Truncated, 1),
        (Fault::CutShort, 1),
        (Fault::Garbage(b"<html>horse</html>".to_vec()), 1),
    ] {
        let (world, subject) = World::with_a_user::<S>();
        world.revoke();
        world.script(Endpoint::Refresh, fault.clone(), 1);
        world.assert_served(&subject, 20, (passwords, 2));
        world.assert_none_sent_thrice();
        // No client retries behind the machine's back.
        let sent = u64::try_from(world.events.exchanges()).unwrap();
        assert_eq!(sent, 2 + passwords, "{fault}");

        let (world, subject) = World::around::<S>();
        world.script(Endpoint::Password, fault.clone(), 1);
        world.assert_served(&subject, 20, (2, 0));
        assert_eq!(world.events.exchanges(), 2, "{fault}");
    }
}

fn i14_a_failing_early_refresh_costs_no_request<S: Subject>() {
    let (world, subject) = World::with_a_user::<S>();
    world.skip(REFRESH_IS_DUE);
    world.script(Endpoint::Refresh, UNAVAILABLE, 3);
    // In order, so that each demand can carry an attempt; those in the cool-down carry none.
    let failed = |event: &Event| matches!(event, Event::RoundFailed { .. });
    let mut sent = 0;
    while world.events.count(failed) == 0 {
        assert_accepted(&[subject.send(world.post("/x", format!("{sent}")))]);
        sent += 1;
    }
    world.assert_served(&subject, 20, (0, 3));
    // Its expiry ends the cool-down.
    world.skip(Duration::from_secs(60));
    world.assert_served(&subject, 20, (0, 4));
}

fn i14_a_401_during_an_outage_does_not_cost_the_others_the_token<S: Subject>() {
    let (world, subject) = World::with_a_user::<S>();
    let broken = Place::PathPrefix("/broken".into());
    world.emulate(|e| e.answer_targets(broken, StatusCode::UNAUTHORIZED, Times::Always));
    world.script(Endpoint::Refresh, UNAVAILABLE, 3);
    let denied = denied(subject.send(world.post("/broken", "x")));
    assert!(
        matches!(denied, Denied::Unavailable { attempts: 3, .. }),
        "{denied:?}"
    );
    world.assert_served(&subject, 20, (0, 3));
    // The 401 is not forgotten for good: after the outage it starts a refresh again.
    world.skip(COOLED_DOWN);
    assert_status(
        &subject.send(world.post("/broken", "x")),
        StatusCode::UNAUTHORIZED,
    );
    // One that carries the early refresh itself goes on with its token, whose 401 starts another.
    assert!((4..=5).contains(&world.counters().refreshes_received));
}
