//! What a person has to mend.

use std::fs;
use std::net::TcpListener;
use std::time::{Duration, SystemTime};

use simacan_auth_postgres_store::{
    Error, PostgresStore, SessionStore,
    postgres::{Config, NoTls},
};

use crate::common::{
    AT_ONCE, Kind, SECRET, config, kind, lock, run, save, saved, shared, start, store, store_of,
};

#[test]
fn the_rights_that_the_docs_name_are_enough() {
    let Some(server) = shared() else {
        return;
    };
    run(
        server,
        "CREATE ROLE worker LOGIN PASSWORD 's3cret';
         GRANT SELECT, INSERT, UPDATE ON simacan_sessions TO worker",
    );
    let store = store_of(server, "worker", SECRET, "worker");
    let mut locked = lock(&store);
    assert!(locked.load().expect("what is there").is_none());
    locked.renew().expect("a right");
    locked.save(b"1").expect("a right");
    locked.save(b"2").expect("a right");
    locked.mark(SystemTime::now().into()).expect("a right");
    locked.marked().expect("a right");
    locked.unlock().expect("a right");
    assert_eq!(saved(&store).as_deref(), Some("2"));
}

#[test]
fn a_session_that_can_be_read_and_not_written_stays() {
    let Some(server) = shared() else {
        return;
    };
    save(&store(server, "read"), "1");
    run(
        server,
        "CREATE ROLE reader LOGIN PASSWORD 's3cret'; GRANT SELECT ON simacan_sessions TO reader;
         GRANT UPDATE (marked_until, written_at) ON simacan_sessions TO reader",
    );
    let store = store_of(server, "reader", SECRET, "read");
    let mut locked = lock(&store);
    let session = locked.load().expect("it can be read").expect("a session");
    let cure = r#"GRANT SELECT, INSERT, UPDATE ON "simacan_sessions" TO reader"#;
    let words = ["can't save", "permission denied", cure];
    assert_eq!(kind(locked.save(b"2"), &words), Kind::Denied);
    assert_eq!(locked.load(), Ok(Some(session)));

    let until = (SystemTime::now() + Duration::from_secs(900)).into();
    assert_eq!(locked.mark(until), Ok(()), "that is another column");
    assert_eq!(locked.marked(), Ok(Some(until)));
}

#[test]
fn a_role_without_rights_and_a_read_only_one_are_denied() {
    let Some(server) = shared() else {
        return;
    };
    run(
        server,
        "CREATE ROLE stranger LOGIN PASSWORD 's3cret'; CREATE ROLE visitor LOGIN PASSWORD 's3cret';
         ALTER ROLE visitor SET default_transaction_read_only = on;
         GRANT SELECT, INSERT, UPDATE ON simacan_sessions TO visitor",
    );
    let mut stranger = lock(&store_of(server, "stranger", SECRET, "stranger"));
    let cure = r#"GRANT SELECT, INSERT, UPDATE ON "simacan_sessions" TO stranger"#;
    assert_eq!(kind(stranger.load(), &["can't load", cure]), Kind::Denied);

    let mut visitor = lock(&store_of(server, "visitor", SECRET, "visitor"));
    let words = [
        "read-only transaction",
        "Connect to a server that takes writes",
    ];
    assert_eq!(kind(visitor.save(b"1"), &words), Kind::Denied);
    assert_eq!(visitor.load(), Ok(None));
}

#[test]
fn a_table_that_is_missing_is_denied_with_what_makes_it() {
    let Some(server) = shared() else {
        return;
    };
    let store = store(server, "missing");
    let elsewhere = store.clone().table("auth.sessions").expect("a name");
    let create = r#"CREATE TABLE IF NOT EXISTS "auth"."sessions" ("#;
    let words = ["can't take the lock", create];
    assert_eq!(kind(elsewhere.lock(AT_ONCE), &words), Kind::Denied);

    run(server, "CREATE SCHEMA auth");
    assert_eq!(kind(elsewhere.lock(AT_ONCE), &words), Kind::Denied);
    elsewhere.create_table().expect("a schema is there");
    elsewhere.create_table().expect("as before");
    save(&elsewhere, "1");
    assert_eq!(saved(&store), None);
}

