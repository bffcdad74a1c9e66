//! What a server that fails asks of every process: see `manual::time`.

use std::time::Duration;

use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::error::Failure;
use crate::time::{Delay, Rest};
use crate::wire;

/// The cool-down after a round that the auth endpoint has failed with an answer of its own. What a process's own
/// network, proxy or gateway does to it holds up nobody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Outage {
    status: u16,
    since: Timestamp,
    millis: u64,
    pub(crate) failed_in_a_row: u32,
}

impl Outage {
    pub(crate) fn new(
        now: Timestamp,
        failure: &Failure,
        cool_down: Duration,
        failed_in_a_row: u32,
    ) -> Option<Self> {
        let Failure::Status { status, .. } = failure else {
            return None;
        };
        if matches!(status.as_u16(), 407 | 502 | 504) || cool_down.is_zero() {
            return None;
        }
        Some(Self {
            status: status.as_u16(),
            since: now,
            millis: u64::try_from(cool_down.as_millis()).unwrap_or(u64::MAX),
            failed_in_a_row,
        })
    }

    /// The later one holds. Whether the clock of another process was ahead, so that what is saved has to be mended.
    pub(crate) fn merge(ours: &mut Option<Self>, now: Timestamp, theirs: Option<Self>) -> bool {
        let Some(mut theirs) = theirs else {
            return false;
        };
        let is_ahead = now.set_back_since(theirs.since);
        if is_ahead {
            // Once: if that could not be saved, it would be put off with each load.
            if ours.is_some() {
                return true;
            }
            theirs.since = now;
        }
        if ours.is_none_or(|ours| ours.since < theirs.since) {
            *ours = Some(theirs);
        }
        is_ahead
    }

    pub(crate) fn is_before(&self, time: Timestamp) -> bool {
        self.since < time
    }

    /// However long it was to be: no longer than `longest`, or than a server can ask for.
    pub(crate) fn rest(&mut self, now: Timestamp, longest: Duration) -> Option<Rest> {
        let longest = longest.max(wire::MAX_RETRY_AFTER);
        let cool_down = Duration::from_millis(self.millis).min(longest);
        let mut delay = Delay::new(self.since, cool_down);
        let rest = delay.rest(now);
        self.since = delay.started(); // a clock that was set back starts it again, and once
        rest
    }

    pub(crate) fn failure(&self) -> Failure {
        Failure::CoolingDown {
            status: StatusCode::from_u16(self.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE),
            since: self.since,
        }
    }
}
