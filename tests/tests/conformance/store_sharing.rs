//! Several clients over one store, by intention and by mistake.

use std::collections::BTreeMap;
use std::thread;

use simacan_auth::{Credentials, Event, Provider};
use simacan_auth_emulator::{Entry, PasswordOutcome, Presented, RefreshOutcome, Settings, What};
use simacan_auth_testkit::MemoryStore;

use crate::platform::{
    PASSWORD, REFRESH_IS_DUE, USERNAME, WRONG_PASSWORD, World, assert_accepted, denied, eventually,
};
use crate::saved_sessions::{Folder, has_tokens, revision, saved};
use crate::subject::{Outcome, Plan, Subject};

conformance! {
    i4_clients_over_one_file_share_one_session,
    a_session_outlives_its_client,
    what_a_caller_has_begun_is_saved_before_its_client_is_gone,
    i2_a_refusal_is_saved_before_its_caller_is_told,
    two_users_with_one_file_do_not_get_each_others_token,
    production_and_staging_with_one_file_do_not_get_each_others_token,
}

fn i4_clients_over_one_file_share_one_session<S: Subject>() {
    const CLIENTS: usize = 5;
    let (world, folder) = (World::new(), Folder::new());
    let clients: Vec<S> = (0..CLIENTS)
        .map(|_| S::build(world.plan_with(folder.store())))
        .collect();
    let push = || {
        thread::scope(|scope| {
            let push = |client: &S| client.send_all(world.crowd(5));
            let threads = clients
                .iter()
                .map(|client| scope.spawn(move || push(client)));
            for thread in threads.collect::<Vec<_>>() {
                assert_accepted(&thread.join().unwrap());
            }
        });
    };
    push();
    world.assert_exchanges(1, 0);
    for revoked in 1..4 {
        world.revoke();
        push();
        world.assert_exchanges(1, revoked);
    }
    world.end_session();
    push();
    world.assert_exchanges(2, 4);
    // Early, when nobody has to.
    world.skip(REFRESH_IS_DUE);
    push();
    eventually("it is refreshed", || {
        world.counters().refreshes_received == 5
    });
    push();
    world.assert_exchanges(2, 5);
    assert_eq!(world.counters().reuses, 0);
}

fn a_session_outlives_its_client<S: Subject>() {
    let (world, folder) = (World::new(), Folder::new());
    for n in 0..5 {
        let subject = S::build(world.plan_with(folder.store()));
        world.assert_served(&subject, 5, (1, n));
        world.revoke();
    }
    let adopted = |event: &Event| matches!(event, Event::Adopted { .. });
    assert_eq!(world.events.count(adopted), 4);
}

/// A program that ends when it has its answer has cut nothing off.
fn what_a_caller_has_begun_is_saved_before_its_client_is_gone<S: Subject>() {
    let (world, store) = (World::new(), MemoryStore::new());
    let run = || {
        let subject = S::build(world.plan_with(store.clone()));
        assert_accepted(&[subject.send(world.post("/x", "x"))]);
        assert!(has_tokens(&store));
        drop(subject);
        // The runtime may have the last clone.
        eventually("the lock is free", || store.holder().is_none());
    };
    run();
    // Nobody waits for a refresh that is merely due, and one that is under way is saved before the end.
    for n in 1..4 {
        let (before, begun) = (revision(&store), world.counters().refreshes_received);
        world.skip(REFRESH_IS_DUE);
        let subject = S::build(world.plan_with(store.clone()));
        assert_accepted(&[subject.send(world.post("/x", "x"))]);
        world.until_refreshes(begun + 1);
        drop(subject);
        eventually("the lock is free", || store.holder().is_none());
        assert_eq!(revision(&store), before + 2); // that it can be saved is tried before
        world.assert_exchanges(1, n);
    }
}

