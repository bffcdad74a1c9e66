//! What only the driver, or the program, can tell.

use simacan_auth::{Event, Timestamp};

use super::party::Party;
use super::passwords::Login;
use super::tokens::Standing;
use super::{Referee, Violation};

impl Referee {
    /// Takes the credentials that the program sets, in the beginning or in place of others.
    pub fn credentials(&mut self, now: Timestamp, process: usize, user: &str, password: &str) {
        self.look_at(now);
        let login = Login {
            user: user.into(),
            password: password.into(),
        };
        self.remember([Some(login.password.clone())]);
        let party = self.party(process);
        if party.login.as_ref() == Some(&login) {
            return;
        }
        // A refused one is taken or not, as the clock has jumped: which it was, the library says.
        if party.words.of(&login).is_some_and(|word| word.was_refused) {
            party.next_login = Some(login);
        } else {
            self.set_login(process, login);
        }
    }

    pub(super) fn set_login(&mut self, process: usize, login: Login) {
        let party = &mut self.parties[process];
        let before = party.login.replace(login);
        party.next_login = None;
        party.replaced = before.clone().filter(|_| party.locked.is_some());
        party.has_unsaved_refusal = false; // no news to its callers any more
        let user = party.login.as_ref().map(|login| &login.user);
        if before.is_some_and(|before| Some(&before.user) != user) {
            party.forget_tokens();
            party
                .flight
                .iter_mut()
                .for_each(|flight| flight.is_void = true);
        }
    }

    /// Takes an event that the library tells.
    pub fn event(
        &mut self,
        now: Timestamp,
        process: usize,
        event: &Event,
    ) -> Result<(), Violation> {
        self.look_at(now);
        self.party(process);
        self.tell(process, || format!("says: {event}"));
        self.note_event(process, event)
            .map_err(|violation| self.with_story(violation))
    }

    fn note_event(&mut self, process: usize, event: &Event) -> Result<(), Violation> {
        let elapsed = self.elapsed;
        let sees_targets = self.sees_targets;
        let party = &mut self.parties[process];
        match event {
            Event::Unauthorized { .. } => {
                let accused = party.accused.take();
                let Some(held) = party
                    .held
                    .as_mut()
                    .filter(|held| held.unauthorized || !sees_targets)
                else {
                    return Ok(());
                };
                held.stand(Standing::Condemned, elapsed);
                let (token, age) = (held.access.clone(), elapsed - held.received_after);
                let started = accused.and_then(|origin| {
                    party
                        .target(&origin)
                        .start(elapsed, &self.limits, &token, age)
                });
                started.map_or(Ok(()), |why| Violation::found(15, why))
            }
            Event::TargetGuarded { .. } => {
                if let Some(origin) = party.accused.take() {
                    party.target(&origin).guard(elapsed, &self.limits);
                }
                Ok(())
            }
            // A 401 that led nowhere condemns nothing (`manual::time`).
            Event::RoundFailed { .. } => {
                party
                    .held
                    .iter_mut()
                    .for_each(|held| held.stand(Standing::Good, elapsed));
                Ok(())
            }
            Event::CredentialsReplaced { .. } => {
                if let Some(login) = party.next_login.take() {
                    self.set_login(process, login);
                }
                Ok(())
            }
            Event::Adopted { .. } => {
                if let Some(saved) = &self.store.saved {
                    let held = saved.held.clone();
                    self.take_over(process, held);
                }
                Ok(())
            }
            Event::Forgotten => {
                party.held = None;
                Ok(())
            }
            Event::LoggedIn { .. } | Event::Refreshed { .. } => {
                let is_saved = party.held.as_ref().is_none_or(|held| held.is_saved);
                if self.store.is_reported && !is_saved && !party.save_failed {
                    return Violation::found(14, format!("{event}, and it is not saved"));
                }
                Ok(())
            }
            Event::Rejected { .. } => {
                if self.store.is_reported && party.has_unsaved_refusal && !party.save_failed {
                    return Violation::found(2, format!("{event}, and that is not saved"));
                }
                let is_known = party.login.as_ref().is_none_or(|login| {
                    let mut words = [&party.words, &self.store.words].into_iter();
                    words.any(|words| words.of(login).is_some_and(|word| word.was_refused))
                });
                if !is_known && !self.shares {
                    return Violation::found(10, "the session has ended without a refusal");
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Says that the program allows one attempt with a refused password.
    pub fn retry_refused(&mut self, process: usize) {
        let login = self.party(process).login.clone();
        self.parties[process].words.allow(login.as_ref());
        self.store.words.allow(login.as_ref());
    }

    /// Says that a process has ended, or was killed. What has this number from now on is another one.
    pub fn ended(&mut self, process: usize) {
        *self.party(process) = Party::default();
        self.tell(process, || "ends".into());
    }
}
