//! What goes wrong while the lock is held.

use std::thread;
use std::time::{Duration, SystemTime};

use simacan_auth_postgres_store::{SessionStore, StoreFailure, Timestamp};

use crate::common::{
    AT_ONCE, Kind, LONG, admin, end_holder, kind, lock, request, run, save, saved, shared, start,
    store,
};

#[test]
fn a_connection_that_the_server_ends_has_lost_the_lock() {
    let Some(server) = shared() else {
        return;
    };
    let store = store(server, "ended");
    save(&store, "1");
    for is_idle in [true, false] {
        let mut locked = lock(&store);
        locked.load().expect("a session");
        end_holder(server, "ended");
        if is_idle {
            assert_eq!(locked.renew(), Err(StoreFailure::Superseded));
        }
        assert_eq!(locked.save(b"2"), Err(StoreFailure::Superseded));
        assert_eq!(locked.renew(), Err(StoreFailure::Superseded));
        assert_eq!(
            locked.mark(SystemTime::now().into()),
            Err(StoreFailure::Superseded)
        );
        assert!(locked.load().expect("it can be read").is_some());
        assert_eq!(locked.renew(), Err(StoreFailure::Superseded));
        assert_eq!(locked.save(b"2"), Err(StoreFailure::Superseded));
        assert_eq!(locked.unlock(), Ok(()));
        assert_eq!(saved(&store).as_deref(), Some("1"));
    }
}

#[test]
fn who_has_lost_the_lock_sees_what_the_next_one_has_saved() {
    let Some(server) = shared() else {
        return;
    };
    let store = store(server, "lost");
    let mut lost = lock(&store);
    lost.load().expect("what is there");
    end_holder(server, "lost");
    let mut next = lock(&store);
    next.save(b"the next one's").expect("a save");
    let seen = lost.load().expect("a session");
    assert_eq!(seen.as_deref(), Some(&b"the next one's".to_vec()));
    assert_eq!(lost.save(b"ours"), Err(StoreFailure::Superseded));
    assert_eq!(lost.unlock(), Ok(()));
    assert_eq!(store.lock(AT_ONCE).err(), Some(StoreFailure::Locked));
    assert_eq!(next.unlock(), Ok(()));
}

#[test]
fn a_server_that_is_started_again_has_what_was_saved_and_no_lock() {
    let Some(mut server) = start(&["synchronous_commit=off", "fsync=on"]) else {
        return;
    };
    let store = store(&server, "again");
    store.create_table().expect("a table");
    let mut locked = lock(&store);
    locked.save(b"1").expect("a save");
    server.program.stop();
    assert_eq!(locked.save(b"2"), Err(StoreFailure::Superseded));
    assert_eq!(kind(store.lock(AT_ONCE), &["127.0.0.1"]), Kind::Unreachable);

    server.program.restart();
    assert_eq!(locked.save(b"2"), Err(StoreFailure::Superseded));
    drop(locked);
    assert_eq!(saved(&store).as_deref(), Some("1"));
    save(&store, "2");
}

#[test]
fn a_row_that_is_changed_meanwhile_is_not_overwritten() {
    let Some(server) = shared() else {
        return;
    };
    let store = store(server, "changed");
    let delete = "DELETE FROM simacan_sessions WHERE name = 'changed'";
    let insert = "INSERT INTO simacan_sessions VALUES ('changed', 'a backup', 7, now())";
    let update = "UPDATE simacan_sessions SET session = 'a backup', version = 8
                  WHERE name = 'changed'";
    for (before, meanwhile) in [(delete, insert), ("", update)] {
        run(server, before);
        let mut locked = lock(&store);
        locked.load().expect("what is there");
        run(server, meanwhile);
        assert_eq!(locked.save(b"2"), Err(StoreFailure::Superseded));
        drop(locked);
        assert_eq!(saved(&store).as_deref(), Some("a backup"));
    }
}

#[test]
fn a_row_that_was_deleted_and_made_anew_is_another() {
    let Some(server) = shared() else {
        return;
    };
    let store = store(server, "anew");
    save(&store, "1");
    let mut locked = lock(&store);
    locked.load().expect("a session");
    run(server, "DELETE FROM simacan_sessions WHERE name = 'anew'");
    assert_eq!(locked.save(b"2"), Err(StoreFailure::Superseded));
    drop(locked);
    save(&store, "another's");
    let mut locked = lock(&store);
    locked.load().expect("a session");
    run(server, "DELETE FROM simacan_sessions WHERE name = 'anew'");
    end_holder(server, "anew");
    save(&store, "another's");
    assert_eq!(locked.save(b"2"), Err(StoreFailure::Superseded));
    assert_eq!(saved(&store).as_deref(), Some("another's"));
}

#[test]
fn a_mark_needs_no_session_and_is_no_session() {
    let Some(server) = shared() else {
        return;
    };
    let store = store(server, "marked");
    let mut locked = lock(&store);
    assert_eq!(locked.mark(Timestamp::MAX), Ok(()));
    assert!(locked.marked().expect("a mark").is_some());
    assert_eq!(locked.load(), Ok(None));
    locked.save(b"1").expect("a save");
    drop(locked);
    assert_eq!(saved(&store).as_deref(), Some("1"));
    assert!(lock(&store).marked().expect("a mark").is_some());
}

#[test]
fn a_row_that_somebody_keeps_locked_is_not_waited_for_without_end() {
    let Some(server) = shared() else {
        return;
    };
    let store = store(server, "kept");
    save(&store, "1");
    let mut admin = admin(server);
    let mut transaction = admin.transaction().expect("a transaction");
    let delete = "DELETE FROM simacan_sessions WHERE name = 'kept'";
    transaction
        .batch_execute(delete)
        .expect("a lock of the row");
    let mut locked = lock(&store);
    assert_eq!(kind(locked.save(b"2"), &["55P03"]), Kind::Other);
    transaction.rollback().expect("an end");
    assert_eq!(locked.save(b"2"), Ok(()));
}

#[test]
fn endless_patience_is_no_overflow_and_no_other_time_out_ends_it() {
    let Some(server) = shared() else {
        return;
    };
    run(
        server,
        "CREATE ROLE hasty SUPERUSER LOGIN PASSWORD 's3cret'; ALTER ROLE hasty SET statement_timeout = 100",
    );
    let store = crate::common::store_of(server, "hasty", "s3cret", "endless");
    let locked = lock(&store);
    let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                   AND objid = hashtext('endless')::bigint & 4294967295";
    thread::scope(|scope| {
        let waiter = scope.spawn(|| store.lock(request(Duration::MAX, LONG)).map(drop));
        let mut admin = admin(server);
        while admin
            .query_one(waiting, &[])
            .expect("the locks")
            .get::<_, i64>(0)
            == 0
        {
            assert!(!waiter.is_finished(), "it does not wait");
        }
        admin
            .batch_execute("SELECT pg_sleep(0.3)")
            .expect("more than its time-out");
        drop(locked);
        assert_eq!(waiter.join().expect("a waiter"), Ok(()));
    });
    assert!(store.lock(request(LONG, LONG)).is_ok());
}

#[test]
fn a_table_and_its_name_with_a_schema_have_one_lock() {
    let Some(server) = shared() else {
        return;
    };
    let store = store(server, "named");
    let same = store
        .clone()
        .table("public.simacan_sessions")
        .expect("a name");
    let locked = lock(&store);
    assert_eq!(same.lock(AT_ONCE).err(), Some(StoreFailure::Locked));
    drop(locked);
    drop(lock(&same));
}
