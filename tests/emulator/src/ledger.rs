//! What an emulator remembers of the requests it received.

use std::collections::BTreeMap;
use std::fmt;

use http::StatusCode;

use crate::body::Body;
use crate::entry::{Entry, PasswordOutcome, RefreshOutcome, Refusal, What};
use crate::fault::Endpoint;
use crate::settings::Detail;

/// A record of all requests received, in order, and counters over them.
///
/// How much of it is kept, [`Settings::with_ledger`](crate::Settings::with_ledger) says.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Ledger {
    detail: Detail,
    counters: Counters,
    entries: Vec<Entry>,
    bodies: Vec<Vec<u8>>,
    /// How often each body was accepted, by digest and length.
    repeats: BTreeMap<(u64, u64), u64>,
}

impl Ledger {
    pub(crate) fn new(detail: Detail) -> Self {
        Self {
            detail,
            counters: Counters::default(),
            entries: Vec::new(),
            bodies: Vec::new(),
            repeats: BTreeMap::new(),
        }
    }

    /// Returns one entry for each request, oldest first.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns the counters.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Returns the bodies that the target APIs accepted, oldest first, if [`Detail::Bodies`] is set.
    ///
    /// Bodies that the server found too big to keep are missing.
    pub fn accepted_bodies(&self) -> &[Vec<u8>] {
        &self.bodies
    }

    /// Forgets everything, for a test that asserts on what comes next.
    pub fn clear(&mut self) {
        *self = Self::new(self.detail);
    }

    pub(crate) fn record(&mut self, entry: &Entry, body: &Body) {
        if self.detail >= Detail::Counters {
            self.counters.count(entry);
            self.record_accepted(entry, body);
        }
        if self.detail >= Detail::Entries {
            self.entries.push(entry.clone());
        }
    }

    fn record_accepted(&mut self, entry: &Entry, body: &Body) {
        let accepted = matches!(&entry.what, What::Target { status, .. } if status.is_success());
        if !accepted || body.len() == 0 {
            return;
        }
        let repeats = self.repeats.entry((body.digest(), body.len())).or_default();
        *repeats += 1;
        self.counters.most_repeats_of_a_body = self.counters.most_repeats_of_a_body.max(*repeats);
        if self.detail >= Detail::Bodies
            && let Some(bytes) = body.whole()
        {
            self.bodies.push(bytes.to_vec());
        }
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("counters", &self.counters)
            .field("entries", &self.entries)
            .finish_non_exhaustive()
    }
}

/// Counts of what an [`Emulator`](crate::Emulator) has received and done.
///
/// *Received* counts every request that reached the endpoint, also one that a fault kept from
/// being handled: the client did send it. *Accepted* counts what the rules granted, also if the
/// answer was then lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Counters {
    /// Requests with a username and password.
    pub passwords_received: u64,
    /// Logins that were granted.
    pub passwords_accepted: u64,
    /// Requests with a refresh token.
    pub refreshes_received: u64,
    /// Refreshes that were granted.
    pub refreshes_accepted: u64,
    /// Spent refresh tokens that were presented, those answered in grace included.
    pub reuses: u64,
    /// Requests to a target API.
    pub targets_received: u64,
    /// Requests to a target API that were done, by a 2xx status.
    pub targets_accepted: u64,
    /// Requests to a target API that got a 401, for whatever reason.
    pub target_unauthorized: u64,
    /// Requests to other endpoints: unknown paths and grant types.
    pub others_received: u64,
    /// How often the target APIs accepted the body that they accepted most often. Empty bodies
    /// don't count.
    pub most_repeats_of_a_body: u64,
}

impl Counters {
    fn count(&mut self, entry: &Entry) {
        *match entry.endpoint {
            Endpoint::Password => &mut self.passwords_received,
            Endpoint::Refresh => &mut self.refreshes_received,
            Endpoint::Target => &mut self.targets_received,
            Endpoint::Other => &mut self.others_received,
        } += 1;
        match &entry.what {
            What::Password {
                outcome: PasswordOutcome::Accepted { .. },
                ..
            } => {
                self.passwords_accepted += 1;
            }
            What::Refresh { outcome, .. } => {
                let reused = RefreshOutcome::Refused(Refusal::Reused);
                let in_grace = matches!(outcome, RefreshOutcome::Grace { .. });
                self.refreshes_accepted +=
                    u64::from(!matches!(outcome, RefreshOutcome::Refused(_)));
                self.reuses += u64::from(in_grace || *outcome == reused);
            }
            What::Target { status, .. } => {
                self.targets_accepted += u64::from(status.is_success());
                self.target_unauthorized += u64::from(*status == StatusCode::UNAUTHORIZED);
            }
            What::Unhandled if entry.endpoint == Endpoint::Target => {
                let unauthorized = entry.answered == Some(StatusCode::UNAUTHORIZED);
                self.target_unauthorized += u64::from(unauthorized);
            }
            What::Password { .. }
            | What::Rejected { .. }
            | What::Control { .. }
            | What::Unhandled => {}
        }
    }
}
