use std::thread;
use std::time::{Duration, Instant};

use redis::Client;
use simacan_auth::{LockRequest, LockedStore, SessionStore, StoreFailure};

use crate::Error;
use crate::locked::{Lease, Locked};
use crate::server::Server;

/// Between two looks at a lock that another holds. An exchange takes longer.
const POLL: Duration = Duration::from_millis(20);

/// A session in Redis, for programs on several machines.
///
/// It keeps nothing open: each lock has a connection of its own.
#[derive(Clone, Debug)]
pub struct RedisStore {
    server: Server,
    name: String,
}

impl RedisStore {
    /// Makes a store for the session with this name at the server with this URL: `rediss://user:password@host:6379/0`,
    /// or `redis://` without TLS. All that share a session give the same name.
    ///
    /// Nothing is connected yet.
    ///
    /// ```
    /// use simacan_auth_redis_store::{Error, RedisStore};
    ///
    /// let store = RedisStore::open("redis://:s3cret@127.0.0.1", "truck-tracker")?;
    /// assert!(!format!("{store:?}").contains("s3cret"));
    ///
    /// let invalid = RedisStore::open("https://127.0.0.1", "truck-tracker");
    /// assert!(matches!(invalid, Err(Error::InvalidUrl { .. })));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn open(url: &str, name: &str) -> Result<Self, Error> {
        let client = Client::open(url).map_err(|cause| Error::InvalidUrl { cause })?;
        Self::new(client, name)
    }

    /// Makes a store with a client that you have built: with roots of your own, over a socket of the system, or with a
    /// password that is in no URL. Fails with [`Error::InvalidName`].
    pub fn new(client: Client, name: &str) -> Result<Self, Error> {
        let name = name.to_owned();
        if name.is_empty() || name.contains(['{', '}']) {
            return Err(Error::InvalidName { name });
        }
        let server = Server::new(client);
        Ok(Self { server, name })
    }
}

impl SessionStore for RedisStore {
    fn place(&self) -> String {
        format!("Redis at {}, as {:?}", self.server.name(), self.name)
    }

    fn lock(&self, request: LockRequest) -> Result<Box<dyn LockedStore>, StoreFailure> {
        let started = Instant::now();
        let lease = Lease::new(&self.name, request.hold)?;
        let mut connection = self.server.connect()?;
        let take = lease.take();
        while !self.server.ask(&mut connection, "take the lock", &take)? {
            let rest = request.patience.saturating_sub(started.elapsed());
            if rest.is_zero() {
                return Err(StoreFailure::Locked);
            }
            thread::sleep(POLL.min(rest));
        }
        Ok(Box::new(Locked::new(
            self.server.clone(),
            connection,
            lease,
        )))
    }
}
