//! Sessions that are kept alive, that are several, and that speak RFC 6749.

use std::collections::BTreeMap;
use std::time::Duration;

use simacan_auth::{ClientAuth, Credentials, Denied, Failure, OAuthError, Provider, Status};
use simacan_auth_emulator::{PasswordOutcome, Presented, RefreshOutcome, What};
use simacan_auth_testkit::MemoryStore;

use crate::platform::{
    HOUR, PASSWORD, USERNAME, WRONG_PASSWORD, World, assert_accepted, denied, eventually,
};
use crate::saved_sessions::{has_tokens, saved};
use crate::subject::{Plan, Subject, Trouble};

conformance! {
    what_one_process_forgets_no_other_one_refreshes,
    a_login_brings_a_token_and_says_how_long_it_is_good,
    a_session_is_kept_alive_until_its_clients_are_gone,
    a_session_is_kept_alive_when_the_clock_jumps,
    a_session_that_is_not_kept_alive_does_nothing_by_itself,
    two_users_in_one_process_share_nothing,
    two_providers_in_one_process_share_nothing,
    rfc_6749_with_a_public_client,
    rfc_6749_with_a_secret_in_the_header,
    rfc_6749_with_a_secret_in_the_form,
    rfc_6749_with_the_wrong_secret_is_no_refused_password,
    rfc_6749_with_a_wrong_password_is_a_refused_password,
}

fn a_login_brings_a_token_and_says_how_long_it_is_good<S: Subject>() {
    let (world, subject) = World::around::<S>();
    assert_eq!(subject.status(), Status::Unauthenticated);
    world.assert_exchanges(0, 0);
    let before = world.clock.timestamp();
    for _ in 0..3 {
        let status = subject.log_in().unwrap();
        assert_eq!(status, subject.status());
        let Status::Authenticated {
            expires_at: Some(at),
        } = status
        else {
            panic!("{status:?}");
        };
        assert!(at.saturating_since(before) >= HOUR);
    }
    world.assert_served(&subject, 20, (1, 0));
}

/// In real time: tokens of two seconds, of which each is refreshed before it ends.
fn a_session_is_kept_alive_until_its_clients_are_gone<S: Subject>() {
    let life = Duration::from_secs(2);
    let world = World::with(World::settings().with_access_token_life(life));
    let mut plan = world.plan();
    plan.config.keep_alive = true;
    let subject = S::build(plan);
    subject.log_in().unwrap();
    eventually("it refreshes by itself", || {
        world.counters().refreshes_accepted >= 2
    });
    assert_eq!(world.counters().passwords_received, 1);
    // A clone is enough.
    let clone = subject.clone();
    drop(subject);
    let refreshed = world.counters().refreshes_accepted;
    eventually("it goes on", || {
        world.counters().refreshes_accepted > refreshed
    });
    drop(clone);
    let mut refreshed = world.counters().refreshes_received;
    eventually("it ends", || {
        std::thread::sleep(2 * life);
        let last = std::mem::replace(&mut refreshed, world.counters().refreshes_received);
        last == refreshed
    });
}

/// As after a machine has been asleep, which the time that is waited for does not count.
fn a_session_is_kept_alive_when_the_clock_jumps<S: Subject>() {
    let world = World::new();
    let mut plan = world.plan();
    plan.config.keep_alive = true;
    let subject = S::build(plan);
    subject.log_in().unwrap();
    for refreshes in 1..=2 {
        world.skip(HOUR);
        world.until_refreshes(refreshes);
        eventually("it is refreshed", || {
            matches!(subject.status(), Status::Authenticated { .. })
        });
    }
    assert!(subject.settle());
    drop(subject);
    world.assert_exchanges(1, 2);
}

fn a_session_that_is_not_kept_alive_does_nothing_by_itself<S: Subject>() {
    let (world, subject) = World::around::<S>();
    // Neither the first login nor a refresh that is due is anything that nobody asked for.
    subject.log_in().unwrap();
    world.skip(HOUR);
    assert!(subject.settle());
    drop(subject);
    world.assert_exchanges(1, 0);
}

fn two_users_in_one_process_share_nothing<S: Subject>() {
    const USERS: [&str; 2] = [USERNAME, "other@example.com"];
    let world = World::with(World::settings().with_user(USERS[1], PASSWORD));
    let subjects = USERS.map(|user| {
        S::build(Plan {
            credentials: Credentials::new(user, PASSWORD).into(),
            ..world.plan()
        })
    });
    for _ in 0..3 {
        for (user, subject) in USERS.iter().zip(&subjects) {
            let requests = (0..10).map(|i| world.post(&format!("/{user}/{i}"), "x"));
            assert_accepted(&subject.send_all(requests.collect()));
        }
        world.revoke();
    }
    world.assert_exchanges(2, 4);
    // Whose each token is, as the ledger has it: a refresh hands it on.
    let mut owners = BTreeMap::new();
    for entry in world.entries() {
        match entry.what {
            What::Password {
                user: Some(user),
                outcome: PasswordOutcome::Accepted { serial },
                ..
            } => {
                owners.insert(serial, user);
            }
            What::Refresh {
                serial: Some(old),
                outcome: RefreshOutcome::Rotated { serial },
                ..
            } => {
                let owner = owners[&old].clone();
                owners.insert(serial, owner);
            }
            What::Target {
                path,
                token:
                    Presented::Valid { serial }
                    | Presented::Refused {
                        serial: Some(serial),
                        ..
                    },
                ..
            } => {
                let owner = &owners[&serial];
                assert!(path.starts_with(&format!("/{owner}/")), "{path} by {owner}");
            }
            other => panic!("{other}"),
        }
    }
    // The end of one is not the end of the other.
    subjects[0].set_credentials(Credentials::new(USERS[0], WRONG_PASSWORD));
    world.end_session();
    assert!(matches!(
        denied(subjects[0].send(world.post("/ended", "x"))),
        Denied::Rejected { .. }
    ));
    assert_accepted(&subjects[1].send_all(world.crowd(5)));
}

