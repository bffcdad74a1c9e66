//! Stores that are held by others, fail, panic or hang: everyone is answered, and no request is lost to a
//! save.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use simacan_auth::{Denied, Event, Failure, SessionStore, StoreFailure};
use simacan_auth_emulator::What;

use crate::platform::{
    COOLED_DOWN, Gate, PATIENCE, World, assert_accepted, denied, eventually, within,
};
use crate::saved_sessions::{Folder, Op, TestStore, patience};
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
            Denied::Unavailable {
                failure: Failure::Store(found),
                attempts,
                ..
            } => assert_eq!((&found, attempts), (failure, tried)),
            other => panic!("{other:?}"),
        }
    }
}

fn a_lock_that_another_holds_is_waited_for<S: Subject>() {
    let (world, folder) = (World::new(), Folder::new());
    let other = folder.store().lock(patience(PATIENCE)).unwrap();
    let (began, has_begun) = mpsc::channel();
    let store = folder.store();
    let waiting = TestStore::new(move |op| {
        if op == Op::Lock {
            began.send(()).unwrap();
            drop(store.lock(patience(PATIENCE))?);
        }
        Ok(())
    });
    let subject = S::build(world.plan_with(waiting));
    thread::scope(|scope| {
        let outcomes = scope.spawn(|| send_all(&subject, &world));
        has_begun.recv_timeout(PATIENCE).unwrap();
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

/// Not a panic with a message, which would clutter the output of a test that succeeds.
fn panic() -> ! {
    std::panic::resume_unwind(Box::new("a store that panics"))
}

fn i6_a_store_that_panics_once_holds_up_nobody<S: Subject>() {
    for unlucky in [Op::Lock, Op::Load, Op::Save, Op::Unlock] {
        let has_panicked = AtomicBool::new(false);
        let store = TestStore::new(move |op| {
            if op == unlucky && !has_panicked.swap(true, Ordering::SeqCst) {
                panic();
            }
            Ok(())
        });
        let world = World::new();
        let subject = S::build(world.plan_with(store.clone()));
        assert_accepted(&send_all(&subject, &world));
        world.revoke();
        assert_accepted(&send_all(&subject, &world));
        world.assert_exchanges(1, 1);
        assert!(store.has_tokens(), "{unlucky:?}");
        eventually("the lock is free", || !store.is_held());
    }
}

fn i6_a_store_that_always_panics_is_a_typed_error<S: Subject>() {
    for unlucky in [Op::Lock, Op::Load, Op::Save, Op::Unlock] {
        let store = TestStore::new(move |op| if op == unlucky { panic() } else { Ok(()) });
        let world = World::new();
        let subject = S::build(world.plan_with(store.clone()));
        let outcomes = send_all(&subject, &world);
        match unlucky {
            Op::Lock | Op::Load | Op::Save => {
                assert_store_failed(outcomes, &StoreFailure::Abandoned, 3);
                world.assert_exchanges(0, 0);
            }
            Op::Unlock => {
                assert_accepted(&outcomes);
                world.assert_exchanges(1, 0);
            }
        }
        eventually("the lock is free", || !store.is_held());
    }
}

/// At the same time, since each takes some seconds.
fn i6_a_store_that_hangs_holds_up_nobody_for_long<S: Subject>() {
    thread::scope(|scope| {
        for op in [Op::Lock, Op::Load, Op::Save, Op::Unlock] {
            scope.spawn(move || hangs::<S>(op));
        }
    });
}

fn hangs<S: Subject>(at: Op) {
    let gate = Gate::default();
    gate.close();
    let store = TestStore::new({
        let gate = gate.clone();
        move |op| {
            if op == at {
                gate.pass();
            }
            Ok(())
        }
    });
    let world = World::new();
    let subject = S::build(impatient(world.plan_with(store)));
    let outcomes = send_all(&subject, &world);
    let not_saved = |event: &Event| matches!(event, Event::SaveFailed { .. });
    match at {
        Op::Lock | Op::Load => {
            assert_store_failed(outcomes, &StoreFailure::Abandoned, 1);
            world.assert_exchanges(0, 0);
        }
        // Whoever was to announce the password may be gone, and the lock with them.
        Op::Save => {
            assert_store_failed(outcomes, &StoreFailure::Abandoned, 1);
            world.assert_exchanges(0, 0);
            assert!(world.events.count(not_saved) > 0);
        }
        Op::Unlock => assert_accepted(&outcomes),
    }
    // Once it hangs no more, all goes on.
    gate.open();
    eventually("it is served", || {
        world.skip(COOLED_DOWN);
        subject.log_in().is_ok()
    });
    assert_accepted(&send_all(&subject, &world));
    world.assert_exchanges(1, 0);
}

fn i14_a_save_that_fails_costs_an_event_and_no_request<S: Subject>() {
    let is_full = Arc::new(AtomicBool::new(true));
    let store = TestStore::new({
        let is_full = is_full.clone();
        move |op| match op {
            Op::Save if is_full.load(Ordering::SeqCst) => {
                Err(StoreFailure::new("the disk is full"))
            }
            _ => Ok(()),
        }
    });
    let world = World::new();
    let subject = S::build(world.plan_with(store.clone()));
    assert_accepted(&send_all(&subject, &world));
    world.revoke();
    assert_accepted(&send_all(&subject, &world));
    world.assert_exchanges(1, 1);
    assert_eq!(store.saved(), "");
    let says_why = |event: &Event| event.to_string().contains("the disk is full");
    assert!(world.events.count(says_why) > 0);

    // There is room again: the next request saves it, and needs no exchange.
    is_full.store(false, Ordering::SeqCst);
    world.skip(COOLED_DOWN * 10);
    eventually("it is saved", || {
        assert_accepted(&send_all(&subject, &world));
        store.has_tokens()
    });
    world.assert_exchanges(1, 1);
    assert_accepted(&send_all(&S::build(world.plan_with(store)), &world));
    world.assert_exchanges(1, 1);
}

fn what_can_be_looked_at_serves_while_the_lock_is_denied<S: Subject>() {
    let is_denied = Arc::new(AtomicBool::new(false));
    let store = TestStore::new({
        let is_denied = is_denied.clone();
        move |op| match op {
            Op::Lock if is_denied.load(Ordering::SeqCst) => {
                Err(StoreFailure::denied("mount it for writing"))
            }
            _ => Ok(()),
        }
    });
    let world = World::new();
    assert_accepted(&send_all(&S::build(world.plan_with(store.clone())), &world));
    is_denied.store(true, Ordering::SeqCst);
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
