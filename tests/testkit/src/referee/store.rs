//! What processes share by a store.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde_json::Value;
use simacan_auth::Timestamp;

use super::party::Party;
use super::passwords::{Pace, Words};
use super::tokens::{Held, Standing};
use super::{Referee, Violation};

#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "what is known of it")]
pub(super) struct Store {
    /// Whether it is told what is done there, and whether that it is locked.
    pub(super) is_reported: bool,
    pub(super) is_locking: bool,
    pub(super) saved: Option<Saved>,
    pub(super) revision: Option<u64>,
    /// What every process can know: refusals, when passwords left, and refresh tokens that are spent.
    pub(super) words: Words,
    pub(super) pace: Pace,
    pub(super) spent: Vec<Arc<str>>,
    /// Whether a save has failed: then passwords may not have been counted.
    pub(super) has_lost: bool,
    /// Whether a record was taken away, damaged or put there by others: revisions begin anew, and then a
    /// process may know less than it could.
    pub(super) had_vandals: bool,
}

/// Tokens that are saved, and whose.
#[derive(Clone, Debug)]
pub(super) struct Saved {
    pub(super) user: Option<Arc<str>>,
    pub(super) held: Held,
}

impl Store {
    /// When passwords left: of all that share it, or of this one.
    pub(super) fn pace<'a>(&'a mut self, party: &'a mut Party) -> &'a mut Pace {
        if self.is_reported {
            &mut self.pace
        } else {
            &mut party.pace
        }
    }

    pub(super) fn held(&self) -> Option<&Held> {
        self.saved.as_ref().map(|saved| &saved.held)
    }

    pub(super) fn has_spent(&self, token: &str) -> bool {
        self.spent.iter().any(|spent| &**spent == token)
    }

    pub(super) fn look_at(&mut self, now: u64) {
        self.words.look_at(now);
        self.saved
            .iter_mut()
            .for_each(|saved| saved.held.look_at(now));
    }

    pub(super) fn fingerprint(&self, elapsed: u64, mut hasher: &mut dyn Hasher) {
        (
            self.is_reported,
            self.is_locking,
            self.has_lost,
            self.had_vandals,
        )
            .hash(&mut hasher);
        if let Some(saved) = &self.saved {
            saved.user.hash(&mut hasher);
            saved.held.fingerprint(elapsed, hasher);
        }
        self.words.fingerprint(elapsed, hasher);
        self.pace.fingerprint(elapsed, hasher);
        (self.revision, &self.spent).hash(&mut hasher);
    }
}

/// What a process does at the store that it shares with others.
impl Referee {
    /// Says that a process has taken the store's lock.
    pub fn locked(&mut self, now: Timestamp, process: usize) {
        self.look_at(now);
        (self.store.is_reported, self.store.is_locking) = (true, true);
        let elapsed = self.elapsed;
        let party = self.party(process);
        (party.locked, party.is_recorded) = (Some(elapsed), false);
        party.replaced = None;
        self.tell(process, || "has the lock".into());
    }

    /// Says that a process has the store's lock no more: it gave it up, or has lost it.
    pub fn unlocked(&mut self, process: usize) {
        self.party(process).locked = None;
        self.tell(process, || "has no lock any more".into());
    }

    /// Takes what a process has saved, as the library wrote it, after that is done.
    pub fn saved(
        &mut self,
        now: Timestamp,
        process: usize,
        record: &[u8],
    ) -> Result<(), Violation> {
        self.look_at(now);
        self.party(process);
        let record: Value = serde_json::from_slice(record).unwrap_or_default();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let tokens = record.get("tokens").filter(|tokens| tokens.is_object());
        let token = |name| tokens.and_then(|tokens| text(tokens.get(name)?));
        let (access, refresh) = (token("access_token"), token("refresh_token"));
        let revision = record.get("revision").and_then(Value::as_u64);
        self.i14_nothing_good_is_overwritten(process, revision, refresh.as_deref())
            .map_err(|violation| self.with_story(violation))?;
        self.store.revision = revision;
        let tokens = access.map(|access| (access, refresh));
        let user = record.get("username").and_then(text).map(Arc::from);
        self.note_saved(now, process, user, tokens.as_ref());
        Ok(())
    }

