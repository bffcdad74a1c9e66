//! Keeps a session of [`simacan_auth`] in Redis (or Valkey): programs on several machines share it.
//!
//! Give a [`RedisStore`] to the builder of a client, which does the rest:
//!
//! ```no_run
//! use simacan_auth_redis_store::RedisStore;
//! use simacan_auth_ureq::{Client, CredentialsSource, Provider};
//!
//! let store = RedisStore::open("rediss://auth:s3cret@redis.example:6379", "truck-tracker")?;
//! let credentials = CredentialsSource::variable("foo@bar.com", "SIMACAN_PASSWORD");
//! let client = Client::builder(Provider::simacan(), credentials).store(store).build()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! This is what the client does with it:
//!
//! ```no_run
//! use simacan_auth_redis_store::{LockRequest, SessionStore};
//! use std::time::Duration;
//!
//! # use simacan_auth_redis_store::{RedisStore, StoreFailure};
//! # fn example(store: RedisStore) -> Result<(), StoreFailure> {
//! let request = LockRequest {
//!     patience: Duration::from_secs(30), // how long to wait for another process, on any machine
//!     hold: Duration::from_secs(30),     // the lease, unless it is renewed
//! };
//!
//! let mut locked = store.lock(request)?;
//! let found = locked.load()?;
//! locked.renew()?; // for 30 s from now
//! locked.save(b"a saved session")?; // `Superseded`, and nothing is saved, if the lease is lost
//! locked.unlock()?;
//! # drop(found);
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! | feature | by default | what it brings |
//! |---|---|---|
//! | `rustls` | yes | `rediss://`: TLS by rustls and ring, with Mozilla's roots |
//!
//! # What is in Redis
//!
//! A session with the name `truck-tracker` has three keys, in one slot of a cluster. (A [`RedisStore`] speaks to one
//! server, or to a proxy, and follows no redirect.)
//!
//! | key | what | for how long |
//! |---|---|---|
//! | `simacan:{truck-tracker}:lock` | who holds the lock: a random number | the lease |
//! | `simacan:{truck-tracker}:session` | the session | for good |
//! | `simacan:{truck-tracker}:mark` | until when no password is sent, in milliseconds | for good |
//!
//! A user of its own needs no more rights than these:
//!
//! ```text
//! ACL SETUSER auth on >s3cret resetkeys ~simacan:* nocommands +eval +get +set +del +pexpire
//! ```
//!
//! # What can be lost
//!
//! The lock is a lease: a process that holds it for longer than the request's `hold` without a
//! [`renew`](LockedStore::renew) has lost it, and a killed process keeps the others out for that long at most. A save
//! compares, in one step at the server, the holder of the lock and the session with what was taken and loaded. If
//! either has changed, it saves nothing and fails with [`Superseded`](StoreFailure::Superseded). A lost connection is
//! made again, once for each call, and the lease goes on.
//!
//! **Redis forgets, unless it is told not to.** A saved session is there after a crash only with `appendonly yes` and
//! `appendfsync always`. A failover to a replica that is behind may lose the last writes, the lock among them: then
//! the older session's refresh token is spent, and the program logs in anew. Where that is too often, use a database.
//! `maxmemory-policy` has to be `noeviction` or one of the `volatile-` ones, or a session may vanish at any time.
//!
//! # Who can read it
//!
//! **Whoever can read the session's key can act as the user**, until the refresh token in it dies. It is not
//! encrypted; the crate `simacan-auth-sealed-store` does that. It holds no password. Give the program a user with the
//! rights above, and use `rediss://` between machines: Redis's password and the session cross the network.
//!
//! # TLS
//!
//! With the feature `rustls`, which is on by default, `rediss://` works with the Mozilla roots. For roots of your
//! own, or a client certificate, build the client ([`redis::Client::build_with_tls`]) and give it to
//! [`RedisStore::new`]. If the process has no default provider of cryptography, the first connection installs ring as
//! that.

mod error;
mod locked;
mod server;
mod store;

pub use error::Error;
pub use redis;
pub use simacan_auth::{self, LockRequest, LockedStore, SessionStore, StoreFailure, Timestamp};
pub use store::RedisStore;
