//! The tokens, wiped when dropped, and the number that tells them apart.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;

use crate::answers::Answers;
#[cfg(any(model, fuzzing))]
use crate::fork::{Fork, Hash, Hasher};
use crate::time::Deadline;
use crate::wiped::Wiped;
use crate::{Timestamp, fnv};

/// The number of a token set that a [`Machine`](crate::Machine) has held.
///
/// It is how a `401` that arrives late is told from one that matters: a `401`
/// for an older generation is about a token that has been replaced already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(u64);

impl Generation {
    pub(crate) fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// Returns the number itself: 1 for the first token set.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// 1*VSCHAR: what a token can hold (RFC 6749, appendices A.12 and A.17).
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && all(text, is_vschar)
}

pub(crate) fn is_vschar(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7E)
}

/// Whether it holds for each byte. As it does not stop at the first that fails, it looks at many in one step.
pub(crate) fn all(text: &str, holds: impl Fn(u8) -> bool) -> bool {
    text.bytes().fold(true, |all, byte| all & holds(byte))
}

/// The `Authorization` header that carries an access token (RFC 6750, section 2.1),
/// built once: a clone is a reference count, and the last one wipes the text.
pub(crate) struct Bearer(HeaderValue);

impl Bearer {
    const SCHEME: &str = "Bearer ";

    /// The characters of `token` have been checked: see [`is_token`].
    pub(crate) fn new(token: &str) -> Option<Self> {
        let mut text = Wiped(Vec::with_capacity(Self::SCHEME.len() + token.len()));
        text.extend_from_slice(Self::SCHEME.as_bytes());
        text.extend_from_slice(token.as_bytes());
        let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(text)).ok()?;
        value.set_sensitive(true);
        Some(Self(value))
    }

    /// For what is to be saved.
    pub(crate) fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }

    /// Tells it from others, where little is lost if it does not.
    pub(crate) fn digest(&self) -> u64 {
        fnv::add(fnv::START, self.token().bytes())
    }

    pub(crate) fn token(&self) -> &str {
        let text = self.0.to_str().ok();
        text.and_then(|text| text.strip_prefix(Self::SCHEME))
            .unwrap_or_default()
    }
}

/// An access token with its times, as a session holds it.
pub(crate) struct AccessToken {
    bearer: Bearer,
    expiry: Deadline,
    received_at: Timestamp,
    /// A target API answered it with 401.
    condemned: bool,
}

impl AccessToken {
    /// An answer that took long must not make a token expired on arrival: that
    /// would start refreshes without end (`manual::time`).
    const MINIMUM_LIFE: Duration = Duration::from_secs(1);

    /// The lifetime counts from when the request was emitted, the safe side.
    pub(crate) fn received(
        bearer: Bearer,
        lifetime: Option<Duration>,
        emitted_at: Timestamp,
        now: Timestamp,
    ) -> Self {
        let expiry = lifetime.map_or(Deadline::never(now), |lifetime| {
            // `min`: the clock may have been set back in between.
            let end = emitted_at.min(now).saturating_add(lifetime);
            Deadline::at(now, end.max(now.saturating_add(Self::MINIMUM_LIFE)))
        });
        Self {
            bearer,
            expiry,
            received_at: now,
            condemned: false,
        }
    }

    /// As it was when it was received by whoever has saved it.
    pub(crate) fn saved(
        bearer: Bearer,
        expires_at: Option<Timestamp>,
        received_at: Timestamp,
    ) -> Self {
        Self {
            bearer,
            expiry: expires_at.map_or(Deadline::never(received_at), |expires_at| {
                Deadline::at(received_at, expires_at)
            }),
            received_at,
            condemned: false,
        }
    }

    pub(crate) fn bearer(&self) -> &Bearer {
        &self.bearer
    }

    pub(crate) fn is_usable(&self, now: Timestamp) -> bool {
        !self.condemned && !self.has_expired(now)
    }

    pub(crate) fn has_expired(&self, now: Timestamp) -> bool {
        self.expiry.passed(now)
    }

    /// Whether this is the same token, whatever is said of it.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.bearer.0 == other.bearer.0
    }

    /// What a 401 has said of the same token, held elsewhere.
    pub(crate) fn inherit(&mut self, other: &Self) {
        self.condemned = other.condemned;
    }

    /// Nor must a save that took long make it expired when it is handed out.
    pub(crate) fn handed_out(&mut self, now: Timestamp) {
        self.expiry
            .not_before(now.saturating_add(Self::MINIMUM_LIFE));
    }

    pub(crate) fn is_condemned(&self) -> bool {
        self.condemned
    }

    pub(crate) fn condemn(&mut self) {
        self.condemned = true;
    }

    /// The other way round: the 401 has led nowhere, so the token is as good as it ever was.
    pub(crate) fn reinstate(&mut self) {
        self.condemned = false;
    }

    pub(crate) fn header(&self) -> HeaderValue {
        self.bearer.0.clone()
    }

    pub(crate) fn expires_at(&self) -> Option<Timestamp> {
        self.expiry.moment()
    }

    pub(crate) fn received_at(&self) -> Timestamp {
        self.received_at
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken")
            .field("token", &crate::Redacted)
            .field("expires_at", &self.expires_at())
            .field("condemned", &self.condemned)
            .finish_non_exhaustive()
    }
}

/// A refresh token: sent once, and dropped when its successor arrives (I3).
pub(crate) struct RefreshToken {
    token: Wiped<String>,
    pub(crate) answers: Answers,
}

impl RefreshToken {
    pub(crate) fn new(token: &str) -> Self {
        Self {
            token: Wiped(token.to_owned()),
            answers: Answers::default(),
        }
    }

    pub(crate) fn expose(&self) -> &str {
        &self.token
    }

    /// For what is to be saved; it is not sent from there.
    pub(crate) fn duplicate(&self) -> Self {
        Self {
            answers: self.answers,
            ..Self::new(self.expose())
        }
    }

    /// It has brought tokens: what was answered to it before is of no consequence any more.
    pub(crate) fn accepted(self) -> Self {
        Self {
            answers: Answers::default(),
            ..self
        }
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken([redacted])")
    }
}

#[cfg(any(model, fuzzing))]
impl Fork for Bearer {
    fn fork(&self) -> Self {
        self.duplicate()
    }

    fn fingerprint(&self, mut hasher: &mut dyn Hasher) {
        self.0.as_bytes().hash(&mut hasher);
    }
}

#[cfg(any(model, fuzzing))]
impl Fork for AccessToken {
    fn fork(&self) -> Self {
        Self {
            bearer: self.bearer.fork(),
            ..*self
        }
    }

    fn fingerprint(&self, mut hasher: &mut dyn Hasher) {
        let Self {
            bearer,
            expiry,
            received_at,
            condemned,
        } = self;
        bearer.fingerprint(hasher);
        (expiry, received_at, condemned).hash(&mut hasher);
    }
}

#[cfg(any(model, fuzzing))]
impl Fork for RefreshToken {
    fn fork(&self) -> Self {
        self.duplicate()
    }

    fn fingerprint(&self, mut hasher: &mut dyn Hasher) {
        (self.expose(), self.answers).hash(&mut hasher);
    }
}
