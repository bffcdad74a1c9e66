//! What the tests share.

use std::sync::OnceLock;

use simacan_auth_postgres_store::{
    PostgresStore,
    postgres::{Client, Config, NoTls},
};
use simacan_auth_servers::Postgres;
pub(crate) use simacan_auth_servers::stores::*;

/// One for all tests that don't end it. It ends with the process.
pub(crate) fn shared() -> Option<&'static Postgres> {
    static SERVER: OnceLock<Option<Postgres>> = OnceLock::new();
    let server = SERVER.get_or_init(|| {
        let server = start(&[])?;
        store(&server, "any").create_table().expect("a table");
        Some(server)
    });
    server.as_ref()
}

pub(crate) fn start(settings: &[&str]) -> Option<Postgres> {
    Postgres::start(settings, |_| {})
}

pub(crate) fn config(server: &Postgres, user: &str, password: &str) -> Config {
    server.url(user, password).parse().expect("a URL")
}

/// The superuser's.
pub(crate) fn store(server: &Postgres, name: &str) -> PostgresStore {
    store_of(server, "postgres", "postgres", name)
}

pub(crate) fn store_of(server: &Postgres, user: &str, password: &str, name: &str) -> PostgresStore {
    PostgresStore::new(config(server, user, password), NoTls, name)
}

pub(crate) fn admin(server: &Postgres) -> Client {
    let config = config(server, "postgres", "postgres");
    config.connect(NoTls).expect("a connection")
}

pub(crate) fn run(server: &Postgres, sql: &str) {
    admin(server).batch_execute(sql).expect(sql);
}

/// Ends the connection of whoever holds this session's lock, and waits until it has.
pub(crate) fn end_holder(server: &Postgres, name: &str) {
    let ended = admin(server).query(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_locks
         WHERE locktype = 'advisory' AND granted AND objid = hashtext($1)::bigint & 4294967295",
        &[&name],
    );
    let ended = ended.expect("the locks");
    let ended: Vec<bool> = ended.iter().map(|row| row.get(0)).collect();
    assert_eq!(ended, [true]);
}