fn two_providers_in_one_process_share_nothing<S: Subject>() {
    let worlds = [1, 2].map(|seed| World::with(World::settings().with_seed(seed)));
    let subjects = [0, 1].map(|i: usize| worlds[i].subject::<S>());
    for (world, subject) in worlds.iter().zip(&subjects) {
        assert_accepted(&subject.send_all(world.crowd(20)));
    }
    worlds[0].revoke();
    for (world, subject) in worlds.iter().zip(&subjects) {
        assert_accepted(&subject.send_all(world.crowd(20)));
    }
    worlds[0].assert_exchanges(1, 1);
    worlds[1].assert_exchanges(1, 0);
    // Neither token goes to the other's origin.
    let outcome = subjects[0].send(worlds[1].post("/x", "x"));
    assert!(matches!(outcome, Err(Trouble::Foreign(_))));
}

const CLIENT: &str = "fleet manager";
const SECRET: &str = "s:e&c=r+et %/";

fn oauth2(world: &World, client: ClientAuth) -> Provider {
    Provider::oauth2(world.server.token_endpoint(), client)
        .allow_origin(world.server.origin())
        .allow_loopback_http()
        .scope("email")
        .build()
        .unwrap()
}

fn rfc_6749<S: Subject>(secret: Option<&str>, client: ClientAuth) {
    let world = World::with(World::settings().with_client(CLIENT, secret));
    let subject = S::build(world.plan_at(oauth2(&world, client)));
    // Login, refresh, and the login after a refused refresh.
    world.assert_served(&subject, 20, (1, 0));
    world.revoke();
    world.assert_served(&subject, 20, (1, 1));
    world.end_session();
    world.assert_served(&subject, 20, (2, 2));
}

fn rfc_6749_with_a_public_client<S: Subject>() {
    rfc_6749::<S>(None, ClientAuth::public(CLIENT));
}

fn rfc_6749_with_a_secret_in_the_header<S: Subject>() {
    rfc_6749::<S>(Some(SECRET), ClientAuth::basic(CLIENT, SECRET));
}

fn rfc_6749_with_a_secret_in_the_form<S: Subject>() {
    rfc_6749::<S>(Some(SECRET), ClientAuth::form(CLIENT, SECRET));
}

/// A 401 there is about the client: the configuration's fault, which is not repeated either.
fn rfc_6749_with_the_wrong_secret_is_no_refused_password<S: Subject>() {
    let world = World::with(World::settings().with_client(CLIENT, Some(SECRET)));
    let provider = oauth2(&world, ClientAuth::basic(CLIENT, WRONG_PASSWORD));
    let subject = S::build(world.plan_at(provider));
    for outcome in subject.send_all(world.crowd(20)) {
        match denied(outcome) {
            Denied::Unavailable {
                failure: Failure::Status { status, error, .. },
                attempts: 1,
                ..
            } => {
                assert_eq!(status, 401);
                assert_eq!(error, Some(OAuthError::InvalidClient));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(world.events.exchanges(), 1);
}

fn rfc_6749_with_a_wrong_password_is_a_refused_password<S: Subject>() {
    let world = World::with(World::settings().with_client(CLIENT, None));
    let subject = S::build(Plan {
        credentials: Credentials::new(USERNAME, WRONG_PASSWORD).into(),
        ..world.plan_at(oauth2(&world, ClientAuth::public(CLIENT)))
    });
    for outcome in subject.send_all(world.crowd(20)) {
        assert!(matches!(denied(outcome), Denied::Rejected { .. }));
    }
    world.assert_exchanges(1, 0);
}

fn what_one_process_forgets_no_other_one_refreshes<S: Subject>() {
    let (world, store) = (World::new(), MemoryStore::new());
    let [first, second] = [(); 2].map(|()| S::build(world.plan_with(store.clone())));
    assert_accepted(&first.send_all(world.crowd(5)));
    world.assert_served(&second, 5, (1, 0));
    assert!(first.forget());
    assert!(!has_tokens(&store), "{}", saved(&store));
    assert_eq!(first.status(), Status::Unauthenticated);
    // The other one's access token is good until it ends. Then it logs in, and both go on with that.
    world.assert_served(&second, 5, (1, 0));
    world.revoke();
    assert_accepted(&second.send_all(world.crowd(5)));
    world.assert_served(&first, 5, (2, 0));
}
