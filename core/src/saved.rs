//! What survives a restart: see `manual::stores`.

#[cfg(any(model, fuzzing))]
mod fork;
mod json;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::answers::Answers;
use crate::login_answers::LoginAnswers;
use crate::origin::OriginId;
use crate::outage::Outage;
use crate::pacing::LoginGuard;
use crate::targets::Record;
use crate::token::{AccessToken, Bearer, RefreshToken};
use crate::{Credentials, Provider, Timestamp, fnv};

pub(crate) use json::Others;
pub use json::{InvalidSavedSession, SavedJson};

/// A session as it is saved: the tokens with their times, and what paces logins and refreshes.
///
/// It belongs to one user at one auth endpoint, with one scope and form, and is used for no other. Its *revision*
/// counts how often the session was saved; of two, the higher one is newer, whatever the clocks say.
///
/// It holds secrets: it is wiped when dropped, and prints none. So is the JSON of [`to_json`](Self::to_json), which
/// has to be kept as safe as the password.
///
/// ```
/// use simacan_auth::{InvalidSavedSession, SavedSession};
///
/// let json = br#"{"version":1,"revision":7,"endpoint":"https://login.example/token",
///     "username":"foo@bar.com","tokens":{"access_token":"ey.A","refresh_token":"ey.R",
///     "received_at":1800000000000,"expires_at":1800003600000},
///     "logins":{"count":1,"last":1800000000000}}"#;
/// let saved = SavedSession::from_json(json)?;
/// assert_eq!((saved.revision(), saved.username()), (7, "foo@bar.com"));
/// assert_eq!(SavedSession::from_json(&saved.to_json())?.revision(), 7);
///
/// let damaged = SavedSession::from_json(&json[..200]);
/// assert_eq!(damaged.unwrap_err(), InvalidSavedSession::Truncated);
/// # Ok::<(), InvalidSavedSession>(())
/// ```
#[derive(Serialize, Deserialize)]
pub struct SavedSession {
    version: json::Version,
    pub(crate) revision: u64,
    endpoint: String,
    client_id: Option<String>,
    scope: Option<String>,
    /// A check of the further members of the form, whose values may be secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    members: Option<u16>,
    username: String,
    /// Of the login that the tokens come from; `None` before the first, and where no machine has saved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lineage: Option<u64>,
    pub(crate) tokens: Option<SavedTokens>,
    pub(crate) logins: LoginGuard,
    #[serde(default, skip_serializing_if = "LoginAnswers::is_empty")]
    pub(crate) login_answers: LoginAnswers,
    /// What the 401s of each target have started lately.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) targets: BTreeMap<OriginId, Record>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) outage: Option<Outage>,
    #[serde(skip)]
    pub(crate) others: Others,
}

/// A set of tokens as it was received. Without a refresh token the server gave none, or has refused
/// it since.
#[derive(Serialize, Deserialize)]
pub(crate) struct SavedTokens {
    access_token: Bearer,
    refresh_token: Option<RefreshToken>,
    #[serde(default, skip_serializing_if = "Answers::is_none")]
    refresh_answers: Answers,
    received_at: Timestamp,
    expires_at: Option<Timestamp>,
}

impl SavedSession {
    pub(crate) fn new(provider: &Provider, username: &str) -> Self {
        Self {
            version: json::Version,
            revision: 0,
            endpoint: provider.auth_endpoint().to_string(),
            client_id: provider.client_id().map(str::to_owned),
            scope: provider.scope().map(str::to_owned),
            members: members(provider),
            username: username.to_owned(),
            tokens: None,
            logins: LoginGuard::default(),
            login_answers: LoginAnswers::default(),
            targets: BTreeMap::new(),
            lineage: None,
            outage: None,
            others: Others::default(),
        }
    }

    /// Returns how often the session was saved.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Returns the user whose session it is.
    pub fn username(&self) -> &str {
        &self.username
    }

    /// Returns whether it is this user's session at this provider, with the same scope and form members: a refresh
    /// would bring tokens of the old scope again (RFC 6749, section 6).
    pub fn belongs_to(&self, provider: &Provider, username: &str) -> bool {
        self.is_at(provider)
            && provider.client_id() == self.client_id.as_deref()
            && provider.scope() == self.scope.as_deref()
            && members(provider) == self.members
            && username == self.username
    }

    pub(crate) fn is_at(&self, provider: &Provider) -> bool {
        *provider.auth_endpoint() == *self.endpoint
    }

