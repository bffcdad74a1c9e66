//! What the tests share.

use std::time::Duration;

use simacan_auth_redis_store::{
    LockRequest, LockedStore, RedisStore, SessionStore, StoreFailure, redis,
};
use simacan_auth_servers::Redis;

/// Nothing that works takes so long.
pub(crate) const LONG: Duration = Duration::from_secs(30);
pub(crate) const AT_ONCE: LockRequest = request(Duration::ZERO, LONG);
/// In an error it would be a leak.
pub(crate) const SECRET: &str = "s3cret";

pub(crate) const fn request(patience: Duration, hold: Duration) -> LockRequest {
    LockRequest { patience, hold }
}

pub(crate) fn store(url: &str) -> RedisStore {
    RedisStore::open(url, "test").expect("a URL")
}

pub(crate) fn lock(store: &RedisStore) -> Box<dyn LockedStore> {
    store.lock(AT_ONCE).expect("the lock")
}

pub(crate) fn save(store: &RedisStore, session: &str) {
    let saved = lock(store).save(session.as_bytes());
    saved.expect("a save");
}

/// What is saved.
pub(crate) fn saved(store: &RedisStore) -> Option<String> {
    let session = lock(store).load().expect("what is saved")?;
    Some(String::from_utf8(session.to_vec()).expect("a text"))
}

/// As whoever has set up the server.
pub(crate) fn admin<T: redis::FromRedisValue>(server: &Redis, words: &[&str]) -> T {
    let client = redis::Client::open(server.url()).expect("a URL");
    let mut connection = client.get_connection().expect("a connection");
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    command.query(&mut connection).expect("an answer")
}

#[derive(Debug, PartialEq)]
pub(crate) enum Kind {
    Unreachable,
    Denied,
    Other,
}

/// Which kind of failure it is; its text has these words, and no secret.
pub(crate) fn kind<T>(result: Result<T, StoreFailure>, words: &[&str]) -> Kind {
    let failure = result.err().expect("it went through");
    let text = format!("{failure}");
    for word in words {
        assert!(text.contains(word), "no {word:?} in: {text}");
    }
    assert!(!format!("{text} {failure:?}").contains(SECRET), "{text}");
    match failure {
        StoreFailure::Unreachable(_) => Kind::Unreachable,
        StoreFailure::Denied(_) => Kind::Denied,
        StoreFailure::Other(_) => Kind::Other,
        other => panic!("{other}"),
    }
}
