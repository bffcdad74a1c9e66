//! Keeps a session of [`simacan_auth`] in a row of PostgreSQL: programs on several machines share it.
//!
//! Give a [`PostgresStore`] to the builder of a client, which does the rest:
//!
//! ```no_run
//! use simacan_auth_postgres_store::{PostgresStore, postgres};
//! use simacan_auth_ureq::{Client, CredentialsSource, Provider};
//!
//! let config: postgres::Config = "postgres://auth:s3cret@db.example/fleet".parse()?;
//! let store = PostgresStore::new(config, postgres::NoTls, "truck-tracker");
//! store.create_table()?; // once, or by whoever looks after the database
//!
//! let credentials = CredentialsSource::variable("foo@bar.com", "SIMACAN_PASSWORD");
//! let client = Client::builder(Provider::simacan(), credentials).store(store).build()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! This is what the client does with it:
//!
//! ```no_run
//! use simacan_auth_postgres_store::{LockRequest, SessionStore};
//! use std::time::Duration;
//!
//! # use simacan_auth_postgres_store::{PostgresStore, StoreFailure};
//! # fn example(store: PostgresStore) -> Result<(), StoreFailure> {
//! let request = LockRequest {
//!     patience: Duration::from_secs(30), // how long to wait for another process, on any machine
//!     hold: Duration::ZERO,              // for leases; this lock is none
//! };
//! let mut locked = store.lock(request)?;
//! let found = locked.load()?;
//! locked.renew()?; // fails if the lock is lost
//! locked.save(b"a saved session")?; // committed once it returns
//! locked.unlock()?;
//! # drop(found);
//! # Ok(())
//! # }
//! ```
//!
//! # The table
//!
//! A row for each session, by name. [`create_table`](PostgresStore::create_table) makes it;
//! [`table_sql`](PostgresStore::table_sql) returns the statement, for a migration of yours:
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
//! It is an advisory lock on the table and the name. Each lock opens a connection of its own, about once an hour. The
//! lock ends with that connection: at once with the process, and within half a minute with a machine that vanishes. A
//! save goes through the same connection, and compares the row's version with what was loaded. If that connection is
//! lost, the lock is too: nothing is saved, and the failure is [`Superseded`](StoreFailure::Superseded). The session
//! can still be loaded, over another connection.
//!
//! **No pooler in transaction mode**: it gives each statement another connection to the server, so that the lock
//! stays behind on one of them, and it gives several programs the same connection, so that they hold the lock
//! together. The store marks its connection, and fails with [`Error::Pooler`] when it finds another's mark or misses
//! its own, which may happen late. A pooler in session mode works if it resets its connections (`DISCARD ALL`, as
//! PgBouncer does), and so does the server's own port.
//!
//! A standby is refused, since its locks hold back nobody on the primary. Until it is the primary, nothing is sent to
//! the auth endpoint.
//!
//! # What can be lost
//!
//! When a save returns, the session is committed and on the disk, even where `synchronous_commit` is off by default.
//! A failover to a standby that is behind may lose the last writes: then the older session's refresh token is spent,
//! and the program logs in anew. `synchronous_standby_names` prevents that.
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
