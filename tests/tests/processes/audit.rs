//! What the platform's ledger says of a fleet, held against the rules
//! (`simacan_auth::manual::rules`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::ops::Range;
use std::time::Duration;

use simacan_auth_emulator::{
    Entry, Fault, PasswordOutcome, Presented, RefreshOutcome, Refusal, What,
};

use crate::exchange::Exchange;
use crate::front::Incarnation;

pub(crate) struct Audit {
    exchanges: Vec<Exchange>,
    /// The serial numbers of the access tokens that were used, and by whom.
    presented: BTreeSet<(u64, Incarnation)>,
    killed: BTreeSet<Incarnation>,
    /// What was in the ledger when all access tokens were ended.
    revocations: Vec<usize>,
    trials: Vec<Trial>,
}

/// A fault of the store or of a process, until all have got over it.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    pub(crate) name: &'static str,
    /// In the ledger.
    pub(crate) places: Range<usize>,
    /// Passwords, and spent tokens that are sent again, that it may cost.
    pub(crate) price: usize,
    /// Whether a process takes good tokens for old ones.
    pub(crate) is_hasty: bool,
}

/// What there was of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) token_sets: usize,
    pub(crate) passwords: usize,
    /// Of those, the ones whose sender was killed before it could save.
    pub(crate) passwords_lost: usize,
    pub(crate) refreshes: usize,
    pub(crate) refreshes_refused: usize,
    /// Of those, the ones with a token that was spent.
    pub(crate) reuses: usize,
}

type Review = Result<(), String>;

impl Audit {
    pub(crate) fn new(
        ledger: &[Entry],
        senders: &BTreeMap<usize, Incarnation>,
        killed: BTreeSet<Incarnation>,
        revocations: Vec<usize>,
        trials: Vec<Trial>,
    ) -> Self {
        let mut exchanges = Vec::new();
        let mut presented = BTreeSet::new();
        for (place, entry) in ledger.iter().enumerate() {
            let by = senders[&place];
            match &entry.what {
                What::Target { token, .. } => {
                    if let Presented::Valid { serial }
                    | Presented::Refused {
                        serial: Some(serial),
                        ..
                    } = token
                    {
                        presented.insert((*serial, by));
                    }
                }
                what => exchanges.push(Exchange {
                    place,
                    at: entry.at,
                    by,
                    what: what.clone(),
                    fault: entry.fault.clone(),
                }),
            }
        }
        Self {
            exchanges,
            presented,
            killed,
            revocations,
            trials,
        }
    }

    /// Everything that was exchanged, against everything that is allowed.
    #[track_caller]
    pub(crate) fn check(&self, token_life: Duration) -> Figures {
        for (i, exchange) in self.exchanges.iter().enumerate() {
            let review = match &exchange.what {
                What::Password { outcome, .. } => self.check_password(i, *outcome),
                What::Refresh {
                    serial: Some(serial),
                    outcome,
                    ..
                } => self.check_refresh(i, *serial, *outcome, token_life),
                What::Unhandled if exchange.fault.is_some() => Ok(()),
                _ => Err("nobody sends such a thing".into()),
            };
            if let Err(why) = review
                && !self.is_priced(i)
            {
                panic!("{why}:\n{}", self.story(i));
            }
        }
        for trial in &self.trials {
            let (passwords, reuses) = self.costs(trial);
            let is_paid = passwords.len() <= trial.price && reuses.len() <= trial.price;
            let last = passwords.last().max(reuses.last());
            let story = || last.map(|&last| self.story(last)).unwrap_or_default();
            let (name, passwords, reuses) = (trial.name, passwords.len(), reuses.len());
            assert!(
                is_paid,
                "{name}: {passwords} passwords, {reuses} spent tokens:\n{}",
                story()
            );
        }
        let figures = self.figures();
        let allowed = 1 + figures.refreshes_refused + figures.passwords_lost;
        assert!(figures.passwords <= allowed, "{figures:?}");
        figures
    }

    /// The passwords of a trial, and the spent tokens that were sent again.
    pub(crate) fn costs(&self, trial: &Trial) -> (Vec<usize>, Vec<usize>) {
        let all = |which: &dyn Fn(&Exchange) -> bool| {
            let exchanges = self.exchanges.iter().enumerate();
            let which = exchanges.filter(|(_, e)| trial.places.contains(&e.place) && which(e));
            which.map(|(i, _)| i).collect()
        };
        let is_reuse = |exchange: &Exchange| exchange.refused() == Some(Refusal::Reused);
        (all(&Exchange::is_password), all(&is_reuse))
    }

    /// It belongs to a trial, whose costs are counted.
    fn is_priced(&self, i: usize) -> bool {
        let exchange = &self.exchanges[i];
        let mut trials = self.trials.iter();
        let trial = trials.find(|trial| trial.places.contains(&exchange.place));
        trial.is_some_and(|trial| trial.is_hasty || exchange.spent().is_none())
    }

