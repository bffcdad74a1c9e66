//! What a fleet has sent, judged by the testkit's referee.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::ops::Range;
use std::time::Duration;

use simacan_auth::{Config, Timestamp};
use simacan_auth_emulator::{Entry, Fault, Outcome, Presented, Refusal, What};
use simacan_auth_testkit::referee::{Referee, Service};

use crate::exchange::Exchange;
use crate::front::{Incarnation, Seen};

pub(crate) struct Audit {
    seen: Vec<(Timestamp, Seen)>,
    /// By their places in the ledger.
    exchanges: BTreeMap<usize, Exchange>,
    /// The serial numbers of the access tokens that were used, and by whom.
    presented: BTreeSet<(u64, Incarnation)>,
    killed: BTreeSet<Incarnation>,
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

impl Audit {
    pub(crate) fn new(
        ledger: &[Entry],
        seen: Vec<Seen>,
        killed: BTreeSet<Incarnation>,
        trials: Vec<Trial>,
    ) -> Self {
        let mut exchanges = BTreeMap::new();
        let mut presented = BTreeSet::new();
        let times = ledger.iter().map(|entry| Timestamp::from(entry.at));
        let seen: Vec<_> = times.zip(seen).collect();
        for (place, (entry, (_, Seen { by, .. }))) in ledger.iter().zip(&seen).enumerate() {
            match &entry.what {
                What::Target { token, .. } => {
                    if let Presented::Valid { serial }
                    | Presented::Refused {
                        serial: Some(serial),
                        ..
                    } = token
                    {
                        presented.insert((*serial, *by));
                    }
                }
                what => {
                    let exchange = Exchange {
                        place,
                        by: *by,
                        what: what.clone(),
                        fault: entry.fault.clone(),
                    };
                    exchanges.insert(place, exchange);
                }
            }
        }
        Self {
            seen,
            exchanges,
            presented,
            killed,
            trials,
        }
    }

    /// Everything that was exchanged, against everything that is allowed.
    #[track_caller]
    pub(crate) fn check(&self, token_life: Duration, config: &Config) -> Figures {
        let service = Service::simacan_at("http://platform/api/v1").with_target("http://platform");
        let mut referee = Referee::new(service)
            .with_config(config)
            .with_slack(token_life / 8)
            .with_store()
            .with_targets();
        for (
            place,
            (
                at,
                Seen {
                    by,
                    request,
                    outcome,
                },
            ),
        ) in self.seen.iter().enumerate()
        {
            // Where a dead process's last request arrives is chance, and a target's answer is judged elsewhere.
            let is_judged = self.exchanges.contains_key(&place) && !self.is_last_of_killed(place);
            let sent = match referee.sent(*at, *by, request) {
                Err(violation) if is_judged && !self.is_priced(place) => {
                    panic!("{violation}:\n{}", self.story(place))
                }
                Ok(sent) => sent,
                Err(_) => referee.sent_anyhow(*at, *by, request),
            };
            match outcome {
                Outcome::Answer(answer) if !self.is_lost(place) => {
                    referee.answered(*at, sent, answer);
                    if self.exchanges.contains_key(&place) {
                        referee.saved_unseen(*at, *by);
                    }
                }
                _ => referee.lost(*at, sent),
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
            let exchanges = self.exchanges.values();
            let which = exchanges.filter(|e| trial.places.contains(&e.place) && which(e));
            which.map(|exchange| exchange.place).collect()
        };
        let is_reuse = |exchange: &Exchange| exchange.refused() == Some(Refusal::Reused);
        (all(&Exchange::is_password), all(&is_reuse))
    }

    /// It belongs to a trial, whose costs are counted.
    fn is_priced(&self, place: usize) -> bool {
        let mut trials = self.trials.iter();
        let trial = trials.find(|trial| trial.places.contains(&place));
        trial.is_some_and(|trial| trial.is_hasty || self.exchanges[&place].spent().is_none())
    }

    pub(crate) fn figures(&self) -> Figures {
        let count = |which: &dyn Fn(&Exchange) -> bool| {
            self.exchanges
                .values()
                .filter(|exchange| which(exchange))
                .count()
        };
        let is_lost_password =
            |exchange: &Exchange| exchange.is_password() && self.is_lost(exchange.place);
        Figures {
            token_sets: count(&|exchange| exchange.granted().is_some()),
            passwords: count(&Exchange::is_password),
            passwords_lost: count(&is_lost_password),
            refreshes: count(&|exchange| !exchange.is_password()),
            refreshes_refused: count(&|exchange| exchange.refused().is_some()),
            reuses: count(&|exchange| exchange.refused() == Some(Refusal::Reused)),
        }
    }

    /// The sender could not save what it has brought, and so nobody else has it. (The sender's own callers
    /// may have used it before it was saved.)
    fn is_lost(&self, place: usize) -> bool {
        let Some(exchange) = self.exchanges.get(&place) else {
            return false;
        };
        let is_elsewhere = exchange.granted().is_some_and(|serial| {
            let mut presented = self.presented.iter();
            presented.any(|&(presented, by)| presented == serial && by != exchange.by)
        });
        let is_cut_off = exchange.fault == Some(Fault::AnswerLost) || self.is_last_of_killed(place);
        is_cut_off && !is_elsewhere
    }

    fn is_last_of_killed(&self, place: usize) -> bool {
        let by = self.seen[place].1.by;
        let mut later = self.exchanges.range(place + 1..);
        self.killed.contains(&by) && !later.any(|(_, exchange)| exchange.by == by)
    }

    pub(crate) fn last_words(&self) -> String {
        self.story(self.seen.len().saturating_sub(1))
    }

    /// What led to it.
    fn story(&self, place: usize) -> String {
        let mut story = String::new();
        let before = self.exchanges.range(..=place).rev().take(16);
        let after = self.exchanges.range(place + 1..).take(2);
        for (n, exchange) in before.collect::<Vec<_>>().into_iter().rev().chain(after) {
            let mark = if *n == place { '>' } else { ' ' };
            let end = if self.is_last_of_killed(*n) {
                ", and was killed"
            } else {
                ""
            };
            let _ = writeln!(story, "{mark} {exchange}{end}");
        }
        story
    }
}
