//! What the tests of a server's store share.

use std::time::Duration;

use simacan_auth::{LockRequest, LockedStore, SessionStore, StoreFailure};

/// Nothing that works takes so long.
pub const LONG: Duration = Duration::from_secs(30);
/// For a lock that is free or not.
pub const AT_ONCE: LockRequest = request(Duration::ZERO, LONG);
/// In an error it would be a leak.
pub const SECRET: &str = "s3cret";

/// Of a lock.
pub const fn request(patience: Duration, hold: Duration) -> LockRequest {
    LockRequest { patience, hold }
}

/// The lock, which is free.
///
/// # Panics
///
/// If it is not.
pub fn lock(store: &impl SessionStore) -> Box<dyn LockedStore> {
    store.lock(AT_ONCE).expect("the lock")
}

/// Saves this.
///
/// # Panics
///
/// If the store fails.
pub fn save(store: &impl SessionStore, session: &str) {
    let saved = lock(store).save(session.as_bytes());
    saved.expect("a save");
}

/// What is saved.
///
/// # Panics
///
/// If the store fails, or has what is no text.
pub fn saved(store: &impl SessionStore) -> Option<String> {
    let session = lock(store).load().expect("what is saved")?;
    Some(String::from_utf8(session.to_vec()).expect("a text"))
}

/// A [`StoreFailure`], without its cause.
#[derive(Debug, PartialEq)]
#[expect(missing_docs, reason = "they are that type's")]
pub enum Kind {
    Unreachable,
    Denied,
    Other,
}

/// Which kind of failure it is; its text has these words, and no secret.
///
/// # Panics
///
/// If it is none of them.
pub fn kind<T>(result: Result<T, StoreFailure>, words: &[&str]) -> Kind {
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