    pub(crate) fn figures(&self) -> Figures {
        let count = |which: &dyn Fn(&Exchange) -> bool| {
            self.exchanges
                .iter()
                .filter(|exchange| which(exchange))
                .count()
        };
        let is_lost_password =
            |(i, exchange): &(usize, &Exchange)| exchange.is_password() && self.is_lost(*i);
        Figures {
            token_sets: count(&|exchange| exchange.granted().is_some()),
            passwords: count(&Exchange::is_password),
            passwords_lost: self
                .exchanges
                .iter()
                .enumerate()
                .filter(is_lost_password)
                .count(),
            refreshes: count(&|exchange| !exchange.is_password()),
            refreshes_refused: count(&|exchange| exchange.refused().is_some()),
            reuses: count(&|exchange| exchange.refused() == Some(Refusal::Reused)),
        }
    }

    /// I1: since the last tokens that anybody could save, a refresh was refused.
    fn check_password(&self, i: usize, outcome: PasswordOutcome) -> Review {
        if !matches!(outcome, PasswordOutcome::Accepted { .. }) {
            return Err("the password is good".into());
        }
        if self.is_last_of_killed(i) {
            return Ok(()); // it may have arrived after what others have sent later; it is counted
        }
        for before in (0..i).rev() {
            let exchange = &self.exchanges[before];
            if exchange.refused().is_some() {
                return Ok(());
            }
            if exchange.granted().is_some() && !self.is_lost(before) {
                return Err("a password while there is a session".into());
            }
        }
        Ok(()) // the first
    }

    fn check_refresh(
        &self,
        i: usize,
        serial: u64,
        outcome: RefreshOutcome,
        token_life: Duration,
    ) -> Review {
        match outcome {
            RefreshOutcome::Rotated { .. } => self.check_rotated(i, serial, token_life),
            RefreshOutcome::Refused(Refusal::Reused) => self.check_reused(i, serial),
            RefreshOutcome::Refused(Refusal::Revoked) => Ok(()),
            _ => Err("there is no such token".into()),
        }
    }

    /// Nobody refreshes what another has refreshed already: the old access token was ended or due.
    fn check_rotated(&self, i: usize, serial: u64, token_life: Duration) -> Review {
        let exchange = &self.exchanges[i];
        let granting = self.exchanges[..i].iter();
        let granting = granting.rev().find(|e| e.granted() == Some(serial));
        let granting = granting.ok_or("nobody has granted it")?;
        let between = granting.place + 1..=exchange.place;
        let was_ended = self.revocations.iter().any(|place| between.contains(place));
        // No refresh is due in the first half of a token's life.
        let age = exchange.at.duration_since(granting.at).unwrap_or_default();
        if was_ended || age >= token_life / 2 {
            return Ok(());
        }
        Err(format!("a refresh of a good token, {age:?} old"))
    }

    /// I3: it was spent by a process that was killed before it could save, or the answer was lost.
    fn check_reused(&self, i: usize, serial: u64) -> Review {
        if self.is_last_of_killed(i) {
            return Ok(()); // as with a password
        }
        let spending = (0..i).find(|&before| self.exchanges[before].spent() == Some(serial));
        match spending {
            Some(spending) if self.is_lost(spending) => Ok(()),
            Some(_) => Err("a spent token is sent again, and its successor was saved".into()),
            None => Err("nobody has spent it".into()),
        }
    }

    /// The sender could not save what it has brought, and so nobody else has it. (The sender's own callers
    /// may have used it before it was saved.)
    fn is_lost(&self, i: usize) -> bool {
        let exchange = &self.exchanges[i];
        let is_elsewhere = exchange.granted().is_some_and(|serial| {
            let mut presented = self.presented.iter();
            presented.any(|&(presented, by)| presented == serial && by != exchange.by)
        });
        let is_cut_off = exchange.fault == Some(Fault::AnswerLost) || self.is_last_of_killed(i);
        is_cut_off && !is_elsewhere
    }

    fn is_last_of_killed(&self, i: usize) -> bool {
        let by = self.exchanges[i].by;
        let mut later = self.exchanges[i + 1..].iter();
        self.killed.contains(&by) && !later.any(|exchange| exchange.by == by)
    }

    pub(crate) fn last_words(&self) -> String {
        self.story(self.exchanges.len().saturating_sub(1))
    }

    /// What led to it.
    fn story(&self, i: usize) -> String {
        let mut story = String::new();
        for (n, exchange) in self
            .exchanges
            .iter()
            .enumerate()
            .take(i + 3)
            .skip(i.saturating_sub(16))
        {
            let mark = if n == i { '>' } else { ' ' };
            let end = if self.is_last_of_killed(n) {
                ", and was killed"
            } else {
                ""
            };
            let _ = writeln!(story, "{mark} {exchange}{end}");
        }
        story
    }
}
