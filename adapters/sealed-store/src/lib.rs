//! Encrypts a session of [`simacan_auth`] in any store: in a file, a database, or one of your own.
//!
//! Whoever can read a saved session can act as the user. If others can read the store, such as a shared database or
//! its backups, encrypt the session with a key that they don't have: one from a keychain, a key management service,
//! or a secret of the orchestrator. (A session is often too large for a keychain; a key is not.)
//!
//! ```
//! use simacan_auth_sealed_store::{Key, LockRequest, SealedStore, SessionStore};
//! # use simacan_auth_file_store::FileStore;
//! # use std::time::Duration;
//! # let folder = std::env::temp_dir().join(format!("simacan-sealed-store-{}", std::process::id()));
//! # let path = folder.join("session.json");
//! # let secret = "3J8bE0uYk1mE1m1rW1l0cQmZxS0k8h7w0X5d2yq0b9s=\n";
//!
//! let key = Key::from_base64(secret)?; // of `openssl rand -base64 32`
//! let store = SealedStore::new(FileStore::new(path), key);
//! // Give it to the builder of a client, which does the rest:
//! # let request = LockRequest { patience: Duration::ZERO, hold: Duration::ZERO };
//! store.lock(request)?.save(b"a saved session")?;
//! # assert_eq!(store.lock(request)?.load()?.unwrap().as_slice(), b"a saved session");
//! # std::fs::remove_dir_all(folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Another key
//!
//! A session that is sealed with a key that this program does not have is not overwritten: a program with the wrong
//! key must not destroy the session of all others. Load and save are [`Denied`](StoreFailure::Denied), with an error
//! that names the keys by their [`KeyId`]s. A newer format is not overwritten either.
//!
//! To give all programs a new key while they run:
//!
//! 1. Give each program the new key beside the old one: `SealedStore::new(store, old).also_opens(new)`.
//! 2. When all have both, swap them: `SealedStore::new(store, new).also_opens(old)`.
//! 3. The next save, within the hour, seals with the new key. Then the old one can go.
//!
//! # From a store without a seal
//!
//! A session that is not sealed is refused, too. Otherwise whoever can write to the store could choose whose tokens
//! are used, which a seal prevents. [`also_opens_plaintext`](SealedStore::also_opens_plaintext) takes one over.
//! Remove that call when it is done.
//!
//! # What is there
//!
//! ```text
//! simacan-sealed  version  key id  nonce  ciphertext and tag
//! 14 bytes        1        8       24     16 more than the session
//! ```
//!
//! It is XChaCha20-Poly1305 with a random nonce; version and key id are authenticated. The key id is derived from the
//! key and tells nothing of it. A record that was altered or cut off is [`Damaged`](StoreFailure::Damaged), and the
//! next save replaces it.
//!
//! A seal does not tell how old a session is, nor where it belongs: whoever can write to the store can put back an
//! older session, or one of another place with the same key, or remove the session. Locks and marks are the inner
//! store's, and are not sealed.

mod error;
mod key;
mod seal;
mod store;

pub use error::Error;
pub use key::{InvalidKey, Key, KeyId};
pub use simacan_auth::{
    self, InvalidSavedSession, LockRequest, LockedStore, SessionStore, StoreFailure, Timestamp,
};
pub use store::SealedStore;
