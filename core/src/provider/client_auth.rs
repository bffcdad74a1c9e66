//! The client of RFC 6749, section 2.

use std::fmt;

use zeroize::Zeroizing;

/// How a client authenticates at an RFC 6749 token endpoint (section 2.3): with a secret, and how it is sent, or
/// without.
///
/// ```
/// use simacan_auth::{ClientAuth, Provider};
///
/// // For a server that does not decode the header: encoded, this secret would be another.
/// let client = ClientAuth::basic_unencoded("fleet", "s3cr+t/%&");
/// let provider = Provider::oauth2("https://login.example.com/token", client).build()?;
/// # Ok::<(), simacan_auth::InvalidProvider>(())
/// ```
#[derive(Clone)]
pub struct ClientAuth {
    pub(crate) id: String,
    pub(crate) secret: Option<(Zeroizing<String>, SecretPlace)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SecretPlace {
    Header,
    /// Without the form encoding.
    HeaderUnencoded,
    Form,
}

impl SecretPlace {
    fn name(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::HeaderUnencoded => "header, unencoded",
            Self::Form => "form",
        }
    }
}

impl ClientAuth {
    /// Identifies a public client: `client_id` in the form, no secret.
    pub fn public(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            secret: None,
        }
    }

    /// Sends the secret in an HTTP Basic header. Id and secret are form-encoded first, as section 2.3.1 says. If
    /// your server answers `invalid_client` and the secret has other characters than letters and digits, try
    /// [`form`](Self::form) or [`basic_unencoded`](Self::basic_unencoded).
    pub fn basic(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self::confidential(id, secret, SecretPlace::Header)
    }

    /// Sends the secret in an HTTP Basic header, as it is: for servers that don't decode it, such as
    /// node-oauth2-server and glewlwyd. The id must have no colon.
    pub fn basic_unencoded(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self::confidential(id, secret, SecretPlace::HeaderUnencoded)
    }

    /// Sends `client_id` and `client_secret` in the form, which the RFC advises against and some servers ask for.
    pub fn form(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self::confidential(id, secret, SecretPlace::Form)
    }

    /// All that it sends, and how.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let secret = self.secret.iter();
        let secret = secret.flat_map(|(secret, place)| [secret.as_str(), place.name()]);
        std::iter::once(self.id.as_str()).chain(secret)
    }

    fn confidential(id: impl Into<String>, secret: impl Into<String>, place: SecretPlace) -> Self {
        Self {
            id: id.into(),
            secret: Some((Zeroizing::new(secret.into()), place)),
        }
    }
}

impl fmt::Debug for ClientAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientAuth")
            .field("id", &self.id)
            .field("secret", &self.secret.as_ref().map(|_| crate::Redacted))
            .finish()
    }
}
