use std::fmt::{self, Write};

use simacan_auth::StoreFailure;

use crate::KeyId;

/// The reason why a session is not opened, and not overwritten. A [`StoreFailure::Denied`] holds it
/// ([`ErrorCause::get_ref`](simacan_auth::ErrorCause::get_ref)).
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The session is sealed with a key that this program does not have.
    #[error(
        "the session is sealed with the key {sealed_with}, and this program has {}: give it that \
         key, too (`also_opens`), or delete the session, so that the program logs in anew",
        list(.known)
    )]
    OtherKey {
        /// The key that the session is sealed with.
        sealed_with: KeyId,
        /// The keys of this program.
        known: Vec<KeyId>,
    },
    /// The session is not sealed, as a store without a seal has saved it.
    #[error(
        "the session is not sealed: let the program take it over (`also_opens_plaintext`), or delete \
         it, so that the program logs in anew"
    )]
    NotSealed,
}

/// The text of `Display`: what a `main` prints that returns this error.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Error> for StoreFailure {
    fn from(error: Error) -> Self {
        Self::denied(error)
    }
}

fn list(keys: &[KeyId]) -> String {
    let mut list = String::new();
    for key in keys {
        let separator = if list.is_empty() { "" } else { ", " };
        let _ = write!(list, "{separator}{key}"); // a string takes all
    }
    list
}
