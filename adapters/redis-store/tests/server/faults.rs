//! What goes wrong while the lock is held.

use std::thread;
use std::time::{Duration, SystemTime};

use simacan_auth_redis_store::{SessionStore, StoreFailure, redis};
use simacan_auth_servers::Redis;

use crate::common::{AT_ONCE, Kind, LONG, admin, kind, lock, request, save, saved, store};

#[test]
fn a_connection_that_the_server_ends_is_not_the_lease() {
    let Some(server) = Redis::start(&[]) else {
        return;
    };
    let store = store(&server.url());
    save(&store, "1");
    let end_all = || {
        admin::<u32>(
            &server,
            &["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"],
        )
    };

    let mut locked = lock(&store);
    assert!(end_all() > 0);
    assert_eq!(
        locked.load().expect("a session").as_deref(),
        Some(&b"1".to_vec())
    );
    assert!(end_all() > 0);
    assert_eq!(locked.renew(), Ok(()));
    assert!(end_all() > 0);
    assert_eq!(locked.save(b"2"), Ok(()));
    assert_eq!(store.lock(AT_ONCE).err(), Some(StoreFailure::Locked));
    assert!(end_all() > 0);
    assert_eq!(locked.unlock(), Ok(()));
    assert_eq!(saved(&store).as_deref(), Some("2"));
}

#[test]
fn a_server_that_is_started_again_has_what_was_saved_and_the_lease() {
    let Some(mut server) = Redis::start(&[]) else {
        return;
    };
    let store = store(&server.url());
    let mut locked = lock(&store);
    locked.save(b"1").expect("a save");
    server.program.restart();
    assert_eq!(store.lock(AT_ONCE).err(), Some(StoreFailure::Locked));
    assert_eq!(locked.save(b"2"), Ok(()));
    locked.unlock().expect("the lock");
    assert_eq!(saved(&store).as_deref(), Some("2"));
}

#[test]
fn a_server_that_is_away_is_unreachable() {
    let Some(mut server) = Redis::start(&[]) else {
        return;
    };
    let store = store(&server.url());
    let mut locked = lock(&store);
    server.program.stop();
    let port = server.port.to_string();
    for told in [
        locked.save(b"1"),
        locked.renew(),
        locked.load().map(drop),
        store.lock(AT_ONCE).map(drop),
    ] {
        assert_eq!(kind(told, &["127.0.0.1", &port]), Kind::Unreachable);
    }
}

/// A failover to a replica that was behind, or a server that keeps nothing.
#[test]
fn a_server_that_has_forgotten_the_lock_supersedes_its_holder() {
    let Some(server) = Redis::start(&[]) else {
        return;
    };
    let store = store(&server.url());
    save(&store, "1");
    let mut locked = lock(&store);
    locked.load().expect("a session");
    let () = admin(&server, &["FLUSHALL"]);
    assert_eq!(locked.renew(), Err(StoreFailure::Superseded));
    assert_eq!(locked.save(b"2"), Err(StoreFailure::Superseded));
    assert_eq!(
        locked.mark(SystemTime::now().into()),
        Err(StoreFailure::Superseded)
    );
    assert_eq!(locked.unlock(), Ok(()));
    assert_eq!(saved(&store), None);
}

#[test]
fn a_lease_that_runs_out_in_a_slow_exchange_goes_to_the_next() {
    let Some(server) = Redis::start(&[]) else {
        return;
    };
    let store = store(&server.url());
    save(&store, "1");
    let short = request(Duration::ZERO, Duration::from_millis(100));
    let mut slow = store.lock(short).expect("the lock");
    slow.load().expect("a session");

    let mut next = store.lock(request(LONG, LONG)).expect("it runs out");
    assert_eq!(slow.renew(), Err(StoreFailure::Superseded));
    assert_eq!(slow.save(b"slow"), Err(StoreFailure::Superseded));
    next.load().expect("a session");
    next.save(b"next").expect("the lock is held");
    assert_eq!(slow.save(b"slow"), Err(StoreFailure::Superseded));
    drop(slow);
    assert_eq!(store.lock(AT_ONCE).err(), Some(StoreFailure::Locked));
    drop(next);
    assert_eq!(saved(&store).as_deref(), Some("next"));
}

#[test]
fn a_session_that_comes_from_elsewhere_meanwhile_is_not_overwritten() {
    let Some(server) = Redis::start(&[]) else {
        return;
    };
    let store = store(&server.url());
    for (before, meanwhile) in [
        (&["DEL"][..], &["SET", "a backup"][..]),
        (&["SET", "1"], &["SET", "a backup"]),
        (&["SET", "1"], &["DEL"]),
    ] {
        let change = |words: &[&str]| {
            let key = "simacan:{test}:session";
            let words = [&words[..1], &[key], &words[1..]].concat();
            let _: redis::Value = admin(&server, &words);
        };
        change(before);
        let mut locked = lock(&store);
        locked.load().expect("a session");
        change(meanwhile);
        assert_eq!(locked.save(b"2"), Err(StoreFailure::Superseded));
        drop(locked);
        let there = meanwhile.get(1).copied();
        assert_eq!(saved(&store).as_deref(), there);
    }
}

#[test]
fn a_save_without_a_load_replaces_what_is_there() {
    let Some(server) = Redis::start(&[]) else {
        return;
    };
    let store = store(&server.url());
    save(&store, "1");
    save(&store, "2");
    assert_eq!(saved(&store).as_deref(), Some("2"));
}

#[test]
fn endless_patience_and_an_endless_lease_are_no_overflow() {
    let Some(server) = Redis::start(&[]) else {
        return;
    };
    let store = store(&server.url());
    let endless = request(Duration::MAX, Duration::MAX);
    let locked = store.lock(endless).expect("the lock");
    thread::scope(|scope| {
        let waiter = scope.spawn(|| store.lock(endless).map(drop));
        drop(locked);
        assert_eq!(waiter.join().expect("a waiter"), Ok(()));
    });
}
