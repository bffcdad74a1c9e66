//! A password that is refused.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use std::thread;

use simacan_auth::{Credentials, Denied, Event, Status};
use simacan_auth_emulator::{Presented, What};

use crate::platform::{
    Gate, HOUR, PASSWORD, PATIENCE, USERNAME, WRONG_PASSWORD, World, assert_accepted, denied,
    eventually, within,
};
use crate::subject::{Outcome, Plan, Subject};

conformance! {
    i2_a_wrong_password_is_sent_once_whoever_asks,
    i2_a_refused_password_is_sent_once_more_when_somebody_says_that_it_is_right,
    i2_the_refusal_of_a_password_is_believed_for_a_day,
    i2_a_login_tells_that_the_password_is_wrong,
    i2_a_password_that_was_changed_is_refused_once_in_a_session_that_goes_on,
    new_credentials_can_be_set_by_whoever_is_told_of_the_rejection,
    new_credentials_are_told_of_while_the_token_is_good,
    new_credentials_of_another_user_end_the_session_of_the_last,
    i2_the_refusal_of_a_password_that_was_replaced_is_told_to_nobody,
    the_answer_to_a_login_that_was_replaced_is_not_used,
    the_answer_to_another_users_refresh_is_not_used,
}

fn with_wrong_password(world: &World) -> Plan {
    Plan {
        credentials: Credentials::new(USERNAME, WRONG_PASSWORD).into(),
        ..world.plan()
    }
}

fn i2_a_refused_password_is_sent_once_more_when_somebody_says_that_it_is_right<S: Subject>() {
    let world = World::new();
    let subject = S::build(with_wrong_password(&world));
    assert_rejected(&world, subject.send_all(world.crowd(20)));
    world.judge.retry_refused();
    subject.retry_refused();
    assert_rejected(&world, subject.send_all(world.crowd(20)));
    world.assert_exchanges(2, 0);
    world.emulate(|emulator| emulator.set_password(USERNAME, WRONG_PASSWORD));
    assert_rejected(&world, subject.send_all(world.crowd(20)));
    world.assert_exchanges(2, 0);
    world.judge.retry_refused();
    subject.retry_refused();
    world.assert_served(&subject, 20, (3, 0));
    subject.retry_refused(); // there is nothing to retry
    world.assert_served(&subject, 20, (3, 0));
}

fn i2_the_refusal_of_a_password_is_believed_for_a_day<S: Subject>() {
    let world = World::new();
    let subject = S::build(with_wrong_password(&world));
    for _ in 0..23 {
        assert_rejected(&world, subject.send_all(world.crowd(3)));
        world.skip(HOUR);
    }
    world.assert_exchanges(1, 0);
    world.emulate(|emulator| emulator.set_password(USERNAME, WRONG_PASSWORD));
    world.skip(2 * HOUR);
    world.assert_served(&subject, 20, (2, 0));
}

#[track_caller]
fn assert_rejected(world: &World, outcomes: Vec<Outcome>) {
    let host = world.server.address().to_string();
    for outcome in outcomes {
        let denied = denied(outcome);
        let text = denied.to_string();
        assert!(text.contains(USERNAME) && text.contains(&host), "{text}");
        let Denied::Rejected {
            username,
            auth_host,
            remembered: None,
            ..
        } = denied
        else {
            panic!("not rejected: {denied:?}");
        };
        assert_eq!((username.as_str(), &auth_host), (USERNAME, &host));
    }
}

fn i2_a_wrong_password_is_sent_once_whoever_asks<S: Subject>() {
    let world = World::new();
    let subject = S::build(with_wrong_password(&world));
    assert_rejected(&world, subject.send_all(world.crowd(200)));
    assert_rejected(&world, subject.send_all(world.crowd(20)));
    // The same again is nothing new.
    subject.set_credentials(Credentials::new(USERNAME, WRONG_PASSWORD));
    assert_rejected(&world, subject.send_all(world.crowd(20)));
    assert_eq!(subject.status(), Status::Rejected);
    world.assert_exchanges(1, 0);
    assert_eq!(world.counters().targets_received, 0);

    subject.set_credentials(Credentials::new(USERNAME, PASSWORD));
    world.assert_served(&subject, 200, (2, 0));
}

fn i2_a_login_tells_that_the_password_is_wrong<S: Subject>() {
    let world = World::new();
    let subject = S::build(with_wrong_password(&world));
    for _ in 0..3 {
        let denied = denied(subject.log_in());
        assert!(matches!(denied, Denied::Rejected { .. }), "{denied:?}");
    }
    world.assert_exchanges(1, 0);
}

fn i2_a_password_that_was_changed_is_refused_once_in_a_session_that_goes_on<S: Subject>() {
    const CHANGED: &str = "another wr0ng h0rse";
    let (world, subject) = World::with_a_user::<S>();
    world.emulate(|emulator| {
        emulator.set_password(USERNAME, CHANGED);
        emulator.revoke_access_tokens();
        emulator.revoke_refresh_tokens();
    });
    assert_rejected(&world, subject.send_all(world.crowd(50)));
    assert_rejected(&world, subject.send_all(world.crowd(50)));
    world.assert_exchanges(1, 1);
    subject.set_credentials(Credentials::new(USERNAME, CHANGED));
    world.assert_served(&subject, 50, (2, 1));
}

