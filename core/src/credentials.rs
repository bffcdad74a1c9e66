//! Who logs in, and with what password.

use std::fmt;

use zeroize::Zeroizing;

#[cfg(any(model, fuzzing))]
use crate::fork::{Fork, Hash, Hasher};

/// A username and a password: the resource owner password credentials of RFC 6749, section 4.3.
///
/// The password is wiped from memory when this is dropped. Neither this type nor
/// anything that holds it prints it, and there is no way to read it back.
///
/// ```
/// use simacan_auth::Credentials;
///
/// let credentials = Credentials::new("fleet@example.com", "correct horse");
/// assert_eq!(
///     format!("{credentials:?}"),
///     r#"Credentials { username: "fleet@example.com", password: [redacted] }"#,
/// );
/// ```
pub struct Credentials {
    username: String,
    password: Zeroizing<String>,
}

impl Credentials {
    /// Takes a username and a password. Any text is allowed.
    ///
    /// A `String` is taken over, and leaves no copy behind. A `&str` is copied, and wiping the original is up to you.
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            username: username.into(),
            password: Zeroizing::new(password.into()),
        }
    }

    /// Returns the username, which is not a secret.
    pub fn username(&self) -> &str {
        &self.username
    }

    pub(crate) fn password(&self) -> &str {
        &self.password
    }

    /// Compares both. Not `PartialEq`: nobody should compare passwords in passing.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        self.username == other.username && self.password == other.password
    }

    /// Nor `Clone`: nobody should copy them in passing, either.
    pub(crate) fn duplicate(&self) -> Self {
        Self {
            username: self.username.clone(),
            password: self.password.clone(),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("username", &self.username)
            .field("password", &crate::Redacted)
            .finish()
    }
}

#[cfg(any(model, fuzzing))]
impl Fork for Credentials {
    fn fork(&self) -> Self {
        self.duplicate()
    }

    fn fingerprint(&self, mut hasher: &mut dyn Hasher) {
        (&self.username, self.password()).hash(&mut hasher);
    }
}
