//! Futures that are dropped: nothing is lost but what nobody waits for.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper_util::client::legacy::Client as Hyper;
use hyper_util::rt::TokioExecutor;
use simacan_auth::Status;
use simacan_auth_emulator::{Endpoint, Fault};
use simacan_auth_reqwest::Client;
use tower_layer::Layer as _;

use crate::platform::{
    Gate, PATIENCE, REFRESH_IS_DUE, World, assert_accepted, assert_status, eventually,
};
use crate::stacks::{Below, call, chain};
use crate::subject::{Flavour, MultiThread, Reqwest, Subject, reqwest_client, send};

on_both_runtimes! {
    i14_the_first_caller_is_dropped_at_each_await_point,
    i14_all_callers_are_dropped_at_each_await_point,
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

type Sending = Pin<Box<dyn Future<Output = StatusCode> + Send>>;

/// All ways to send a request with a client.
fn ways(client: &Client) -> [Box<dyn Fn(Request<Bytes>) -> Sending>; 3] {
    let chain = chain(client, &Below::default());
    let hyper = Hyper::builder(TokioExecutor::new()).build_http();
    let service = client.driver().replaying_layer().layer(hyper);
    let client = client.clone();
    [
        Box::new(move |request| {
            let client = client.clone();
            Box::pin(async move { send(&client, request).await.expect("an answer").status() })
        }),
        Box::new(move |request| {
            let chain = chain.clone();
            let request = request.try_into().expect("an absolute URI");
            Box::pin(async move { chain.execute(request).await.expect("an answer").status() })
        }),
        Box::new(move |request| {
            let mut service = service.clone();
            Box::pin(async move {
                let answer = call(&mut service, request.map(Full::new)).await;
                answer.expect("an answer").status()
            })
        }),
    ]
}

/// What callers may find once logged in, and what it costs in passwords and refreshes, whoever is dropped.
type Situation = (Option<fn(&World)>, u64, u64);

const SITUATIONS: [Situation; 4] = [
    (None, 1, 0),
    (Some(World::revoke), 0, 1),
    (Some(|world| world.skip(REFRESH_IS_DUE)), 0, 1),
    (
        Some(|world| {
            world.end_session();
        }),
        1,
        1,
    ),
];

/// So many callers are polled so many times and dropped together; for each number of times, until it is
/// enough for their answers. Others are served as if nothing had been.
fn dropped_at_each_await_point<F: Flavour>(callers: usize) {
    for (way, (find, passwords, refreshes)) in
        (0..3).flat_map(|way| SITUATIONS.map(|situation| (way, situation)))
    {
        for polls in 1.. {
            let gate = Gate::default();
            let world = World::start(World::settings(), gate.options_at(&[Endpoint::Target]));
            let subject: Reqwest<F> = world.subject();
            if let Some(find) = find {
                subject.log_in().expect("logged in");
                world.forget();
                find(&world);
            }
            let send = &ways(&subject.client)[way];
            let dropped = join_all(world.crowd(callers).into_iter().map(send));
            if polls == 1 {
                gate.close(); // else an answer may come within the first poll
            }
            let statuses = subject.runtime.block_on(poll_at_most(polls, dropped));
            gate.open();
            assert_accepted(&subject.send_all(world.crowd(10)));
            eventually("an early refresh ends", || {
                subject.log_in().expect("a token");
                world.counters().refreshes_received == refreshes
            });
            world.assert_exchanges(passwords, refreshes);
            if let Some(statuses) = statuses {
                assert_eq!(statuses, vec![StatusCode::NO_CONTENT; callers]);
                assert!(polls > 1, "nobody waits for an answer");
                break;
            }
        }
    }
}

fn i14_the_first_caller_is_dropped_at_each_await_point<F: Flavour>() {
    dropped_at_each_await_point::<F>(1);
}

fn i14_all_callers_are_dropped_at_each_await_point<F: Flavour>() {
    dropped_at_each_await_point::<F>(3);
}

const SLOW: Fault = Fault::Delay(Duration::from_millis(100));

/// Callers that are dropped once the server has rotated the refresh token.
fn dropped_while_the_server_answers<F: Flavour>(callers: usize, dropped: usize) {
    let (world, subject) = World::with_a_user::<Reqwest<F>>();
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
    world.assert_served(&subject, 10, (0, 1));
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
    world.end_session();
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
    let (world, subject) = World::with_a_user::<Reqwest<MultiThread>>();
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
