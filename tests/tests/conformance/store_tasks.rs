//! A store in async code: its operations block no thread of a runtime, and neither a caller that goes away nor
//! a runtime that ends loses what it holds.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use simacan_auth::SessionStore;
use simacan_auth_testkit::{MemoryStore, StoreFault, StoreStep};

use crate::cancellation::{poll_at_most, until};
use crate::platform::{Gate, PATIENCE, World, assert_accepted, eventually, within};
use crate::saved_sessions::{Folder, has_tokens, patience, revision};
use crate::subject::{Flavour, Reqwest, Subject, reqwest_client, send};

on_both_runtimes! {
    a_store_that_blocks_leaves_the_runtime_to_others,
    i14_all_callers_are_dropped_between_load_and_save,
    i14_the_first_caller_is_dropped_at_any_await_point,
    a_runtime_that_is_shut_down_in_an_exchange_costs_nothing,
    a_runtime_that_is_shut_down_in_a_load_gives_the_lock_free,
    a_store_is_never_used_on_a_runtimes_thread,
}

/// Each operation ends only when another task of the same runtime lets it.
fn a_store_that_blocks_leaves_the_runtime_to_others<F: Flavour>() {
    use StoreStep::{Load, Lock, Save, Unlock};
    let (begun, mut has_begun) = tokio::sync::mpsc::unbounded_channel();
    let (go, may_go) = mpsc::channel();
    let may_go = Mutex::new(may_go);
    let store = MemoryStore::new().before(move |step| {
        begun.send(step).expect("the other task");
        let may_go = may_go.lock().expect("no panic");
        may_go
            .recv_timeout(PATIENCE)
            .expect("the other task is run");
    });
    let world = World::new();
    let subject: Reqwest<F> = Reqwest::build(world.plan_with(store.clone()));
    subject.runtime.spawn(async move {
        while let Some(step) = has_begun.recv().await {
            if go.send(step).is_err() {
                return;
            }
        }
    });
    for refreshes in 0..3 {
        let outcomes = within(PATIENCE, "callers of a store that blocks", {
            let (subject, crowd) = (subject.clone(), world.crowd(20));
            move || subject.send_all(crowd)
        });
        assert_accepted(&outcomes);
        world.assert_exchanges(1, refreshes);
        world.revoke();
    }
    let visit = [Lock, Load, Save, Unlock];
    let steps = store.steps().into_iter().map(|(_, step)| step);
    let steps: Vec<_> = steps.filter(|step| visit.contains(step)).collect();
    assert!(steps.ends_with(&visit), "{steps:?}");
}

fn gated() -> (Gate, World) {
    let gate = Gate::default();
    let world = World::start(World::settings(), gate.options());
    (gate, world)
}

fn i14_all_callers_are_dropped_between_load_and_save<F: Flavour>() {
    let (gate, world) = gated();
    let store = MemoryStore::new();
    let subject: Reqwest<F> = Reqwest::build(world.plan_with(store.clone()));
    for refreshes in 0..3 {
        gate.close();
        subject.runtime.block_on(async {
            let callers = world.crowd(20).into_iter().map(|request| {
                let client = subject.client.clone();
                tokio::spawn(async move { send(&client, request).await })
            });
            let callers: Vec<_> = callers.collect();
            let (passwords, before) = (1, revision(&store));
            until(|| {
                let counters = world.counters();
                (counters.passwords_received, counters.refreshes_received) == (passwords, refreshes)
            })
            .await;
            for caller in callers {
                caller.abort();
                assert!(caller.await.is_err());
            }
            gate.open();
            // Nobody asks, but it is saved.
            until(|| revision(&store) > before && store.holder().is_none()).await;
        });
        assert!(has_tokens(&store));
        assert_accepted(&subject.send_all(world.crowd(5)));
        world.revoke();
    }
    // Another process.
    let other: Reqwest<F> = Reqwest::build(world.plan_with(store));
    world.assert_served(&other, 10, (1, 3));
}