fn i2_a_refusal_is_saved_before_its_caller_is_told<S: Subject>() {
    let (world, store) = (World::new(), MemoryStore::new());
    for _ in 0..3 {
        let mut plan = world.plan_with(store.clone());
        plan.credentials = Credentials::new(USERNAME, WRONG_PASSWORD).into();
        let subject = S::build(plan);
        denied(subject.send(world.post("/x", "x")));
        let saved = saved(&store);
        drop(subject);
        assert!(saved.contains(r#""refusal":{"#), "{saved}");
        world.assert_exchanges(1, 0);
    }
}

const OTHER_USER: &str = "other@example.com";
const OTHER_PASSWORD: &str = "another horse";

fn foreign(event: &Event) -> bool {
    matches!(event, Event::SavedSessionForeign { .. })
}

/// Whose each token is.
fn owners(entries: &[Entry]) -> BTreeMap<u64, String> {
    let mut owners = BTreeMap::new();
    for entry in entries {
        match &entry.what {
            What::Password {
                user: Some(user),
                outcome: PasswordOutcome::Accepted { serial },
                ..
            } => {
                owners.insert(*serial, user.to_string());
            }
            What::Refresh {
                serial: Some(old),
                outcome: RefreshOutcome::Rotated { serial },
                ..
            } => {
                owners.insert(*serial, owners[old].clone());
            }
            _ => {}
        }
    }
    owners
}

fn two_users_with_one_file_do_not_get_each_others_token<S: Subject>() {
    let world = World::with(World::settings().with_user(OTHER_USER, OTHER_PASSWORD));
    let folder = Folder::new();
    let users = [(USERNAME, PASSWORD), (OTHER_USER, OTHER_PASSWORD)];
    let clients = users.map(|(username, password)| {
        let mut plan = world.plan_with(folder.store());
        plan.credentials = Credentials::new(username, password).into();
        (username, S::build(plan))
    });
    for _ in 0..3 {
        for (username, client) in &clients {
            assert_accepted(&[client.send(world.post(&format!("/{username}"), *username))]);
        }
        world.revoke();
    }
    assert!(world.events.count(foreign) > 0);
    world.assert_exchanges(2, 4);
    let entries = world.entries();
    let owners = owners(&entries);
    for entry in &entries {
        if let What::Target {
            path,
            token:
                Presented::Valid { serial }
                | Presented::Refused {
                    serial: Some(serial),
                    ..
                },
            ..
        } = &entry.what
        {
            assert_eq!(*path, format!("/{}", owners[serial]));
        }
    }
}

/// Two platforms with the same user.
fn production_and_staging_with_one_file_do_not_get_each_others_token<S: Subject>() {
    let folder = Folder::new();
    let settings = |seed| -> Settings { World::settings().with_seed(seed) };
    let worlds = [1, 2].map(|seed| World::with(settings(seed)));
    // Each allows the other's targets, so nothing else keeps the token from them.
    let origins = worlds.each_ref().map(|world| world.server.origin());
    let provider = |world: &World| -> Provider { world.provider_with(&[&origins[0], &origins[1]]) };
    let clients = worlds.each_ref().map(|world| {
        S::build(Plan {
            provider: provider(world),
            ..world.plan_with(folder.store())
        })
    });
    for _ in 0..3 {
        for (world, client) in worlds.iter().zip(&clients) {
            let outcome: Outcome = client.send(world.post("/x", "x"));
            assert_accepted(&[outcome]);
        }
        worlds.iter().for_each(World::revoke);
    }
    let told: usize = worlds.iter().map(|world| world.events.count(foreign)).sum();
    assert!(told > 0);
    for world in &worlds {
        world.assert_exchanges(1, 2);
        for entry in world.entries() {
            let is_foreign = match entry.what {
                What::Target { token, .. } => {
                    matches!(
                        token,
                        Presented::Nothing | Presented::Refused { serial: None, .. }
                    )
                }
                What::Refresh { serial, .. } => serial.is_none(),
                _ => false,
            };
            assert!(!is_foreign, "{entry}");
        }
    }
}
