//! Runtimes that end or fall asleep: an exchange that has begun ends all the same, and nobody hangs.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use simacan_auth::SessionStore;
use tokio::runtime::Runtime;

use crate::cancellation::{poll_at_most, until};
use crate::platform::{Gate, PATIENCE, REFRESH_IS_DUE, World, assert_accepted, within};
use crate::saved_sessions::{Folder, patience};
use crate::subject::{CurrentThread, Flavour, MultiThread, Reqwest, Subject, reqwest_client, send};

on_both_runtimes! {
    i6_a_runtime_is_shut_down_in_the_middle_of_a_refresh,
    i6_a_runtime_is_shut_down_in_the_middle_of_a_login,
    a_runtime_for_each_call_costs_one_password,
    a_runtime_that_sleeps_during_a_refresh_holds_up_no_other_process,
    a_client_is_dropped_on_the_runtime_that_the_auth_server_needs,
}

fn gated() -> (Gate, World) {
    let gate = Gate::default();
    let world = World::start(World::settings(), gate.options());
    (gate, world)
}

fn shut_down(runtime: Runtime) {
    runtime.shutdown_timeout(Duration::from_millis(100));
}

fn i6_a_runtime_is_shut_down_in_the_middle_of_a_refresh<F: Flavour>() {
    let (gate, world) = gated();
    let client = reqwest_client(world.plan());
    let runtime = F::runtime();
    runtime.block_on(client.log_in()).unwrap();
    world.revoke();
    gate.close();
    runtime.block_on(async {
        for request in world.crowd(10) {
            let client = client.clone();
            tokio::spawn(async move { send(&client, request).await });
        }
        until(|| world.counters().refreshes_received > 0).await;
    });
    shut_down(runtime);
    gate.open();
    next_is_served::<F>(&world, client);
    world.assert_exchanges(1, 1);
}

fn i6_a_runtime_is_shut_down_in_the_middle_of_a_login<F: Flavour>() {
    let (gate, world) = gated();
    let client = reqwest_client(world.plan());
    let runtime = F::runtime();
    gate.close();
    runtime.block_on(async {
        let (client, request) = (client.clone(), world.post("/x", "x"));
        tokio::spawn(async move { send(&client, request).await });
        until(|| world.counters().passwords_received > 0).await;
    });
    shut_down(runtime);
    gate.open();
    next_is_served::<F>(&world, client);
    world.assert_exchanges(1, 0);
}

/// On a runtime of its own.
fn next_is_served<F: Flavour>(world: &World, client: simacan_auth_reqwest::Client) {
    let crowd = world.crowd(10);
    let outcomes = within(PATIENCE, "callers after a runtime has died", move || {
        F::runtime().block_on(async {
            let mut outcomes = Vec::new();
            for request in crowd {
                outcomes.push(send(&client, request).await);
            }
            outcomes
        })
    });
    assert_accepted(&outcomes);
}

/// As in a function that is not async and makes a runtime whenever it needs one. Each call finds a refresh
/// due, which outlives it.
fn a_runtime_for_each_call_costs_one_password<F: Flavour>() {
    let world = World::new();
    let client = reqwest_client(world.plan());
    for life in 0..5 {
        for call in 0..4 {
            let request = world.post(&format!("/{life}/{call}"), "x");
            assert_accepted(&[F::runtime().block_on(send(&client, request))]);
        }
        world.skip(REFRESH_IS_DUE);
    }
    assert!(F::runtime().block_on(client.settle(PATIENCE)));
    let counters = world.counters();
    assert_eq!((counters.passwords_received, counters.reuses), (1, 0));
    // One may still have been under way when the next was due.
    assert!((1..=4).contains(&counters.refreshes_received));
}

