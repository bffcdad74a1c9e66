//! What the checks remember, and the checks of what the processes send and save.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use http::{Request, Response, StatusCode};
use simacan_auth::{Event, SavedSession};

use super::process::Process;
use super::{FleetStep, PASSWORDS, refresh_token_in};
use crate::world::Violation;

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

fn which_password(body: &str) -> Option<usize> {
    PASSWORDS
        .iter()
        .position(|password| body.ends_with(password))
}

/// What has happened as far as the rules of `manual::stores` ask.
#[derive(Clone, Debug, Default)]
pub(super) struct Ghost {
    /// When the tokens that were received last expire.
    pub(super) expires: u64,
    /// Milliseconds that went by, however often the clock was set back.
    pub(super) elapsed: u64,
    /// The refresh tokens of which every process can know that they are spent.
    spent: Vec<Arc<str>>,
    /// When each password was refused last, and whether that is saved.
    refused: [Option<u64>; 2],
    is_refusal_saved: [bool; 2],
    /// Since the beginning: what may cost a password each, and how many have left.
    faults: usize,
    sent: usize,
    /// When passwords left.
    passwords: Vec<u64>,
    /// Whether a save has failed, or vandals were there: then passwords may not have been counted.
    has_lost: bool,
    /// Whether vandals were there: revisions begin anew, and then a process may know less than it could.
    pub(super) had_vandals: bool,
}

impl Ghost {
    /// A refresh token leaves: nobody could have known that it is spent.
    pub(super) fn check_refresh(
        &self,
        p: usize,
        process: &Process,
        token: &str,
    ) -> Result<(), Violation> {
        if self.had_vandals {
            return Ok(());
        }
        let is_this = |spent: &Arc<str>| &**spent == token;
        if process.knowledge.spent.iter().any(is_this) {
            return Violation::found(
                3,
                format!("process {p} sends a refresh token that it has spent"),
            );
        }
        if self.spent.iter().any(is_this) {
            return Violation::found(
                3,
                format!("process {p} sends a refresh token that others have spent"),
            );
        }
        Ok(())
    }

    /// A password leaves, and no refresh token that is saved is alive.
    pub(super) fn check_password(
        &mut self,
        p: usize,
        body: &str,
        announced: u64,
    ) -> Result<(), Violation> {
        let Some(which) = which_password(body) else {
            return Violation::found(1, "a password was sent that nobody has given");
        };
        self.sent += 1;
        if self.sent > 1 + self.faults {
            let why = format!("{} passwords, and {} faults", self.sent, self.faults);
            return Violation::found(1, why);
        }
        if self.is_refusal_saved[which]
            && self.refused[which].is_some_and(|at| self.elapsed - at < DAY)
        {
            return Violation::found(
                2,
                format!("process {p} sends a password that was refused today"),
            );
        }
        // The processes count together (I13): three are free, then 30 s doubling to 15 min.
        let now = self.elapsed;
        if self.passwords.last().is_some_and(|last| now - last >= HOUR) {
            self.passwords.clear();
        }
        if let (Some(last), Some(n)) = (self.passwords.last(), self.passwords.len().checked_sub(3))
        {
            let spacing = 900_000.min(30_000 << n.min(10));
            if now - last < spacing && !self.has_lost {
                let since = now - last;
                let why = format!(
                    "process {p} sends a password {since} ms after the last, not {spacing} ms"
                );
                return Violation::found(13, why);
            }
        }
        self.passwords.push(announced);
        Ok(())
    }

    /// The callers are woken only once the tokens are saved, or could not be.
    pub(super) fn check_event(
        event: &Event,
        process: &Process,
        saved: Option<&[u8]>,
    ) -> Result<(), Violation> {
        let is_saved = saved.and_then(refresh_token_in) == process.knowledge.received.as_deref();
        match event {
            Event::LoggedIn { .. } | Event::Refreshed { .. }
                if !is_saved && !process.knowledge.save_failed =>
            {
                Violation::found(14, format!("{event}, and it is not saved"))
            }
            Event::Rejected { .. }
                if process.knowledge.has_unsaved_refusal && !process.knowledge.save_failed =>
            {
                Violation::found(2, format!("{event}, and that is not saved"))
            }
            _ => Ok(()),
        }
    }