fn i14_the_first_caller_is_dropped_at_any_await_point<F: Flavour>() {
    for polls in 1..12 {
        let (world, store) = (World::new(), MemoryStore::new());
        let subject: Reqwest<F> = Reqwest::build(world.plan_with(store.clone()));
        let first = send(&subject.client, world.post("/first", "first"));
        drop(subject.runtime.block_on(poll_at_most(polls, first)));
        let is_saved = || has_tokens(&store) && store.holder().is_none();
        subject.runtime.block_on(until(is_saved));
        let other: Reqwest<F> = Reqwest::build(world.plan_with(store));
        assert_accepted(&other.send_all(world.crowd(10)));
        world.assert_served(&subject, 10, (1, 0));
    }
}

/// The exchange goes on without the runtime that its caller was on, and is saved.
fn a_runtime_that_is_shut_down_in_an_exchange_costs_nothing<F: Flavour>() {
    let (gate, world) = gated();
    let folder = Folder::new();
    let client = reqwest_client(world.plan_with(folder.store()));
    let runtime = F::runtime();
    gate.close();
    runtime.block_on(async {
        let (client, request) = (client.clone(), world.post("/x", "x"));
        tokio::spawn(async move { send(&client, request).await });
        until(|| world.counters().passwords_received == 1).await;
    });
    runtime.shutdown_timeout(Duration::from_millis(100));
    assert!(
        folder.store().lock(patience(Duration::ZERO)).is_err(),
        "it is held"
    );
    gate.open();
    drop(folder.store().lock(patience(PATIENCE)).expect("it is free"));
    // The same client on another runtime, and another process.
    let request = world.post("/y", "y");
    let outcome = within(PATIENCE, "the next caller", move || {
        F::runtime().block_on(send(&client, request))
    });
    assert_accepted(&[outcome]);
    let other: Reqwest<F> = Reqwest::build(world.plan_with(folder.store()));
    world.assert_served(&other, 10, (1, 0));
}

/// It is free once the operation, which can't be cut off, has ended.
fn a_runtime_that_is_shut_down_in_a_load_gives_the_lock_free<F: Flavour>() {
    let store = MemoryStore::new();
    store.script(StoreStep::Load, StoreFault::Hangs);
    let world = World::new();
    let client = reqwest_client(world.plan_with(store.clone()));
    let runtime = F::runtime();
    let (caller, request) = (client.clone(), world.post("/x", "x"));
    runtime.spawn(async move { send(&caller, request).await });
    runtime.block_on(until(|| store.hanging() == 1));
    assert!(store.holder().is_some());
    runtime.shutdown_background();
    store.release();
    eventually("the lock is free", || store.holder().is_none());
    let other: Reqwest<F> = Reqwest::build(world.plan_with(store));
    assert_accepted(&other.send_all(world.crowd(10)));
    let request = world.post("/y", "y");
    let outcome = within(PATIENCE, "the next caller", move || {
        F::runtime().block_on(send(&client, request))
    });
    assert_accepted(&[outcome]);
    world.assert_exchanges(1, 0);
}

/// A client that blocks, such as a database's, panics there.
fn a_store_is_never_used_on_a_runtimes_thread<F: Flavour>() {
    let store = Arc::new(MemoryStore::new().before(|step| {
        let is_on_a_runtime = tokio::runtime::Handle::try_current().is_ok();
        assert!(!is_on_a_runtime, "{step:?} on a runtime's thread");
    }));
    let world = World::new();
    let subject: Reqwest<F> = Reqwest::build(world.plan_with(store.clone()));
    for refreshes in 0..3 {
        world.assert_served(&subject, 10, (1, refreshes));
        world.revoke();
    }
    let runtime = subject.runtime.clone();
    runtime.block_on(async move { drop(subject) });
    // Its own clones, too, are let go of on a plain thread.
    let is_dropped = || Arc::strong_count(&store) == 1;
    eventually("it is let go", || store.holder().is_none() && is_dropped());
}
