//! Stores that are held by others, fail, panic or hang: everyone is answered, and no request is lost to a
//! save.

use std::thread;
use std::time::Duration;

use simacan_auth::{Denied, Event, SessionStore, StoreFailure};
use simacan_auth_emulator::What;
use simacan_auth_testkit::{MemoryStore, StoreFault, StoreStep};

use crate::platform::{COOLED_DOWN, PATIENCE, World, assert_accepted, denied, eventually, within};
use crate::saved_sessions::{Folder, has_tokens, patience};
use crate::subject::{Outcome, Plan, Subject};

conformance! {
    what_can_be_looked_at_serves_while_the_lock_is_denied,
    a_lock_that_another_holds_is_waited_for,
    a_lock_that_another_does_not_give_back_is_a_typed_error,
    i6_a_store_that_panics_once_holds_up_nobody,
    i6_a_store_that_always_panics_is_a_typed_error,
    i6_a_store_that_hangs_holds_up_nobody_for_long,
    i14_a_save_that_fails_costs_an_event_and_no_request,
    a_file_that_others_may_read_is_an_error_that_says_what_to_do,
    a_damaged_file_costs_a_password,
}

/// One attempt, and little time for it.
fn impatient(plan: Plan) -> Plan {
    let mut plan = Plan {
        exchange_timeout: Duration::from_millis(200),
        ..plan
    };
    plan.config.attempts = 1;
    plan
}

/// All requests at the same time, while they might hang.
fn send_all<S: Subject>(subject: &S, world: &World) -> Vec<Outcome> {
    within(PATIENCE, "callers of a client with a store", {
        let (subject, crowd) = (subject.clone(), world.crowd(20));
        move || subject.send_all(crowd)
    })
}

#[track_caller]
fn assert_store_failed(outcomes: Vec<Outcome>, failure: &StoreFailure, tried: u32) {
    for outcome in outcomes {
        match denied(outcome) {
            Denied::Store {
                failure: found,
                attempts,
                ..
            } => assert_eq!((&found, attempts), (failure, tried)),
            other => panic!("{other:?}"),
        }
    }
}

fn a_lock_that_another_holds_is_waited_for<S: Subject>() {
    let (world, store) = (World::new(), MemoryStore::new());
    let other = store.process(1).lock(patience(PATIENCE)).unwrap();
    let subject = S::build(world.plan_with(store.clone()));
    thread::scope(|scope| {
        let outcomes = scope.spawn(|| send_all(&subject, &world));
        let asked = (0, StoreStep::Lock);
        eventually("it is waited for", || store.steps().contains(&asked));
        world.assert_exchanges(0, 0);
        drop(other);
        assert_accepted(&outcomes.join().unwrap());
    });
    world.assert_exchanges(1, 0);
}

fn a_lock_that_another_does_not_give_back_is_a_typed_error<S: Subject>() {
    let (world, folder) = (World::new(), Folder::new());
    let other = folder.store().lock(patience(PATIENCE)).unwrap();
    let subject = S::build(impatient(world.plan_with(folder.store())));
    let outcomes = send_all(&subject, &world);
    let text = outcomes[0].as_ref().unwrap_err().to_string();
    assert!(
        text.contains("another process has kept the lock of the saved session")
            && text.contains("look for one that hangs"),
        "{text}"
    );
    assert_store_failed(outcomes, &StoreFailure::Locked, 1);
    world.assert_exchanges(0, 0);
    // It is given free, as by the system when its process dies.
    drop(other);
    world.skip(COOLED_DOWN);
    assert_accepted(&send_all(&subject, &world));
    world.assert_exchanges(1, 0);
}

const STEPS: [StoreStep; 4] = [
    StoreStep::Lock,
    StoreStep::Load,
    StoreStep::Save,
    StoreStep::Unlock,
];

fn i6_a_store_that_panics_once_holds_up_nobody<S: Subject>() {
    for unlucky in STEPS {
        let (world, store) = (World::new(), MemoryStore::new());
        store.script(unlucky, StoreFault::Panics);
        let subject = S::build(world.plan_with(store.clone()));
        assert_accepted(&send_all(&subject, &world));
        world.revoke();
        assert_accepted(&send_all(&subject, &world));
        world.assert_exchanges(1, 1);
        assert!(has_tokens(&store), "{unlucky:?}");
        eventually("the lock is free", || store.holder().is_none());
    }
}

fn i6_a_store_that_always_panics_is_a_typed_error<S: Subject>() {
    for unlucky in STEPS {
        let (world, store) = (World::new(), MemoryStore::new());
        store.script_always(unlucky, StoreFault::Panics);
        let subject = S::build(world.plan_with(store.clone()));
        let outcomes = send_all(&subject, &world);
        if unlucky == StoreStep::Unlock {
            assert_accepted(&outcomes);
            world.assert_exchanges(1, 0);
        } else {
            assert_store_failed(outcomes, &StoreFailure::Abandoned, 3);
            world.assert_exchanges(0, 0);
        }
        eventually("the lock is free", || store.holder().is_none());
    }
}