/// The callback is called with no lock held: it may use the client.
fn new_credentials_can_be_set_by_whoever_is_told_of_the_rejection<S: Subject>() {
    let world = World::new();
    let itself = Arc::new(OnceLock::<S>::new());
    let plan = Plan {
        on_event: Box::new({
            let itself = itself.clone();
            move |event| {
                let subject = itself.get().expect("nothing happens before it is built");
                assert_ne!(subject.status(), Status::Interrupted);
                if matches!(event, Event::Rejected { .. }) {
                    subject.set_credentials(Credentials::new(USERNAME, PASSWORD));
                }
            }
        }),
        ..with_wrong_password(&world)
    };
    // The callback keeps its own client alive, so this leaks. Tests may.
    let subject = itself.get_or_init(|| S::build(plan)).clone();
    let outcomes = within(PATIENCE, "a callback that uses the client", {
        let (subject, crowd) = (subject.clone(), world.crowd(20));
        move || subject.send_all(crowd)
    });
    // Some may have been told of the rejection before it ended; who comes later is served.
    for outcome in outcomes {
        assert!(outcome.is_ok() || matches!(denied(outcome), Denied::Rejected { .. }));
    }
    world.assert_served(&subject, 20, (2, 0));
}

fn new_credentials_are_told_of_while_the_token_is_good<S: Subject>() {
    let (world, subject) = World::with_a_user::<S>();
    for _ in 0..3 {
        assert_accepted(&[subject.send(world.crowd(1).remove(0))]);
    }
    subject.set_credentials(Credentials::new(USERNAME, "another wr0ng h0rse"));
    assert_accepted(&[subject.send(world.crowd(1).remove(0))]);
    assert!(subject.settle());
    let replaced = |event: &Event| matches!(event, Event::CredentialsReplaced { .. });
    assert_eq!(world.events.count(replaced), 1);
}

fn new_credentials_of_another_user_end_the_session_of_the_last<S: Subject>() {
    let world = World::with(World::settings().with_user(OTHER, PASSWORD));
    let subject: S = world.logged_in();
    assert_accepted(&subject.send_all(world.crowd(1)));
    subject.set_credentials(Credentials::new(OTHER, PASSWORD));
    assert_eq!(subject.status(), Status::Unauthenticated);
    world.assert_served(&subject, 20, (1, 0));
    // And the tokens of the last one play no part any more.
    world.end_session();
    world.assert_served(&subject, 20, (2, 1));
    let users = world
        .entries()
        .into_iter()
        .filter_map(|entry| match entry.what {
            What::Password { user, .. } => user,
            _ => None,
        });
    assert!(users.into_iter().all(|user| &*user == OTHER));
}

/// Runs `f` while 20 callers wait for an exchange whose answer is held back.
fn while_an_exchange_is_in_flight<S: Subject>(
    world: &World,
    gate: &Gate,
    subject: &S,
    f: impl FnOnce(),
) -> Vec<Outcome> {
    gate.close();
    let before = world.counters();
    let callers = thread::spawn({
        let (subject, crowd) = (subject.clone(), world.crowd(20));
        move || subject.send_all(crowd)
    });
    eventually("the exchange is in flight", || {
        let now = world.counters();
        now.passwords_received > before.passwords_received
            || now.refreshes_received > before.refreshes_received
    });
    f();
    gate.open();
    within(
        PATIENCE,
        "callers of an exchange that was replaced",
        move || callers.join().unwrap(),
    )
}

fn i2_the_refusal_of_a_password_that_was_replaced_is_told_to_nobody<S: Subject>() {
    let gate = Gate::default();
    let world = World::start(World::settings(), gate.options());
    let subject = S::build(with_wrong_password(&world));
    let outcomes = while_an_exchange_is_in_flight(&world, &gate, &subject, || {
        subject.set_credentials(Credentials::new(USERNAME, PASSWORD));
    });
    assert_accepted(&outcomes);
    world.assert_exchanges(2, 0);
    // The wrong one was refused, whoever was told: it is not sent again.
    subject.set_credentials(Credentials::new(USERNAME, WRONG_PASSWORD));
    world.assert_served(&subject, 20, (2, 0));
}

const OTHER: &str = "other@example.com";

fn the_answer_to_a_login_that_was_replaced_is_not_used<S: Subject>() {
    let gate = Gate::default();
    let settings = World::settings().with_user(OTHER, PASSWORD);
    let world = World::start(settings, gate.options());
    let subject: S = world.subject();
    let outcomes = while_an_exchange_is_in_flight(&world, &gate, &subject, || {
        subject.set_credentials(Credentials::new(OTHER, PASSWORD));
    });
    assert_accepted(&outcomes);
    world.assert_exchanges(2, 0);
    // All that was sent bears the token of the second login.
    assert_eq!(serials(&world), BTreeSet::from([2]));
}

fn the_answer_to_another_users_refresh_is_not_used<S: Subject>() {
    let gate = Gate::default();
    let settings = World::settings().with_user(OTHER, PASSWORD);
    let world = World::start(settings, gate.options());
    let subject: S = world.logged_in();
    world.skip(HOUR);
    let outcomes = while_an_exchange_is_in_flight(&world, &gate, &subject, || {
        subject.set_credentials(Credentials::new(OTHER, PASSWORD));
    });
    assert_accepted(&outcomes);
    assert_accepted(&subject.send_all(world.crowd(20)));
    // The first login was #1, its refresh #2.
    world.assert_exchanges(1, 1);
    assert_eq!(serials(&world), BTreeSet::from([3]));
}

/// Of all tokens that a target API has seen.
fn serials(world: &World) -> BTreeSet<u64> {
    let shown = world
        .entries()
        .into_iter()
        .filter_map(|entry| match entry.what {
            What::Target {
                token: Presented::Valid { serial },
                ..
            } => Some(serial),
            What::Target { token, .. } => panic!("{token:?}"),
            _ => None,
        });
    shown.collect()
}