    /// Says that a process has saved what it knows, in a record that nobody else has seen.
    pub fn saved_unseen(&mut self, now: Timestamp, process: usize) {
        self.look_at(now);
        let party = self.party(process);
        let tokens = party.held.as_ref().map(|held| {
            let refresh = held.refresh_token().map(str::to_owned);
            (held.access_token().to_owned(), refresh)
        });
        let login = party.login.as_ref().map(|login| login.user.clone());
        let user = login.or(party.user.clone());
        self.note_saved(now, process, user, tokens.as_ref());
    }

    fn note_saved(
        &mut self,
        now: Timestamp,
        process: usize,
        user: Option<Arc<str>>,
        tokens: Option<&(String, Option<String>)>,
    ) {
        self.tell(process, || "saves".into());
        self.store.is_reported = true;
        let (now, elapsed) = (now.as_millis(), self.elapsed);
        let is_it = |held: &Held| {
            let access = tokens.map(|(access, _)| &**access);
            access == Some(held.access_token())
        };
        let (before, rest) = self.parties.split_at_mut(process);
        let [party, after @ ..] = rest else {
            return;
        };
        party
            .held
            .iter_mut()
            .filter(|held| is_it(held))
            .for_each(|held| held.is_saved = true);
        let mut known = party.held.clone();
        let others = before.iter_mut().chain(after);
        for held in others.filter_map(|other| other.held.as_mut()) {
            if is_it(held) && !known.as_ref().is_some_and(is_it) {
                known = Some(held.clone());
            }
            held.is_superseded = true;
        }
        let saved = self.store.saved.take().map(|saved| saved.held);
        let known = known.filter(is_it).or(saved.filter(is_it)).or_else(|| {
            let (access, refresh) = tokens?;
            Some(Held::unknown(
                Some(access),
                refresh.as_deref(),
                now,
                elapsed,
            ))
        });
        self.store.saved = known.map(|mut held| {
            held.is_saved = true;
            held.standing = Standing::Good; // that of a 401 is not saved
            // Whoever saves none knows that it was refused, though this process may not have seen it.
            let saves_none = tokens.is_some_and(|(_, refresh)| refresh.is_none());
            held.is_refused |= saves_none && held.refresh.is_some();
            Saved { user, held }
        });
        (party.is_recorded, party.save_failed) = (true, false);
        party.has_unsaved_refusal = false;
        self.store.words.learn(&party.words);
        let refresh = tokens.and_then(|(_, refresh)| refresh.as_deref());
        for token in &party.spent[party.spent_saved..] {
            if Some(&**token) != refresh && !self.store.spent.contains(token) {
                self.store.spent.push(token.clone());
            }
        }
        self.store.spent.sort();
        party.spent_saved = party.spent.len();
    }

    /// Says that a process has marked until when no password may leave, in place of a save, after that is done.
    pub fn marked(&mut self, process: usize) {
        self.store.is_reported = true;
        self.party(process).is_recorded = true;
    }

    /// Says that a save of a process has failed, or that nobody knows whether it was done.
    pub fn save_failed(&mut self, process: usize) {
        (self.store.is_reported, self.store.has_lost) = (true, true);
        self.party(process).save_failed = true;
        self.tell(process, || "can't save".into());
    }

    /// Says that somebody has removed or damaged what is saved, or has put something else there.
    pub fn store_changed(&mut self) {
        let Store {
            is_reported,
            is_locking,
            pace,
            ..
        } = std::mem::take(&mut self.store);
        self.store = Store {
            is_reported,
            is_locking,
            pace,
            has_lost: true,
            had_vandals: true,
            ..Store::default()
        };
    }
}
