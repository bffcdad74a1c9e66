//! Keeps a session of [`simacan_auth`] in a row of PostgreSQL: programs on several machines share it.
//!
//! Give a [`PostgresStore`] to the builder of a client, which does the rest. By hand, what it does is:
//!
//! ```no_run
//! use simacan_auth_postgres_store::{LockRequest, PostgresStore, SessionStore, postgres};
//! use std::time::Duration;
//!
//! let config: postgres::Config = "postgres://auth:s3cret@db.example/fleet".parse()?;
//! let store = PostgresStore::new(config, postgres::NoTls, "truck-tracker");
//! store.create_table()?; // once, or by whoever looks after the database
//!
//! let request = LockRequest {
//!     patience: Duration::from_secs(30), // another process waits, anywhere
//!     hold: Duration::ZERO,              // it is held until it is given free
//! };
//! let mut locked = store.lock(request)?;
//! let found = locked.load()?;
//! locked.renew()?; // it is still held
//! locked.save(b"a saved session")?; // committed once it returns
//! locked.unlock()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The table
//!
//! A row for each session, by name. [`create_table`](PostgresStore::create_table) makes it;
//! [`table_sql`](PostgresStore::table_sql) is what it says, for a migration of yours:
//!
//! ```sql
//! CREATE TABLE IF NOT EXISTS "simacan_sessions" (
//!     name text PRIMARY KEY,
//!     session bytea,             -- null: there is only a mark
//!     version bigint NOT NULL,   -- another one with each save
//!     written_at timestamptz NOT NULL,
//!     marked_until timestamptz   -- no password leaves before then
//! );
//! GRANT SELECT, INSERT, UPDATE ON "simacan_sessions" TO auth;
//! ```
//!
//! # The lock
//!
//! It is an advisory lock on the table and the name, taken on a connection of its own, which is opened
//! for each lock: about once an hour. It ends with that connection, so with the process, and within half
//! a minute with a machine that vanishes. A save goes through the same connection, and compares the row's
//! version with what was loaded. If that connection is lost, the lock is too: nothing is saved, and the
//! failure is [`Superseded`](StoreFailure::Superseded). What is there can still be loaded, over another one.
//!
//! **No pooler in transaction mode**: it gives each statement another connection to the server, so that
//! the lock stays behind on one of them, and it gives several programs the same one, so that they have
//! the lock together. The store marks the connection, and says so when it finds another's mark or misses its
//! own, which may not be the first time. A pooler in session mode is good if it resets its connections
//! (`DISCARD ALL`, as PgBouncer does), and so is the server's own port.
//!
//! A standby is no place for it: nobody on the primary sees its locks. Until it is the primary, nothing is sent.
//!
//! # What can be lost
//!
//! What a save has said is committed and on the disk, also where `synchronous_commit` is off by default.
//! A failover to a standby that is behind may lose the last writes. What that costs is a password: the
//! older session's refresh token is spent, so the program logs in anew. `synchronous_standby_names`
//! prevents it.
//!
//! # Who can read it
//!
//! **Whoever can read the row can act as the user**, until the refresh token in it dies: the role,
//! superusers, and whoever has a backup. It is not encrypted; the crate `simacan-auth-sealed-store`
//! does that. It holds no password.
//!
//! # TLS
//!
//! [`PostgresStore::new`] takes any connector of the crate [`postgres`]: `postgres-native-tls`,
//! `postgres-openssl` or `tokio-postgres-rustls`. With the last one, and the crate `webpki-roots` or roots
//! of your own:
//!
//! ```no_run
//! # mod webpki_roots { pub const TLS_SERVER_ROOTS: &[rustls::pki_types::TrustAnchor<'_>] = &[]; }
//! use simacan_auth_postgres_store::{PostgresStore, postgres};
//! use tokio_postgres_rustls::MakeRustlsConnect;
//!
//! let roots = rustls::RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
//! let tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
//! let config: postgres::Config =
//!     "postgres://auth:s3cret@db.example/fleet?sslmode=require".parse()?; // or it may do without
//! let store = PostgresStore::new(config, MakeRustlsConnect::new(tls), "truck-tracker");
//! # Ok::<(), postgres::Error>(())
//! ```

mod error;
mod locked;
mod store;
mod table;

pub use error::{Error, Remedy};
pub use postgres;
pub use simacan_auth::{self, LockRequest, LockedStore, SessionStore, StoreFailure, Timestamp};
pub use store::PostgresStore;