#[test]
fn a_wrong_password_a_missing_one_and_a_wrong_database_are_denied() {
    let Some(server) = shared() else {
        return;
    };
    let wrong = store_of(server, "postgres", SECRET, "any");
    let words = [
        "password authentication failed",
        "Give the role and its password",
    ];
    assert_eq!(kind(wrong.lock(AT_ONCE), &words), Kind::Denied);

    let mut config = config(server, "postgres", "postgres");
    config.dbname("nowhere");
    let nowhere = PostgresStore::new(config, NoTls, "any");
    let words = ["3D000", "database that is there"];
    assert_eq!(kind(nowhere.lock(AT_ONCE), &words), Kind::Denied);

    let mut config = Config::new();
    config.host("127.0.0.1").port(server.port).user("postgres");
    let missing = PostgresStore::new(config, NoTls, "any");
    assert_eq!(
        kind(missing.lock(AT_ONCE), &["password missing"]),
        Kind::Denied
    );
}

/// As behind a pooler in transaction mode, where others have been on the connection.
#[test]
fn a_connection_that_bears_anothers_mark_is_denied_and_its_lock_is_free() {
    let Some(server) = shared() else {
        return;
    };
    run(
        server,
        "CREATE ROLE pooled SUPERUSER LOGIN PASSWORD 's3cret';
         ALTER ROLE pooled SET simacan.connection = 'of another'",
    );
    let pooled = store_of(server, "pooled", SECRET, "pooled").lock(AT_ONCE);
    assert_eq!(
        kind(pooled, &["a pooler in transaction mode"]),
        Kind::Denied
    );
    save(&store(server, "pooled"), "1");
}

/// Its locks are its own, so it would exclude nobody.
#[test]
fn a_standby_is_waited_for() {
    let Some(mut server) = start(&[]) else {
        return;
    };
    let store = store(&server, "any");
    store.create_table().expect("a table");
    server.program.stop();
    fs::write(server.data.join("standby.signal"), "").expect("a file");
    server.program.restart();
    let words = ["127.0.0.1:", "is a standby: connect to the primary"];
    assert_eq!(kind(store.lock(AT_ONCE), &words), Kind::Unreachable);
}

/// The server's details quote the row.
#[test]
fn a_constraint_of_the_users_shows_no_session() {
    let Some(server) = shared() else {
        return;
    };
    let store = store(server, "short").table("short").expect("a name");
    store.create_table().expect("a table");
    run(server, "ALTER TABLE short ADD CHECK (length(session) < 5)");
    let failure = lock(&store).save(SECRET.as_bytes()).expect_err("too long");
    let hex = "733363726574";
    assert!(
        !format!("{failure:?} {failure}").contains(hex),
        "{failure:?}"
    );
    assert_eq!(kind::<()>(Err(failure), &["check constraint"]), Kind::Other);
}

#[test]
fn nobody_there_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its number").port();
    drop(listener);
    let url = format!("postgres://postgres:{SECRET}@127.0.0.1:{port}");
    let store = PostgresStore::new(url.parse().expect("a URL"), NoTls, "any");
    let words = ["can't connect", "127.0.0.1:", "refused"];
    assert_eq!(kind(store.lock(AT_ONCE), &words), Kind::Unreachable);
    assert!(!format!("{store:?}").contains(SECRET));
}

#[test]
fn a_name_of_a_table_is_looked_at_first() {
    let store = PostgresStore::new(Config::new(), NoTls, "any");
    for name in ["", "a.", "a.b.c", "a\"b", "a'b", "a\\b"] {
        let refused = store.clone().table(name);
        assert!(matches!(refused, Err(Error::InvalidTable { .. })), "{name}");
    }
}
