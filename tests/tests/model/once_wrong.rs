//! What was once wrong, or nearly, in the world of the model checker: it must stay right.
#![cfg(any(model, fuzzing))]

use simacan_auth_tests::world::{AtServer, AtTarget, Body, Clock, Login, Rules, Step, World};

/// Lets all of it happen.
fn live(world: &mut World, steps: &[Step]) {
    for (step, n) in steps.iter().zip(1..) {
        if let Err(violation) = world.apply(*step) {
            panic!("step {n}, {step}: {violation}");
        }
    }
}

const LOG_IN: [Step; 4] = [
    Step::Ask(0),
    Step::Serve,
    Step::Deliver(Body::Intact),
    Step::Ask(0),
];

/// How many exchanges begin while the callers send what they have for so many seconds, one request of
/// each in a second, and the auth server is honest.
fn exchanges_in(world: &mut World, callers: u16, seconds: u32) -> u32 {
    let mut exchanges = 0;
    for _ in 0..seconds {
        for caller in 0..callers {
            for _ in 0..4 {
                live(
                    world,
                    &[Step::Ask(caller), Step::Answer(caller, AtTarget::Honest)],
                );
                if world.is_asked() {
                    exchanges += 1;
                    live(world, &[Step::Serve, Step::Deliver(Body::Intact)]);
                }
                if world.is_idle(caller) {
                    break;
                }
            }
        }
        live(world, &[Step::Clock(Clock::On(1))]);
    }
    exchanges
}

/// A slow answer: the token's life is over when it arrives. It is used for a second all the same.
#[test]
fn a_token_already_expired_on_arrival_starts_no_endless_refreshes() {
    let mut world = World::new(Rules::default().with_access_token_life(2));
    live(
        &mut world,
        &[Step::Ask(0), Step::Serve, Step::Clock(Clock::On(10))],
    );
    live(&mut world, &[Step::Deliver(Body::Intact), Step::Ask(0)]);
    assert!(
        world.is_sent(0),
        "it goes out with the token that it has waited for"
    );
    // The target has its own opinion, so there is one refresh, and one more later at most.
    live(&mut world, &[Step::Answer(0, AtTarget::Honest)]);
    let exchanges = exchanges_in(&mut world, 1, 60);
    assert!(
        exchanges <= 60,
        "{exchanges} exchanges in a minute with tokens of two seconds"
    );
}

/// The checks of I12 and I13 are in every step.
#[test]
fn a_clock_set_back_during_a_backoff_lets_no_password_out_early() {
    let mut world = World::new(Rules::default());
    live(&mut world, &[Step::Ask(0)]);
    for back in [10, 61, 3600, 86_400, 5, 3600, 3600, 100_000] {
        live(&mut world, &[Step::Refuse(AtServer::Unavailable)]);
        live(&mut world, &[Step::Clock(Clock::Back(back)), Step::Ask(0)]);
        assert!(
            !world.is_asked(),
            "nothing goes out when the clock is set back by {back} s"
        );
        live(
            &mut world,
            &[
                Step::Clock(Clock::ToWait),
                Step::Ask(0),
                Step::Clock(Clock::On(40)),
            ],
        );
        live(&mut world, &[Step::Ask(0), Step::Clock(Clock::ToWait)]);
        world.settle().expect("whoever waits is answered");
    }
}

/// The harness once looked for it for ever: there the clock stood still.
#[test]
fn i12_a_world_at_the_end_of_its_clock_recovers_too() {
    let mut world = World::new(Rules::default());
    live(
        &mut world,
        &[Step::Clock(Clock::On(u32::MAX)), Step::Ask(0)],
    );
    live(
        &mut world,
        &[Step::Refuse(AtServer::NotFound), Step::Ask(0)],
    );
    assert!(world.is_idle(0), "denied");
    world.recover().expect("it goes on after the cool-down");
}

#[test]
fn an_early_refresh_that_is_refused_costs_no_token_that_is_good() {
    let mut world = World::new(Rules::default());
    live(&mut world, &LOG_IN);
    live(
        &mut world,
        &[Step::Answer(0, AtTarget::Honest), Step::RevokeRefresh],
    );
    live(
        &mut world,
        &[
            Step::ChangePassword,
            Step::Clock(Clock::NearExpiry),
            Step::Ask(0),
        ],
    );
    assert!(
        world.is_sent(0) && world.is_asked(),
        "served, and the refresh begins"
    );
    // Refused, and so is the password: the token is good for ten seconds all the same.
    for _ in 0..2 {
        live(&mut world, &[Step::Serve, Step::Deliver(Body::Intact)]);
        live(&mut world, &[Step::Ask(1), Step::Ask(2)]);
        assert!(world.is_sent(1) && world.is_sent(2));
        live(&mut world, &[Step::Leave(1), Step::Leave(2)]);
    }
    live(
        &mut world,
        &[
            Step::Clock(Clock::ToExpiry),
            Step::Ask(1),
            Step::Replace(Login::AliceNew),
        ],
    );
    live(
        &mut world,
        &[
            Step::Ask(1),
            Step::Serve,
            Step::Deliver(Body::Intact),
            Step::Ask(1),
        ],
    );
    assert!(world.is_sent(1), "the new password ends the rejection");
}

#[test]
fn a_login_that_is_answered_503_for_ever_answers_everyone_and_keeps_its_pace() {
    let mut world = World::new(Rules::default());
    let mut passwords = 0;
    for _ in 0..2000 {
        live(&mut world, &[Step::Ask(0), Step::Ask(1), Step::Ask(2)]);
        passwords += u32::from(world.is_asked());
        world.settle().expect("whoever waits is answered");
        live(
            &mut world,
            &[
                Step::Refuse(AtServer::Unavailable),
                Step::Clock(Clock::ToWait),
            ],
        );
        live(&mut world, &[Step::Clock(Clock::On(7))]);
    }
    // Some four hours at the very least. I13 was checked at each of them.
    assert!((10..=60).contains(&passwords), "{passwords} passwords");
}

#[test]
fn one_target_that_always_answers_401_costs_the_honest_one_little() {
    let mut world = World::new(Rules::default());
    live(&mut world, &[Step::Stubborn]);
    // Caller 1 sends to the stubborn target, the others to the honest one.
    let exchanges = exchanges_in(&mut world, 3, 3000);
    println!("{exchanges} exchanges in 3,000 s");
    // The login, and what the guard of 10 s doubling to 10 min lets through.
    assert!(exchanges <= 2 + 14, "{exchanges} exchanges in 3,000 s");
    // The honest target's 401s are still cured.
    live(
        &mut world,
        &[
            Step::RevokeAccess,
            Step::Ask(0),
            Step::Answer(0, AtTarget::Honest),
        ],
    );
    live(
        &mut world,
        &[
            Step::Ask(0),
            Step::Serve,
            Step::Deliver(Body::Intact),
            Step::Ask(0),
        ],
    );
    assert!(
        world.is_sent(0),
        "a fresh token, in spite of the guard of the other target"
    );
}