    /// Each fault may cost a password.
    pub(super) fn note_step(&mut self, step: FleetStep) {
        let is_fault = match step {
            FleetStep::Crash(_)
            | FleetStep::LoseRequest(_)
            | FleetStep::LoseAnswer(_)
            | FleetStep::LockTimesOut(_)
            | FleetStep::SaveUnreported(_)
            | FleetStep::StoreFails(_)
            | FleetStep::LoseLock(_)
            | FleetStep::NoRoom(_)
            | FleetStep::Wipe
            | FleetStep::Damage
            | FleetStep::RevokeRefresh
            | FleetStep::ChangePassword
            | FleetStep::SetCredentials(_) => true,
            FleetStep::Pass(seconds) => seconds > 3600, // which ends refresh tokens
            _ => false,
        };
        self.faults += usize::from(is_fault);
    }

    /// What the store is at takes too long.
    pub(super) fn note_abandoned(&mut self, process: Option<&Process>) {
        let is_fault = process.is_some_and(|process| process.op.is_some());
        self.faults += usize::from(is_fault);
    }

    pub(super) fn note_answer(
        &mut self,
        process: &mut Process,
        request: &Request<Vec<u8>>,
        response: &Response<Vec<u8>>,
    ) {
        let body = std::str::from_utf8(request.body()).unwrap_or_default();
        process.knowledge.save_failed = false;
        if let Some(received) = refresh_token_in(response.body()) {
            process.knowledge.received = Some(received.into());
        }
        let sent = body.strip_prefix("refresh_token=");
        if let Some(which) = which_password(body)
            && response.status() == StatusCode::UNAUTHORIZED
        {
            self.refused[which] = Some(self.elapsed);
            self.is_refusal_saved[which] = false;
            process.knowledge.refused = which;
            process.knowledge.has_unsaved_refusal = true;
        }
        let is_known =
            response.status() == StatusCode::OK || response.status() == StatusCode::UNAUTHORIZED;
        if let Some(sent) = sent.filter(|_| is_known) {
            process.knowledge.spent.push(sent.into());
            process.knowledge.unsaved.push(sent.into());
        }
    }

    /// Revisions go up: nobody overwrites what it has not seen.
    pub(super) fn check_save(before: Option<&[u8]>, json: &[u8]) -> Result<(), Violation> {
        let revision = |json| {
            SavedSession::from_json(json)
                .ok()
                .map(|saved| saved.revision())
        };
        let (before, after) = (before.and_then(revision), revision(json));
        if after.is_none() {
            return Violation::found(10, "what is saved is no saved session");
        }
        if after <= before {
            return Violation::found(
                14,
                format!("revision {before:?} is overwritten with {after:?}"),
            );
        }
        Ok(())
    }

    pub(super) fn note_save(&mut self, process: &mut Process, json: &[u8]) {
        let is_saved = std::mem::take(&mut process.knowledge.has_unsaved_refusal);
        self.is_refusal_saved[process.knowledge.refused] |= is_saved;
        process.knowledge.has_unsaved_first = false;
        let saved = refresh_token_in(json);
        for token in process.knowledge.unsaved.drain(..) {
            if saved != Some(&*token) {
                self.spent.push(token);
            }
        }
        self.spent.sort();
        self.spent.dedup();
    }

    pub(super) fn note_unsaved(&mut self, process: &mut Process) {
        process.knowledge.save_failed = true;
        self.has_lost = true;
    }

    /// What was saved is gone.
    pub(super) fn forget_saved(&mut self) {
        self.spent.clear();
        self.is_refusal_saved = [false; 2];
        (self.has_lost, self.had_vandals) = (true, true);
    }
}

impl Hash for Ghost {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.expires, &self.spent).hash(state);
        (self.has_lost, self.had_vandals).hash(state);
        self.is_refusal_saved.hash(state);
        let since = |at: Option<u64>| at.map(|at| self.elapsed - at);
        self.refused.map(since).hash(state);
        (self.faults, self.sent).hash(state);
        for at in &self.passwords {
            (self.elapsed - at).min(HOUR).hash(state);
        }
    }
}