/// At the same time, since each takes some seconds.
fn i6_a_store_that_hangs_holds_up_nobody_for_long<S: Subject>() {
    thread::scope(|scope| {
        for step in STEPS {
            scope.spawn(move || hangs::<S>(step));
        }
    });
}

fn hangs<S: Subject>(at: StoreStep) {
    let (world, store) = (World::new(), MemoryStore::new());
    store.script_always(at, StoreFault::Hangs);
    let subject = S::build(impatient(world.plan_with(store.clone())));
    let outcomes = send_all(&subject, &world);
    if at == StoreStep::Unlock {
        assert_accepted(&outcomes);
    } else {
        assert_store_failed(outcomes, &StoreFailure::Abandoned, 1);
        world.assert_exchanges(0, 0);
        // Whoever was to announce the password may be gone, and the lock with them.
        let not_saved = |event: &Event| matches!(event, Event::SaveFailed { .. });
        assert_eq!(world.events.count(not_saved) > 0, at == StoreStep::Save);
    }
    // Once it hangs no more, all goes on.
    store.clear_script();
    store.release();
    eventually("it is served", || {
        world.skip(COOLED_DOWN);
        subject.log_in().is_ok()
    });
    assert_accepted(&send_all(&subject, &world));
    world.assert_exchanges(1, 0);
}

fn i14_a_save_that_fails_costs_an_event_and_no_request<S: Subject>() {
    let (world, store) = (World::new(), MemoryStore::new());
    let is_full = StoreFault::Fails(StoreFailure::new("the disk is full"));
    store.script_always(StoreStep::Save, is_full);
    let subject = S::build(world.plan_with(store.clone()));
    assert_accepted(&send_all(&subject, &world));
    world.revoke();
    assert_accepted(&send_all(&subject, &world));
    world.assert_exchanges(1, 1);
    assert_eq!(store.record(), None);
    let says_why = |event: &Event| event.to_string().contains("the disk is full");
    assert!(world.events.count(says_why) > 0);

    // There is room again: the next request saves it, and needs no exchange.
    store.clear_script();
    world.skip(COOLED_DOWN * 10);
    eventually("it is saved", || {
        assert_accepted(&send_all(&subject, &world));
        has_tokens(&store)
    });
    world.assert_exchanges(1, 1);
    assert_accepted(&send_all(&S::build(world.plan_with(store)), &world));
    world.assert_exchanges(1, 1);
}

fn what_can_be_looked_at_serves_while_the_lock_is_denied<S: Subject>() {
    let (world, store) = (World::new(), MemoryStore::new());
    assert_accepted(&send_all(&S::build(world.plan_with(store.clone())), &world));
    let denial = StoreFailure::denied("mount it for writing");
    store.script_always(StoreStep::Lock, StoreFault::Fails(denial));
    let reader = S::build(world.plan_with(store));
    assert_accepted(&send_all(&reader, &world));
    world.revoke();
    for outcome in send_all(&reader, &world) {
        let text = denied(outcome).to_string();
        assert!(text.contains("mount it for writing"), "{text}");
    }
    world.assert_exchanges(1, 0);
}

#[cfg(unix)]
fn a_file_that_others_may_read_is_an_error_that_says_what_to_do<S: Subject>() {
    use std::os::unix::fs::PermissionsExt;
    let (world, folder) = (World::new(), Folder::new());
    assert_accepted(&send_all(
        &S::build(world.plan_with(folder.store())),
        &world,
    ));
    let set_mode = |mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(folder.session(), mode).unwrap();
    };
    set_mode(0o644);
    let subject = S::build(world.plan_with(folder.store()));
    for outcome in send_all(&subject, &world) {
        let text = denied(outcome).to_string();
        assert!(text.contains("other users may read or write"), "{text}");
        assert!(text.contains("`chmod 600 "), "{text}");
    }
    world.assert_exchanges(1, 0);
    set_mode(0o600);
    world.skip(COOLED_DOWN);
    assert_accepted(&send_all(&subject, &world));
    world.assert_exchanges(1, 0);
}

#[cfg(not(unix))]
fn a_file_that_others_may_read_is_an_error_that_says_what_to_do<S: Subject>() {}

fn a_damaged_file_costs_a_password<S: Subject>() {
    let (world, folder) = (World::new(), Folder::new());
    assert_accepted(&send_all(
        &S::build(world.plan_with(folder.store())),
        &world,
    ));
    let json = std::fs::read(folder.session()).unwrap();
    let json = json.trim_ascii_end(); // what fills its block
    std::fs::write(folder.session(), &json[..json.len() / 2]).unwrap();
    assert_accepted(&send_all(
        &S::build(world.plan_with(folder.store())),
        &world,
    ));
    let damaged = |event: &Event| matches!(event, Event::SavedSessionDamaged { .. });
    assert_eq!(world.events.count(damaged), 1);
    // And is whole again.
    assert_accepted(&send_all(
        &S::build(world.plan_with(folder.store())),
        &world,
    ));
    world.assert_exchanges(2, 0);
    let is_refused = |entry: &simacan_auth_emulator::Entry| matches!(&entry.what, What::Target { status, .. } if !status.is_success());
    assert!(!world.entries().iter().any(is_refused));
}