/// It is not polled any more once the refresh has begun, under the store's lock.
fn a_runtime_that_sleeps_during_a_refresh_holds_up_no_other_process<F: Flavour>() {
    let (world, folder) = (World::new(), Folder::new());
    let client = reqwest_client(world.plan_with(folder.store()));
    let asleep = CurrentThread::runtime();
    asleep.block_on(client.log_in()).unwrap();
    for refreshes in 1..=3 {
        world.revoke();
        let caller = send(&client, world.post("/asleep", "asleep"));
        drop(asleep.block_on(poll_at_most(3, caller)));
        let other: Reqwest<F> = Reqwest::build(world.plan_with(folder.store()));
        world.assert_served(&other, 10, (1, refreshes));
    }
    drop(folder.store().lock(patience(PATIENCE)).expect("it is free"));
}

/// The drop waits for what is under way, which can't end while it does; no longer than it may.
fn a_client_is_dropped_on_the_runtime_that_the_auth_server_needs<F: Flavour>() {
    let (gate, world) = gated();
    let folder = Folder::new();
    let mut plan = world.plan_with(folder.store());
    plan.drop_timeout = Duration::from_millis(100);
    let client = reqwest_client(plan);
    let runtime = F::runtime();
    runtime.block_on(client.log_in()).unwrap();
    world.revoke();
    gate.close();
    runtime.block_on(async {
        let caller = send(&client, world.post("/x", "x"));
        assert!(
            tokio::time::timeout(Duration::from_millis(10), caller)
                .await
                .is_err()
        );
        until(|| world.counters().refreshes_received > 0).await;
        drop(client);
        gate.open(); // as the server does that has its thread again
    });
    // What was under way has been saved without it.
    drop(folder.store().lock(patience(PATIENCE)).expect("it is free"));
    let next: Reqwest<F> = Reqwest::build(world.plan_with(folder.store()));
    world.assert_served(&next, 5, (1, 1));
}

/// A current-thread runtime that a caller waits on and that is not polled any more; callers on another one are
/// served.
#[test]
fn i6_a_runtime_that_nobody_polls_does_not_freeze_the_others() {
    let (gate, world) = gated();
    let client = reqwest_client(world.plan());
    let asleep = CurrentThread::runtime();
    gate.close();
    let mut sleeper = Box::pin(send(&client, world.post("/asleep", "asleep")));
    assert!(asleep.block_on(poll_at_most(1, sleeper.as_mut())).is_none());
    gate.open();
    let awake = Arc::new(MultiThread::runtime());
    let tasks = world.crowd(20).into_iter().map(|request| {
        let client = client.clone();
        awake.spawn(async move { send(&client, request).await })
    });
    let tasks: Vec<_> = tasks.collect();
    let outcomes = within(PATIENCE, "callers beside one that nobody polls", {
        let awake = awake.clone();
        move || {
            let outcomes = tasks.into_iter().map(|task| awake.block_on(task).unwrap());
            outcomes.collect::<Vec<_>>()
        }
    });
    assert_accepted(&outcomes);
    // And so is the sleeper, once it is polled.
    assert_accepted(&[asleep.block_on(sleeper)]);
    world.assert_exchanges(1, 0);
}

/// Two runtimes in two threads share one session.
#[test]
fn i4_callers_on_two_runtimes_share_one_exchange() {
    let world = World::new();
    let client = reqwest_client(world.plan());
    let served = || {
        thread::scope(|scope| {
            let threads = [0, 1].map(|part| {
                let (client, world) = (client.clone(), &world);
                scope.spawn(move || {
                    let runtime = CurrentThread::runtime();
                    let mut outcomes = Vec::new();
                    for i in 0..10 {
                        let request = world.post(&format!("/{part}/{i}"), format!("{part} {i}"));
                        // A connection that the other runtime keeps could be dead with it.
                        let (mut parts, body) = request.into_parts();
                        parts.headers.insert("connection", "close".parse().unwrap());
                        let request = http::Request::from_parts(parts, body);
                        outcomes.push(runtime.block_on(send(&client, request)));
                    }
                    outcomes
                })
            });
            threads.map(|thread| thread.join().unwrap())
        })
    };
    for outcomes in served() {
        assert_accepted(&outcomes);
    }
    world.assert_exchanges(1, 0);
}