    pub(crate) fn without_refresh_token(mut self) -> Self {
        if let Some(tokens) = &mut self.tokens {
            tokens.refresh_token = None;
        }
        self
    }

    /// Not `Clone`: tokens are not to be copied in passing.
    pub(crate) fn duplicate(&self) -> Self {
        Self {
            version: json::Version,
            revision: self.revision,
            endpoint: self.endpoint.clone(),
            client_id: self.client_id.clone(),
            scope: self.scope.clone(),
            members: self.members,
            username: self.username.clone(),
            tokens: self.tokens.as_ref().map(SavedTokens::duplicate),
            logins: self.logins.clone(),
            login_answers: self.login_answers.clone(),
            targets: self.targets.clone(),
            lineage: self.lineage,
            outage: self.outage,
            others: self.others.clone(),
        }
    }
}

impl SavedTokens {
    fn duplicate(&self) -> Self {
        Self {
            access_token: self.access_token.duplicate(),
            refresh_token: self.refresh_token.as_ref().map(RefreshToken::duplicate),
            ..*self
        }
    }

    pub(crate) fn of(access: &AccessToken, refresh: Option<&RefreshToken>) -> Self {
        Self {
            access_token: access.bearer().duplicate(),
            refresh_token: refresh.map(RefreshToken::duplicate),
            refresh_answers: refresh.map(|token| token.answers).unwrap_or_default(),
            received_at: access.received_at(),
            expires_at: access.expires_at(),
        }
    }

    /// Tells them from others, where little is lost if it does not.
    pub(crate) fn digest(&self) -> u64 {
        self.access_token.digest()
    }

    pub(crate) fn received_at(&self) -> Timestamp {
        self.received_at
    }

    pub(crate) fn into_parts(self) -> (AccessToken, Option<RefreshToken>) {
        let access = AccessToken::saved(self.access_token, self.expires_at, self.received_at);
        let mut refresh = self.refresh_token;
        if let Some(token) = &mut refresh {
            token.answers = self.refresh_answers;
        }
        (access, refresh)
    }
}

/// Of all that a login sends, 16 bits: too few to guess a password by, and enough to tell one from another, but
/// for one in 65,536.
pub(crate) fn check(provider: &Provider, credentials: &Credentials) -> u16 {
    let endpoint = provider.auth_endpoint().to_string();
    let texts = [&endpoint, credentials.username(), credentials.password()];
    check_of(texts.into_iter().chain(provider.login_members()))
}

/// Of what is sent at a refresh, too, and is part of what the tokens are for.
fn members(provider: &Provider) -> Option<u16> {
    let mut members = provider.form_members().peekable();
    members.peek()?;
    Some(check_of(members))
}

fn check_of<'a>(texts: impl Iterator<Item = &'a str>) -> u16 {
    let hash = texts.fold(fnv::START, |hash, text| {
        fnv::add(hash, text.bytes().chain([0xFF])) // no text has this byte, so it ends one
    });
    let half = hash ^ (hash >> 32);
    u16::try_from((half ^ (half >> 16)) & 0xFFFF).unwrap_or_default()
}

impl fmt::Debug for SavedSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let expires_at = self.tokens.as_ref().map(|tokens| tokens.expires_at);
        f.debug_struct("SavedSession")
            .field("endpoint", &self.endpoint)
            .field("username", &self.username)
            .field("revision", &self.revision)
            .field("expires_at", &expires_at.flatten())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As 65,536 boxes would: of 4,096 passwords some 125 share one with another.
    #[test]
    fn a_refusal_tells_passwords_and_users_apart() {
        let simacan = Provider::simacan();
        let check = |username: &str, n: u32| {
            let credentials = Credentials::new(username, format!("correct horse {n}"));
            check(&simacan, &credentials)
        };
        let mut checks: Vec<u16> = (0..4096).map(|n| check("fleet", n)).collect();
        checks.sort_unstable();
        checks.dedup();
        assert!((3900..4040).contains(&checks.len()), "{}", checks.len());
        assert_eq!(check("fleet", 1), check("fleet", 1));
        assert_ne!(check("fleet", 1), check("fleet2", 1));
        let moved = Credentials::new("fleetcorrect", " horse 1");
        let moved = super::check(&simacan, &moved);
        assert_ne!(check("fleet", 1), moved);
        let staging = Credentials::new("fleet", "correct horse 1");
        let staging = super::check(&Provider::simacan_staging(), &staging);
        assert_ne!(check("fleet", 1), staging);
        // A promise: what an older version has saved is understood.
        assert_eq!(check("fleet", 1), 21567);
    }
}
