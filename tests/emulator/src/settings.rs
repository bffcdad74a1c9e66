//! What an emulator is told before it starts.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::fault::{Endpoint, FaultRates};
use crate::profile::Profile;

/// The users, lifetimes of tokens, policies and faults of an [`Emulator`](crate::Emulator).
///
/// The defaults are the documented API: access tokens of an hour, single-use refresh tokens of a
/// day, no faults. There is no user until one is added.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Settings {
    pub(crate) seed: u64,
    pub(crate) users: Vec<(Arc<str>, Secret)>,
    pub(crate) access_token_life: Duration,
    pub(crate) refresh_token_life: Duration,
    pub(crate) rotation: Rotation,
    pub(crate) reuse: Reuse,
    pub(crate) grace: Duration,
    pub(crate) same_pair_in_grace: bool,
    pub(crate) rotation_ends_access: bool,
    pub(crate) profile: Profile,
    pub(crate) lock_out_after: Option<u32>,
    pub(crate) client_id: String,
    pub(crate) client_secret: Option<Secret>,
    pub(crate) scope: String,
    pub(crate) fault_rates: [FaultRates; Endpoint::COUNT],
    pub(crate) detail: Detail,
}

impl Settings {
    /// Makes the settings of the documented API, without users.
    pub fn new() -> Self {
        Self {
            seed: 0,
            users: Vec::new(),
            access_token_life: Duration::from_secs(3600),
            refresh_token_life: Duration::from_secs(24 * 3600),
            rotation: Rotation::Rotate,
            reuse: Reuse::Refuse,
            grace: Duration::ZERO,
            same_pair_in_grace: false,
            rotation_ends_access: false,
            profile: Profile::Documented,
            lock_out_after: Some(5),
            client_id: "emulator".into(),
            client_secret: None,
            scope: "email profile".into(),
            fault_rates: [FaultRates::default(); Endpoint::COUNT],
            detail: Detail::Entries,
        }
    }

    /// Adds a user with a password. Any text will do for either, `&=+%` and other alphabets included.
    #[must_use]
    pub fn with_user(mut self, name: &str, password: &str) -> Self {
        self.users.push((name.into(), Secret::new(password)));
        self
    }

    /// Sets the seed, from which the text of the tokens and the faults of
    /// [`with_fault_rates`](Self::with_fault_rates) follow.
    ///
    /// Emulators of different seeds refuse each other's tokens.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets how long access tokens are good. Default: an hour.
    ///
    /// `expires_in` says it in whole seconds; the token itself is good to the millisecond.
    #[must_use]
    pub fn with_access_token_life(mut self, life: Duration) -> Self {
        self.access_token_life = life;
        self
    }

    /// Sets how long refresh tokens are good. Default: 24 hours.
    #[must_use]
    pub fn with_refresh_token_life(mut self, life: Duration) -> Self {
        self.refresh_token_life = life;
        self
    }

    /// Sets whether a refresh replaces the refresh token. Default: it does.
    #[must_use]
    pub fn with_rotation(mut self, rotation: Rotation) -> Self {
        self.rotation = rotation;
        self
    }

    /// Sets what happens when a spent refresh token is presented. Default: it is refused, and nothing else.
    #[must_use]
    pub fn with_reuse(mut self, reuse: Reuse) -> Self {
        self.reuse = reuse;
        self
    }

    /// Answers the refresh token that was spent last with a new pair again, for this long after it
    /// was spent. Zero, the default, allows no grace.
    ///
    /// The newest pair wins: once the window closes, every refresh token but the newest counts as
    /// reused, also one that was handed out within the window.
    #[must_use]
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Sets whether a grace answers with the pair that it has answered with before, and not with a
    /// new one.
    #[must_use]
    pub fn with_same_pair_in_grace(mut self, same: bool) -> Self {
        self.same_pair_in_grace = same;
        self
    }

    /// Sets whether the old access token dies when its refresh token is replaced. Default: it lives on.
    #[must_use]
    pub fn with_access_ended_by_rotation(mut self, ended: bool) -> Self {
        self.rotation_ends_access = ended;
        self
    }

    /// Answers like a known server, and sets rotation, reuse, grace and what a rotation ends to what
    /// that server does. They can be set otherwise afterwards.
    ///
    /// ```
    /// use simacan_auth_emulator::{Profile, Rotation, Settings};
    ///
    /// let keycloak = Settings::new().with_profile(Profile::Keycloak);
    /// let without_rotation = keycloak.with_rotation(Rotation::KeepOld);
    /// ```
    #[must_use]
    pub fn with_profile(mut self, profile: Profile) -> Self {
        let policy = profile.policy();
        self.profile = profile;
        self.rotation = policy.rotation;
        self.reuse = policy.reuse;
        self.grace = policy.grace;
        self.same_pair_in_grace = policy.same_pair_in_grace;
        self.rotation_ends_access = policy.rotation_ends_access;
        self
    }

    /// Sets after how many wrong passwords in a row an account refuses the right one too, until
    /// [`Emulator::unlock`](crate::Emulator::unlock). Default: 5. `None`: never.
    #[must_use]
    pub fn with_lock_out_after(mut self, wrong_passwords: Option<u32>) -> Self {
        self.lock_out_after = wrong_passwords;
        self
    }

    /// Sets the one client that `/oauth2/token` knows. Default: `emulator` without a secret.
    #[must_use]
    pub fn with_client(mut self, id: &str, secret: Option<&str>) -> Self {
        self.client_id = id.into();
        self.client_secret = secret.map(Secret::new);
        self
    }

    /// Sets the scopes that are granted, separated by spaces; `/oauth2/token` grants none beyond them. Default: `email
    /// profile`.
    #[must_use]
    pub fn with_scope(mut self, scope: &str) -> Self {
        self.scope = scope.into();
        self
    }

    /// Sets how often each fault strikes, at all endpoints. Default: never.
    #[must_use]
    pub fn with_fault_rates(mut self, rates: FaultRates) -> Self {
        self.fault_rates = [rates; Endpoint::COUNT];
        self
    }

    /// Sets how often each fault strikes at one endpoint.
    #[must_use]
    pub fn with_fault_rates_at(mut self, endpoint: Endpoint, rates: FaultRates) -> Self {
        self.fault_rates[endpoint as usize] = rates;
        self
    }

    /// Sets how much the ledger keeps. Default: entries without bodies.
    #[must_use]
    pub fn with_ledger(mut self, detail: Detail) -> Self {
        self.detail = detail;
        self
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}

/// The effect of a refresh on the refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rotation {
    /// A refresh answers with a new refresh token, and the old one is spent: the documented API.
    Rotate,
    /// A refresh answers without a refresh token, and the old one stays good until it expires, as
    /// RFC 6749 allows.
    KeepOld,
    /// No answer has a refresh token.
    NoRefreshTokens,
}

/// The consequence of presenting a spent refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reuse {
    /// The token is refused, and nothing else happens.
    Refuse,
    /// The token is refused, and all tokens that descend from the same login die, access tokens included.
    RevokeFamily,
}

/// The amount that a [`Ledger`](crate::Ledger) keeps. Each level includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Detail {
    /// Nothing: for a model checker, to which two histories that led to the same state are one.
    Nothing,
    /// The counters, and a digest of each accepted body.
    Counters,
    /// An entry for each request.
    Entries,
    /// The accepted bodies as well.
    Bodies,
}

/// A text that no `Debug` output shows.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Secret(Arc<str>);

impl Secret {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.into())
    }

    pub(crate) fn is(&self, text: &str) -> bool {
        *self.0 == *text
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
