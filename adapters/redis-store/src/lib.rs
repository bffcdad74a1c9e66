//! Keeps a session of [`simacan_auth`] in Redis (or Valkey): programs on several machines share it.
//!
//! Give a [`RedisStore`] to the builder of a client, which does the rest. By hand, what it does is:
//!
//! ```no_run
//! use simacan_auth_redis_store::{LockRequest, RedisStore, SessionStore, StoreFailure};
//! use std::time::Duration;
//!
//! let store = RedisStore::open("rediss://auth:s3cret@redis.example:6379", "truck-tracker")?;
//! let request = LockRequest {
//!     patience: Duration::from_secs(30), // another process waits, anywhere
//!     hold: Duration::from_secs(30),     // the lease, unless it is renewed
//! };
//!
//! let mut locked = store.lock(request)?;
//! let found = locked.load()?;
//! locked.renew()?; // for 30 s from now
//! locked.save(b"a saved session")?; // `Superseded`, and nothing is saved, if the lease is lost
//! locked.unlock()?;
//! # Ok::<(), StoreFailure>(())
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
//! Of a session with the name `truck-tracker` three keys, in one slot of a cluster (but a
//! [`RedisStore`] speaks to one server, or to a proxy, and follows no redirect):
//!
//! | key | what | for how long |
//! |---|---|---|
//! | `simacan:{truck-tracker}:lock` | who holds the lock: a random number | the lease |
//! | `simacan:{truck-tracker}:session` | the session | for good |
//! | `simacan:{truck-tracker}:mark` | until when no password leaves, in milliseconds | for good |
//!
//! A user of its own needs no more than this, and one name serves one session:
//!
//! ```text
//! ACL SETUSER auth on >s3cret resetkeys ~simacan:* nocommands +eval +get +set +del +pexpire
//! ```
//!
//! # What can be lost
//!
//! The lock is a lease: who holds it for longer than the request's `hold` without a
//! [`renew`](LockedStore::renew) has lost it, and who is killed keeps the others out for that long at
//! most. A save compares, in one step at the server, the holder of the lock and the session with what
//! was taken and loaded. If either is another's, it saves nothing and says
//! [`Superseded`](StoreFailure::Superseded). A connection that is lost is made again, once for each
//! call: the lease lives on.
//!
//! **Redis forgets, unless it is told not to.** What a save has said is there after a crash only with
//! `appendonly yes` and `appendfsync always`. A failover to a replica may lose the last writes, the lock
//! among them: replicas are behind. What that costs is a password: the older session's refresh token is
//! spent, so the program logs in anew. Where that is too much, use a database. `maxmemory-policy` has to
//! be `noeviction` or one of the `volatile-` ones, or a session may be gone at any time.
//!
//! # Who can read it
//!
//! **Whoever can read the session's key can act as the user**, until the refresh token in it dies. It is
//! not encrypted; the crate `simacan-auth-sealed-store` does that. It holds no password. Give the user an
//! ACL as above, and use `rediss://` outside of one machine: the password and the session cross the
//! network.
//!
//! # TLS
//!
//! With the feature `rustls`, which is on by default, `rediss://` works with the Mozilla roots. For roots
//! of your own, or a certificate of the client, build the client ([`redis::Client::build_with_tls`]) and
//! give it to [`RedisStore::new`]. If the process has no default provider of cryptography by then, the
//! first connection makes ring that.

mod error;
mod locked;
mod server;
mod store;

pub use error::Error;
pub use redis;
pub use simacan_auth::{self, LockRequest, LockedStore, SessionStore, StoreFailure, Timestamp};
pub use store::RedisStore;
