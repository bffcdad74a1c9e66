//! Runtimes that end or fall asleep: nobody hangs, and one password follows at most.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use simacan_auth_emulator::{Endpoint, Fault};
use tokio::runtime::Runtime;

use crate::cancellation::{poll_at_most, until};
use crate::subject::{CurrentThread, Flavour, MultiThread, Plan, reqwest_client, send};
use crate::world::{Gate, HOUR, PATIENCE, World, assert_accepted, within};

on_both_runtimes! {
    i6_a_runtime_is_shut_down_in_the_middle_of_an_exchange,
    i6_a_runtime_is_shut_down_in_the_middle_of_a_login,
}

fn shut_down(runtime: Runtime) {
    runtime.shutdown_timeout(Duration::from_millis(100));
}

/// The server has rotated the token, and the answer never arrives: the refresh is tried again, refused,
/// and one password follows.
fn i6_a_runtime_is_shut_down_in_the_middle_of_an_exchange<F: Flavour>() {
    let world = World::new();
    let client = reqwest_client(world.plan());
    let runtime = F::runtime();
    runtime.block_on(client.log_in()).unwrap();
    world.forget();
    world.revoke();
    world.script(Endpoint::Refresh, Fault::Delay(PATIENCE), 1);
    runtime.block_on(async {
        for request in world.crowd(10) {
            let client = client.clone();
            tokio::spawn(async move { send(&client, request).await });
        }
        until(|| world.counters().refreshes_received > 0).await;
    });
    shut_down(runtime);
    next_is_served::<F>(&world, client, PATIENCE / 3);
    world.assert_exchanges(1, 2);
}

fn i6_a_runtime_is_shut_down_in_the_middle_of_a_login<F: Flavour>() {
    let world = World::new();
    let client = reqwest_client(world.plan());
    let runtime = F::runtime();
    world.script(Endpoint::Password, Fault::Delay(PATIENCE), 1);
    runtime.block_on(async {
        let client = client.clone();
        let request = world.post("/x", "x");
        tokio::spawn(async move { send(&client, request).await });
        until(|| world.counters().passwords_received > 0).await;
    });
    shut_down(runtime);
    next_is_served::<F>(&world, client, PATIENCE / 3);
    world.assert_exchanges(2, 0);
}

/// On a runtime of its own, and long before an exchange times out.
fn next_is_served<F: Flavour>(
    world: &World,
    client: simacan_auth_reqwest::Client,
    limit: Duration,
) {
    let crowd = world.crowd(10);
    let outcomes = within(limit, "callers after a runtime has died", move || {
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

/// The task that is to carry the exchange is spawned, and its runtime ends before it is polled: it must
/// report the exchange as abandoned all the same.
#[test]
fn i6_a_runtime_is_shut_down_before_it_has_polled_the_exchange() {
    let world = World::new();
    let client = reqwest_client(world.plan());
    let runtime = CurrentThread::runtime();
    let request = world.post("/x", "x");
    // One poll of the caller starts the exchange; the runtime gets no chance to run its task.
    assert!(
        runtime
            .block_on(poll_at_most(1, send(&client, request)))
            .is_none()
    );
    assert_eq!(world.events.exchanges(), 1);
    drop(runtime);
    next_is_served::<CurrentThread>(&world, client, PATIENCE / 3);
    world.assert_exchanges(1, 0);
}

/// The same from inside: a caller on a runtime that is shutting down gets its exchange started there, where
/// nothing is run any more.
#[test]
fn i6_an_exchange_is_started_on_a_runtime_that_has_shut_down() {
    let world = World::new();
    let client = reqwest_client(world.plan());
    let request = world.post("/x", "x");
    let runtime = CurrentThread::runtime();
    let handle = runtime.handle().clone();
    drop(runtime);
    within(PATIENCE / 3, "a caller on a dead runtime", {
        let client = client.clone();
        move || {
            let _entered = handle.enter();
            let mut caller = Box::pin(async move { send(&client, request).await.map(drop) });
            // Polled by hand; nothing on a dead runtime ever finishes, and tokio may say so by a panic.
            let poll = std::panic::AssertUnwindSafe(|| {
                let mut context = std::task::Context::from_waker(std::task::Waker::noop());
                let _ = caller.as_mut().poll(&mut context);
            });
            let _ = std::panic::catch_unwind(poll);
        }
    });
    next_is_served::<CurrentThread>(&world, client, PATIENCE / 3);
    world.assert_exchanges(1, 0);
}

/// A current-thread runtime holds the exchange and is not polled any more; callers on another one
/// wait for the exchange's time-out and the grace, and then go on.
#[test]
fn i6_a_runtime_that_nobody_polls_does_not_freeze_the_others() {
    let world = World::new();
    let plan = Plan {
        exchange_timeout: Duration::from_millis(200),
        ..world.plan()
    };
    let client = reqwest_client(plan);
    let asleep = CurrentThread::runtime();
    let request = world.post("/asleep", "asleep");
    assert!(
        asleep
            .block_on(poll_at_most(1, send(&client, request)))
            .is_none()
    );
    assert_eq!(world.events.exchanges(), 1);

    let awake = Arc::new(MultiThread::runtime());
    let start = Instant::now();
    let tasks = world.crowd(20).into_iter().map(|request| {
        let client = client.clone();
        awake.spawn(async move { send(&client, request).await })
    });
    let tasks: Vec<_> = tasks.collect();
    let outcomes = within(PATIENCE, "callers of an exchange that nobody polls", {
        let awake = awake.clone();
        move || {
            let outcomes = tasks.into_iter().map(|task| awake.block_on(task).unwrap());
            outcomes.collect::<Vec<_>>()
        }
    });
    assert_accepted(&outcomes);
    assert!(start.elapsed() >= Duration::from_millis(200));
    world.assert_exchanges(1, 0);

    // When it wakes up, it may still send what it has; its report changes nothing.
    asleep.block_on(async { tokio::task::yield_now().await });
    assert_accepted(&[awake.block_on(send(&client, world.post("/x", "x")))]);
    drop(asleep);
    assert_accepted(&[awake.block_on(send(&client, world.post("/y", "y")))]);
}

/// The server has rotated the token, and the answer lies where nobody reads it: what has become of it is
/// unknown to the others, so the same refresh token is sent again, and one password follows.
#[test]
fn i6_a_refresh_in_a_runtime_that_nobody_polls_is_made_again() {
    let gate = Gate::default();
    let world = World::start(World::settings(), gate.options());
    let plan = Plan {
        exchange_timeout: Duration::from_secs(1),
        ..world.plan()
    };
    let client = reqwest_client(plan);
    let asleep = CurrentThread::runtime();
    asleep.block_on(client.log_in()).unwrap();
    world.forget();
    world.skip(HOUR);
    gate.close();
    asleep.block_on(async {
        let (client, request) = (client.clone(), world.post("/asleep", "asleep"));
        tokio::spawn(async move { send(&client, request).await });
        until(|| world.counters().refreshes_received > 0).await;
    });
    gate.open();
    next_is_served::<MultiThread>(&world, client.clone(), PATIENCE);
    world.assert_exchanges(1, 2);
    assert_eq!(world.refreshes_refused(), 1);
    // When it wakes up, it reports what it has, and that changes nothing.
    asleep.block_on(async { tokio::time::sleep(Duration::from_millis(1)).await });
    drop(asleep);
    next_is_served::<CurrentThread>(&world, client, PATIENCE / 3);
    world.assert_exchanges(1, 2);
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
