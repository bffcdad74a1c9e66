//! What a world is like.

use std::time::Duration;

use simacan_auth::Config;
use simacan_auth_emulator::{Detail, Profile, Settings};

use super::{Dialect, Login};

/// What a world is like from its start on.
#[derive(Clone, Debug)]
pub struct Rules {
    /// How many callers there are. Those with an odd number use the second target.
    pub callers: u16,
    /// How the platform behaves.
    pub settings: Settings,
    /// How it is spoken to.
    pub dialect: Dialect,
    /// How the machine is paced. The checks expect the default, but for the seed and `keep_alive`.
    pub config: Config,
    /// Look for secrets in all that is printed (I9). It costs more than all other checks together.
    pub secrets: bool,
}

impl Default for Rules {
    fn default() -> Self {
        let settings = Settings::new()
            .with_user(Login::Alice.user(), Login::Alice.password())
            .with_user(Login::Bob.user(), Login::Bob.password())
            .with_lock_out_after(None)
            .with_ledger(Detail::Nothing);
        Self {
            callers: 3,
            settings,
            dialect: Dialect::Simacan,
            config: Config::default(),
            secrets: false,
        }
    }
}

impl Rules {
    /// A server like this one, spoken to as it wants it.
    #[must_use]
    pub fn with_profile(mut self, profile: Profile) -> Self {
        self.settings = self.settings.with_profile(profile);
        self.dialect = if profile.speaks_rfc_6749() {
            Dialect::OAuth2
        } else {
            Dialect::Simacan
        };
        self
    }

    /// The platform's with this life of access tokens, in seconds.
    #[must_use]
    pub fn with_access_token_life(mut self, seconds: u64) -> Self {
        let life = Duration::from_secs(seconds);
        self.settings = self.settings.with_access_token_life(life);
        self
    }
}
