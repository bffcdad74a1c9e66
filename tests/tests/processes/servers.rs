//! What is done to the server of a fleet's store.

use std::sync::Mutex;

use simacan_auth_postgres_store::postgres::{Client, NoTls};
use simacan_auth_postgres_store::{PostgresStore, postgres};
use simacan_auth_redis_store::redis::{self, FromRedisValue};
use simacan_auth_servers::{Postgres, Redis};

use crate::child::lock;
use crate::place::NAME;

pub(crate) trait StoreServer: Send + Sync {
    /// Where the session is, as its user sees it.
    fn place(&self) -> String;
    /// The same for one that can't change it.
    fn place_to_read(&self) -> String;
    fn stop(&self);
    fn start(&self);
    /// But those of an administrator.
    fn end_connections(&self);
    fn record(&self) -> Record;
    /// Nobody's lock is there any more, as after a failover.
    fn restore(&self, record: &Record);
    fn set_rights(&self, rights: Rights);
    fn is_locked(&self) -> bool;
    /// As an administrator does who has found out why there is one.
    fn remove_mark(&self);
}

/// A copy of the session; a row has a version besides.
pub(crate) struct Record(Vec<u8>, i64);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rights {
    None,
    Read,
    All,
}

pub(crate) struct RedisServer(Mutex<Redis>);

impl RedisServer {
    pub(crate) fn new() -> Option<Self> {
        let users = [
            "--user auth on >s3cret allkeys allcommands",
            "--user reader on >s3cret %RW~simacan:*:lock %R~simacan:* allcommands",
        ];
        let words = users.iter().flat_map(|user| user.split(' '));
        let server = Redis::start(&words.collect::<Vec<_>>())?;
        Some(Self(Mutex::new(server)))
    }

    fn ask<T: FromRedisValue>(&self, words: &[&[u8]]) -> T {
        let client = redis::Client::open(lock(&self.0).url()).expect("a URL");
        let mut connection = client.get_connection().expect("a connection");
        let mut command = redis::Cmd::new();
        command.arg(words);
        command.query(&mut connection).expect("an answer")
    }

    fn say(&self, words: &str) {
        let words: Vec<_> = words.split(' ').map(str::as_bytes).collect();
        let _: redis::Value = self.ask(&words);
    }

    fn place_of(&self, user: &str) -> String {
        format!("redis://{user}:s3cret@127.0.0.1:{}", lock(&self.0).port)
    }

    /// Of nobody who is there: it can be read, and not written.
    pub(crate) fn be_a_replica(&self, is_replica: bool) {
        self.say(if is_replica {
            "REPLICAOF 127.0.0.1 1"
        } else {
            "REPLICAOF NO ONE"
        });
    }

    /// With `noeviction`.
    pub(crate) fn fill(&self, is_full: bool) {
        if is_full {
            let _: redis::Value = self.ask(&[b"SET", b"filler", &vec![b' '; 1 << 20]]);
            self.say("CONFIG SET maxmemory 1mb");
        } else {
            self.say("CONFIG SET maxmemory 0");
        }
    }
}

fn key(what: &str) -> String {
    format!("simacan:{{{NAME}}}:{what}")
}

impl StoreServer for RedisServer {
    fn place(&self) -> String {
        self.place_of("auth")
    }

    fn place_to_read(&self) -> String {
        self.place_of("reader")
    }

    fn stop(&self) {
        lock(&self.0).program.stop();
    }

    fn start(&self) {
        lock(&self.0).program.restart();
    }

    fn end_connections(&self) {
        self.say("CLIENT KILL TYPE normal SKIPME yes");
    }

    fn record(&self) -> Record {
        Record(self.ask(&[b"GET", key("session").as_bytes()]), 0)
    }

    fn restore(&self, Record(session, _): &Record) {
        self.say(&format!("DEL {}", key("lock")));
        let _: redis::Value = self.ask(&[b"SET", key("session").as_bytes(), session]);
    }

    fn set_rights(&self, rights: Rights) {
        self.say(match rights {
            Rights::None => "ACL SETUSER auth off",
            Rights::Read => "ACL SETUSER auth resetkeys %RW~simacan:*:lock %R~simacan:*",
            Rights::All => "ACL SETUSER auth on allkeys",
        });
    }

    fn is_locked(&self) -> bool {
        self.ask(&[b"EXISTS", key("lock").as_bytes()])
    }

    fn remove_mark(&self) {
        self.say(&format!("DEL {}", key("mark")));
    }
}

pub(crate) struct PostgresServer(Mutex<Postgres>);

impl PostgresServer {
    pub(crate) fn new() -> Option<Self> {
        let server = Self(Mutex::new(Postgres::start(&[], |_| {})?));
        let url = lock(&server.0).url("postgres", "postgres");
        let store = PostgresStore::new(url.parse().expect("a URL"), NoTls, NAME);
        store.create_table().expect("a table");
        server.run(
            "CREATE ROLE auth LOGIN PASSWORD 's3cret';
             CREATE ROLE reader LOGIN PASSWORD 's3cret';
             GRANT SELECT, INSERT, UPDATE ON simacan_sessions TO auth;
             GRANT SELECT ON simacan_sessions TO reader",
        );
        Some(server)
    }

    fn admin(&self) -> Client {
        let url = lock(&self.0).url("postgres", "postgres");
        let config: postgres::Config = url.parse().expect("a URL");
        config.connect(NoTls).expect("a connection")
    }

    fn run(&self, sql: &str) {
        self.admin().batch_execute(sql).expect(sql);
    }
}

impl StoreServer for PostgresServer {
    fn place(&self) -> String {
        lock(&self.0).url("auth", "s3cret")
    }

    fn place_to_read(&self) -> String {
        lock(&self.0).url("reader", "s3cret")
    }

    fn stop(&self) {
        lock(&self.0).program.stop();
    }

    fn start(&self) {
        lock(&self.0).program.restart();
    }

    fn end_connections(&self) {
        self.run(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
             WHERE usename IN ('auth', 'reader')",
        );
    }

    fn record(&self) -> Record {
        let row = self
            .admin()
            .query_one("SELECT session, version FROM simacan_sessions", &[]);
        let row = row.expect("a row");
        Record(row.get(0), row.get(1))
    }

    fn restore(&self, Record(session, version): &Record) {
        let update = "UPDATE simacan_sessions SET session = $1, version = $2";
        let updated = self.admin().execute(update, &[session, version]);
        assert_eq!(updated.expect("an update"), 1);
        self.end_connections();
    }

    fn set_rights(&self, rights: Rights) {
        self.run(match rights {
            Rights::None => "ALTER ROLE auth NOLOGIN",
            Rights::Read => "REVOKE INSERT, UPDATE ON simacan_sessions FROM auth",
            Rights::All => {
                "ALTER ROLE auth LOGIN; GRANT INSERT, UPDATE ON simacan_sessions TO auth"
            }
        });
    }

    fn is_locked(&self) -> bool {
        let locks = "SELECT FROM pg_locks WHERE locktype = 'advisory'";
        let locks = self.admin().query(locks, &[]);
        !locks.expect("the locks").is_empty()
    }

    fn remove_mark(&self) {
        self.run("UPDATE simacan_sessions SET marked_until = NULL");
    }
}
