//! Two thousand requests while everything goes wrong now and then.

use std::collections::BTreeSet;
use std::time::Duration;

use simacan_auth::{Denied, Status};
use simacan_auth_emulator::{Emulator, Endpoint, FaultRates, What};

use crate::platform::{HOUR, REFRESH_IS_DUE, World, eventually};
use crate::subject::{MultiThread, Reqwest, Subject, Trouble, Ureq};

const BATCHES: usize = 50;
const BATCH: usize = 40;

/// Each fault, so many times in a thousand.
fn rates(each: u16) -> FaultRates {
    FaultRates {
        request_lost: each,
        answer_lost: each,
        server_error: each,
        garbage: each,
        truncated: each,
        delayed: each,
        delay: Duration::from_millis(5),
        ..FaultRates::default()
    }
}

fn soak<S: Subject>(seed: u64) {
    // There are few exchanges, so each fault strikes 4% of them.
    let exchanges = rates(40);
    let targets = FaultRates {
        delayed: 10,
        delay: Duration::from_millis(5),
        ..FaultRates::default()
    };
    let settings = World::settings()
        .with_seed(seed)
        .with_fault_rates_at(Endpoint::Password, exchanges)
        .with_fault_rates_at(Endpoint::Refresh, exchanges)
        .with_fault_rates_at(Endpoint::Target, targets);
    let world = World::with(settings);
    let mut plan = world.plan();
    // What takes longer is skipped, not waited for: the spacing of logins.
    plan.config.patience = Duration::from_secs(1);
    let subject = S::build(plan);
    for batch in 0..BATCHES {
        settle(&world, &subject);
        match batch % 10 {
            1 | 3 | 5 => world.revoke(),
            2 => world.skip(REFRESH_IS_DUE),
            4 => world.skip(HOUR),
            7 => world.emulate(|emulator| {
                emulator.revoke_access_tokens();
                emulator.revoke_refresh_tokens();
            }),
            _ => {}
        }
        send_until_accepted(
            &world,
            &subject,
            (batch * BATCH..(batch + 1) * BATCH).collect(),
        );
    }
    check(&world);
}

/// Waits for the end of an early refresh that is still on its way. If its new token died with the old one,
/// that would be two dead tokens in a row, and the second 401 is delivered.
fn settle<S: Subject>(world: &World, subject: &S) {
    eventually("nothing is in flight", || {
        world.skip(Duration::from_secs(1));
        subject.log_in().is_ok() && matches!(subject.status(), Status::Authenticated { .. })
    });
}

/// Who is denied a token waits for as long as the error says, and asks again.
fn send_until_accepted<S: Subject>(world: &World, subject: &S, mut left: Vec<usize>) {
    for _ in 0..50 {
        let request = |i: &usize| world.post(&format!("/{i}"), format!("position {i}"));
        let outcomes = subject.send_all(left.iter().map(request).collect());
        let mut again = Vec::new();
        let mut until = None;
        for (i, outcome) in left.into_iter().zip(outcomes) {
            match outcome {
                Ok(response) => assert!(response.status().is_success(), "{response:?}"),
                Err(Trouble::Denied(
                    Denied::Unavailable { until: at, .. } | Denied::Store { until: at, .. },
                )) => {
                    again.push(i);
                    until = until.max(Some(at));
                }
                Err(other) => panic!("{other}"),
            }
        }
        let Some(until) = until else { return };
        left = again;
        world.skip(until.saturating_since(world.clock.timestamp()) + Duration::from_millis(1));
    }
    panic!("never served: {left:?}");
}

fn check(world: &World) {
    let counters = world.counters();
    world.emulate(|emulator: &mut Emulator| {
        let bodies: BTreeSet<_> = emulator.ledger().accepted_bodies().iter().collect();
        assert_eq!(bodies.len(), BATCHES * BATCH, "none lost");
    });
    assert_eq!(counters.most_repeats_of_a_body, 1, "none done twice");
    assert_eq!(counters.others_received, 0);
    // I1: beyond the first, each password follows a refused refresh or a login that brought nothing.
    let failed_logins = world.entries().into_iter().filter(|entry| {
        let is_login = entry.endpoint == Endpoint::Password;
        let is_spoiled = entry
            .fault
            .as_ref()
            .is_some_and(|fault| !matches!(fault, simacan_auth_emulator::Fault::Delay(_)));
        is_login && (is_spoiled || matches!(entry.what, What::Unhandled))
    });
    let allowed = 1 + world.refreshes_refused() + failed_logins.count() as u64;
    let passwords = counters.passwords_received;
    assert!(
        passwords <= allowed,
        "{passwords} passwords, {allowed} allowed"
    );
    assert!(world.refreshes_refused() > 0, "something did go wrong");
}

#[test]
fn i1_i14_ureq_loses_nothing() {
    soak::<Ureq>(1);
}

#[test]
fn i1_i14_reqwest_loses_nothing() {
    soak::<Reqwest<MultiThread>>(2);
}
