//! Logins and the tokens that descend from them.

use std::time::Duration;

use crate::entry::{RefreshOutcome, Refusal};
use crate::settings::{Reuse, Rotation, Settings};
use crate::token::{Kind, Token};

/// All live logins, and what has been handed out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Sessions {
    families: Vec<Family>,
    next_family: u32,
    next_serial: u64,
    /// Access tokens with lower serial numbers are dead.
    access_live_from: u64,
    /// Refresh tokens with lower serial numbers are dead.
    refresh_live_from: u64,
    /// Single tokens that are dead.
    revoked: Vec<(Kind, u64)>,
}

/// One login. A family that is not listed was revoked, or all its tokens have expired.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Family {
    id: u32,
    user: usize,
    /// The serial number of the one refresh token that is not spent.
    current: u64,
    spent: Option<Spent>,
    /// When the last of its tokens expires.
    ends: u64,
}

/// The refresh token that was current before, and when it was spent. What is answered in grace
/// does not change it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Spent {
    serial: u64,
    at: u64,
}

/// Tokens to hand out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grant {
    pub(crate) serial: u64,
    pub(crate) family: u32,
    pub(crate) user: usize,
    pub(crate) issued: u64,
    pub(crate) with_refresh_token: bool,
}

impl Sessions {
    pub(crate) fn new() -> Self {
        Self {
            families: Vec::new(),
            next_family: 1,
            next_serial: 1,
            access_live_from: 0,
            refresh_live_from: 0,
            revoked: Vec::new(),
        }
    }

    /// Begins a family for a user who has logged in.
    pub(crate) fn open(&mut self, settings: &Settings, now: u64, user: usize) -> Grant {
        // What has expired is refused for that; forgetting its family keeps the state small.
        self.families.retain(|family| family.ends > now);
        let grant = Grant {
            serial: self.take_serial(),
            family: self.next_family,
            user,
            issued: now,
            with_refresh_token: settings.rotation != Rotation::NoRefreshTokens,
        };
        self.next_family += 1;
        self.families.push(Family {
            id: grant.family,
            user,
            current: grant.serial,
            spent: None,
            ends: grant.ends(settings),
        });
        grant
    }

    /// Spends a refresh token.
    pub(crate) fn refresh(
        &mut self,
        settings: &Settings,
        now: u64,
        token: &Token,
    ) -> Result<(Grant, RefreshOutcome), Refusal> {
        let position = self
            .families
            .iter()
            .position(|family| family.id == token.family);
        let spent = position.is_some_and(|at| self.families[at].current != token.serial);
        let in_grace =
            position.is_some_and(|at| self.families[at].forgives(settings, now, token.serial));
        // Reuse is looked for first, so that it is noticed even if the token is dead otherwise.
        if let Some(position) = position
            && spent
            && !in_grace
        {
            if settings.reuse == Reuse::RevokeFamily {
                self.families.remove(position);
            }
            return Err(Refusal::Reused);
        }
        if token.expires <= now {
            return Err(Refusal::Expired);
        }
        let position = position.ok_or(Refusal::Revoked)?;
        if token.serial < self.refresh_live_from || self.is_revoked(token) {
            return Err(Refusal::Revoked);
        }
        if let Some(again) = self.families[position].again(settings, token.serial) {
            let serial = again.serial;
            return Ok((again, RefreshOutcome::Grace { serial }));
        }

        let serial = self.take_serial();
        let family = &mut self.families[position];
        let grant = Grant {
            serial,
            family: family.id,
            user: family.user,
            issued: now,
            with_refresh_token: settings.rotation == Rotation::Rotate,
        };
        family.ends = family.ends.max(grant.ends(settings));
        if settings.rotation != Rotation::Rotate {
            return Ok((grant, RefreshOutcome::Kept { serial }));
        }
        family.current = serial;
        if spent {
            return Ok((grant, RefreshOutcome::Grace { serial }));
        }
        family.spent = Some(Spent {
            serial: token.serial,
            at: now,
        });
        Ok((grant, RefreshOutcome::Rotated { serial }))
    }

    /// Whether an access token is good.
    pub(crate) fn check_access(
        &self,
        settings: &Settings,
        now: u64,
        token: &Token,
    ) -> Result<(), Refusal> {
        if token.expires <= now {
            return Err(Refusal::Expired);
        }
        let family = self
            .families
            .iter()
            .find(|family| family.id == token.family);
        let family = family.ok_or(Refusal::Revoked)?;
        let is_before_rotation = settings.rotation_ends_access && token.serial < family.current;
        let is_dead = token.serial < self.access_live_from || self.is_revoked(token);
        if is_before_rotation || is_dead {
            return Err(Refusal::Revoked);
        }
        Ok(())
    }

    pub(crate) fn revoke_access_tokens(&mut self) {
        self.access_live_from = self.next_serial;
    }

    pub(crate) fn revoke_refresh_tokens(&mut self) {
        self.refresh_live_from = self.next_serial;
    }

    pub(crate) fn revoke(&mut self, token: &Token) {
        self.revoked.push((token.kind, token.serial));
    }

    fn is_revoked(&self, token: &Token) -> bool {
        self.revoked.contains(&(token.kind, token.serial))
    }

    /// Forgets the logins of this user, or all.
    pub(crate) fn end(&mut self, user: Option<usize>) {
        self.families
            .retain(|family| user.is_some_and(|user| family.user != user));
    }

    fn take_serial(&mut self) -> u64 {
        self.next_serial += 1;
        self.next_serial - 1
    }
}

impl Family {
    /// Whether a spent refresh token is answered all the same.
    fn forgives(&self, settings: &Settings, now: u64, serial: u64) -> bool {
        let grace = millis(settings.grace);
        self.spent.as_ref().is_some_and(|spent| {
            // At least, not equal: an answer given in grace spends the one it stands in for, and
            // whoever received that one is within the window too.
            serial >= spent.serial && now < spent.at.saturating_add(grace)
        })
    }

    /// The pair that a spent token was replaced by, if that is what is answered in grace.
    fn again(&self, settings: &Settings, serial: u64) -> Option<Grant> {
        let spent = self.spent.as_ref()?;
        let is_spent = settings.same_pair_in_grace && spent.serial == serial;
        is_spent.then_some(Grant {
            serial: self.current,
            family: self.id,
            user: self.user,
            issued: spent.at,
            with_refresh_token: true,
        })
    }
}

impl Grant {
    pub(crate) fn access_expires(&self, settings: &Settings) -> u64 {
        self.issued
            .saturating_add(millis(settings.access_token_life))
    }

    pub(crate) fn refresh_expires(&self, settings: &Settings) -> u64 {
        self.issued
            .saturating_add(millis(settings.refresh_token_life))
    }

    fn ends(&self, settings: &Settings) -> u64 {
        let access = self.access_expires(settings);
        if self.with_refresh_token {
            access.max(self.refresh_expires(settings))
        } else {
            access
        }
    }
}

/// Whole milliseconds, in which the model counts time.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
