//! What is kept of a target beyond the process.

use serde::{Deserialize, Serialize};

use super::window::Window;
use crate::Timestamp;
use crate::config::Config;
use crate::time::Delay;

/// What the 401s of one origin have started, and how often in a row that was no use.
#[derive(Clone, Debug, Default, Hash, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Record {
    /// The refreshes.
    #[serde(skip_serializing_if = "Window::is_empty")]
    pub(super) started: Window,
    /// Those that passed a guard, since the request had been answered otherwise.
    #[serde(skip_serializing_if = "Window::is_empty")]
    pub(super) proven: Window,
    pub(super) strikes: u32,
    /// When the last strike was. It stays when the strikes are forgiven, so that whoever knows of the same
    /// one can tell.
    pub(super) struck: Timestamp,
}

impl Record {
    /// Whether a clock was ahead.
    pub(super) fn slide(&mut self, now: Timestamp, config: &Config) -> bool {
        let mut is_mended = now.set_back_since(self.struck);
        if is_mended {
            self.struck = now;
        }
        for window in [&mut self.started, &mut self.proven] {
            is_mended |= window.slide(now, config.target_window);
        }
        is_mended
    }

    /// Until when the last strike has 401s delivered.
    pub(super) fn closed_until(&self, now: Timestamp, config: &Config) -> Option<Timestamp> {
        let length = config.target_guard.nth(self.strikes.checked_sub(1)?);
        let rest = Delay::new(self.struck, length).rest(now)?;
        Some(rest.end)
    }

    pub(super) fn strike(&mut self, now: Timestamp) {
        self.strikes = self.strikes.saturating_add(1);
        self.struck = now;
    }

    /// Whether the other one knows of a later strike. Of the same one, whoever has forgiven it is right.
    pub(super) fn merge(&mut self, other: &Self, config: &Config) -> bool {
        let most = most(config);
        self.started.merge(&other.started, most);
        self.proven.merge(&other.proven, most);
        let is_news = other.struck > self.struck;
        if is_news {
            (self.strikes, self.struck) = (other.strikes, other.struck);
        } else if other.struck == self.struck {
            self.strikes = self.strikes.min(other.strikes);
        }
        is_news
    }

    /// As JSON it is no longer, with its origin.
    pub(crate) fn json_len(&self) -> usize {
        const NUMBERS_AND_NAMES: usize = 128;
        NUMBERS_AND_NAMES + 21 * (self.started.len() + self.proven.len())
    }

    /// Nothing in it counts any more.
    pub(super) fn is_over(&self) -> bool {
        self.started.is_empty() && self.proven.is_empty()
    }
}

pub(super) fn most(config: &Config) -> usize {
    usize::try_from(config.target_refreshes).unwrap_or(usize::MAX)
}
