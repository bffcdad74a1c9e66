//! Where the session is, as a process is told: a path or a URL, and perhaps a key.

use std::env;
use std::time::Duration;

use simacan_auth::{LockRequest, LockedStore, SessionStore, StoreFailure, Timestamp, Zeroizing};
use simacan_auth_file_store::FileStore;
use simacan_auth_postgres_store::{PostgresStore, postgres};
use simacan_auth_redis_store::RedisStore;
use simacan_auth_sealed_store::{Key, SealedStore};

use crate::worker::say;

/// At a server.
pub(crate) const NAME: &str = "fleet";
/// In base64.
pub(crate) const KEY: &str = "SIMACAN_TEST_KEY";

/// A lease of 30 s takes 1.5 s.
const COMPRESSED: u32 = 20;

pub(crate) fn open(place: &str) -> Box<dyn SessionStore> {
    let store: Box<dyn SessionStore> = if place.starts_with("redis://") {
        Box::new(RedisStore::open(place, NAME).expect("a URL"))
    } else if place.starts_with("postgres://") {
        let config = place.parse().expect("a URL");
        Box::new(PostgresStore::new(config, postgres::NoTls, NAME))
    } else {
        return Box::new(FileStore::new(place));
    };
    let store = Box::new(Compressed(store));
    match env::var(KEY) {
        Ok(key) => Box::new(SealedStore::new(
            store,
            Key::from_base64(&key).expect("a key"),
        )),
        Err(_) => store,
    }
}

/// Its leases are short, and it says when one was lost.
struct Compressed<S>(S);

impl<S: SessionStore> SessionStore for Compressed<S> {
    fn lock(&self, request: LockRequest) -> Result<Box<dyn LockedStore>, StoreFailure> {
        let compressed = |time: Duration| time / COMPRESSED;
        let locked = self.0.lock(LockRequest {
            patience: compressed(request.patience),
            hold: compressed(request.hold),
        });
        Ok(Box::new(Locked(locked?)))
    }
}

struct Locked(Box<dyn LockedStore>);

fn told(result: Result<(), StoreFailure>) -> Result<(), StoreFailure> {
    if result == Err(StoreFailure::Superseded) {
        say("superseded");
    }
    result
}

impl LockedStore for Locked {
    fn load(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, StoreFailure> {
        self.0.load()
    }

    fn save(&mut self, session: &[u8]) -> Result<(), StoreFailure> {
        told(self.0.save(session))
    }

    fn renew(&mut self) -> Result<(), StoreFailure> {
        told(self.0.renew())
    }

    fn mark(&mut self, until: Timestamp) -> Result<(), StoreFailure> {
        told(self.0.mark(until))
    }

    fn marked(&mut self) -> Result<Option<Timestamp>, StoreFailure> {
        self.0.marked()
    }

    fn unlock(self: Box<Self>) -> Result<(), StoreFailure> {
        self.0.unlock()
    }
}
