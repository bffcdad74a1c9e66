//! Futures that are dropped: nothing is lost but what nobody waits for.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use http::StatusCode;
use simacan_auth::Status;
use simacan_auth_emulator::{Emulator, Endpoint, Fault};

use crate::subject::{Flavour, MultiThread, Reqwest, Subject, reqwest_client, send};
use crate::world::{Gate, PATIENCE, World, assert_accepted, assert_status, eventually};

on_both_runtimes! {
    i14_the_first_caller_is_dropped_at_any_await_point,
    i14_the_first_caller_is_dropped_while_the_server_answers,
    i14_all_callers_are_dropped_while_the_server_answers,
    what_follows_a_refused_refresh_is_not_left_to_a_caller_who_is_gone,
}

/// Polls at most `n` times.
pub(crate) async fn poll_at_most<F: Future>(n: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut polls = 0;
    poll_fn(|context| {
        if polls == n {
            return Poll::Ready(None);
        }
        polls += 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            // Wakes up for the last time, to be dropped, without the future having been woken.
            Poll::Pending if polls == n => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

fn i14_the_first_caller_is_dropped_at_any_await_point<F: Flavour>() {
    for polls in 1..12 {
        let world = World::new();
        let subject: Reqwest<F> = world.logged_in();
        world.revoke();
        let first = send(&subject.client, world.post("/first", "first"));
        drop(subject.runtime.block_on(poll_at_most(polls, first)));
        assert_accepted(&subject.send_all(world.crowd(10)));
        world.assert_exchanges(0, 1);
        // And without a token.
        let world = World::new();
        let subject: Reqwest<F> = world.subject();
        let first = send(&subject.client, world.post("/first", "first"));
        drop(subject.runtime.block_on(poll_at_most(polls, first)));
        assert_accepted(&subject.send_all(world.crowd(10)));
        world.assert_exchanges(1, 0);
    }
}

const SLOW: Fault = Fault::Delay(Duration::from_millis(100));

/// Callers that are dropped once the server has rotated the refresh token.
fn dropped_while_the_server_answers<F: Flavour>(callers: usize, dropped: usize) {
    let world = World::new();
    let subject: Reqwest<F> = world.logged_in();
    world.revoke();
    world.script(Endpoint::Refresh, SLOW, 1);
    let outcomes = subject.runtime.block_on(async {
        let mut tasks = Vec::new();
        for request in world.crowd(callers) {
            let client = subject.client.clone();
            tasks.push(tokio::spawn(async move { send(&client, request).await }));
            // One after the other, so that the first is the first.
            tokio::task::yield_now().await;
        }
        until(|| world.counters().refreshes_received > 0).await;
        let rest = tasks.split_off(dropped);
        tasks.iter().for_each(tokio::task::JoinHandle::abort);
        let mut outcomes = Vec::new();
        for task in rest {
            outcomes.push(task.await.unwrap());
        }
        outcomes
    });
    assert_eq!(outcomes.len(), callers - dropped);
    assert_accepted(&outcomes);
    assert_accepted(&subject.send_all(world.crowd(10)));
    world.assert_exchanges(0, 1);
}

fn i14_the_first_caller_is_dropped_while_the_server_answers<F: Flavour>() {
    dropped_while_the_server_answers::<F>(1, 1);
    dropped_while_the_server_answers::<F>(20, 1);
    dropped_while_the_server_answers::<F>(20, 19);
}

fn i14_all_callers_are_dropped_while_the_server_answers<F: Flavour>() {
    dropped_while_the_server_answers::<F>(50, 50);
}

fn what_follows_a_refused_refresh_is_not_left_to_a_caller_who_is_gone<F: Flavour>() {
    let gate = Gate::default();
    let world = World::start(World::settings(), gate.options());
    let subject: Reqwest<F> = world.logged_in();
    world.revoke();
    world.emulate(Emulator::revoke_refresh_tokens);
    gate.close();
    subject.runtime.block_on(async {
        let (client, request) = (subject.client.clone(), world.post("/x", "x"));
        let only = tokio::spawn(async move { send(&client, request).await });
        until(|| world.counters().refreshes_received == 1).await;
        only.abort();
        assert!(only.await.is_err());
        gate.open();
        // Nobody asks, but the task goes on.
        let logged_in = || matches!(subject.client.status(), Status::Authenticated { .. });
        until(logged_in).await;
    });
    world.assert_exchanges(1, 1);
}

/// As `eventually`, for tasks.
pub(crate) async fn until(mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "in vain");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn dropping_the_client_in_the_middle_of_an_exchange_leaves_nothing_behind() {
    let world = World::new();
    let runtime = MultiThread::runtime();
    let client = reqwest_client(world.plan());
    world.script(Endpoint::Password, SLOW, 1);
    runtime.block_on(async {
        let request = world.get("/x");
        let only = client;
        let task = tokio::spawn(async move { send(&only, request).await });
        until(|| world.counters().passwords_received > 0).await;
        task.abort();
    });
    eventually("the connection is closed", || {
        world.server.open_connections() == 0
    });
    world.assert_exchanges(1, 0);
}

#[test]
fn a_caller_dropped_during_its_target_request_costs_nothing() {
    let world = World::new();
    let subject: Reqwest<MultiThread> = world.logged_in();
    world.script(Endpoint::Target, Fault::Delay(PATIENCE), 1);
    subject.runtime.block_on(async {
        let (client, request) = (subject.client.clone(), world.post("/slow", "slow"));
        let call = tokio::spawn(async move { send(&client, request).await });
        until(|| world.counters().targets_received > 0).await;
        call.abort();
    });
    assert_status(&subject.send(world.get("/x")), StatusCode::OK);
    world.assert_exchanges(0, 0);
}
