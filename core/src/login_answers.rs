//! What a server has answered to passwords, when it was neither tokens nor a refusal nor an outage: see
//! `manual::rules`, *How an answer is read*.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::config::{Config, Doubling};
use crate::time::{Delay, Rest};

/// Sees to it that no password goes on being sent to a server that does not want it and does not refuse it.
/// Each is known by its [check](crate::saved::check), so who mends anything of what is sent starts at none.
#[derive(Clone, Debug, Default, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct LoginAnswers(Vec<Answered>);

#[derive(Clone, Debug, Hash, Serialize, Deserialize)]
struct Answered {
    check: u16,
    /// 0: it has brought tokens since.
    count: u32,
    last: Timestamp,
}

impl Answered {
    /// So many cost nothing but the cool-down.
    const FREE: u32 = 3;

    fn rest(&mut self, now: Timestamp, config: &Config) -> Option<Rest> {
        let n = self.count.checked_sub(Self::FREE)?;
        let (first, longest) = (config.unclear_login, config.refusal_memory);
        let mut delay = Delay::new(self.last, Doubling { first, longest }.nth(n));
        let rest = delay.rest(now);
        self.last = delay.started(); // of a clock that was set back (I12)
        rest
    }
}

impl LoginAnswers {
    /// More passwords than anyone has at once; beyond it the one that was sent longest ago is forgotten.
    const MANY: usize = 8;

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// How much longer this password may not leave; `None` if it may.
    pub(crate) fn rest(&mut self, check: u16, now: Timestamp, config: &Config) -> Option<Rest> {
        self.find(check)?.rest(now, config)
    }

    /// One more. How many it is.
    pub(crate) fn note(&mut self, check: u16, now: Timestamp) -> u32 {
        if let Some(known) = self.find(check) {
            known.count = known.count.saturating_add(1);
            known.last = now;
            return known.count;
        }
        let count = 1;
        self.add(Answered {
            check,
            count,
            last: now,
        });
        count
    }

    /// It has brought tokens. That is kept, since another process may know the count only.
    pub(crate) fn accept(&mut self, check: u16, now: Timestamp) {
        if let Some(known) = self.find(check) {
            (known.count, known.last) = (0, now);
        }
    }

    /// Of each password the last word holds. Whether the clock of another process was ahead, so that what is
    /// saved has to be mended.
    pub(crate) fn merge(&mut self, now: Timestamp, other: &Self) -> bool {
        let mut is_mended = false;
        for other in &other.0 {
            let is_ahead = now.set_back_since(other.last);
            is_mended |= is_ahead;
            let mut other = other.clone();
            other.last = if is_ahead { now } else { other.last };
            match self.find(other.check) {
                Some(known) if (known.last, known.count) >= (other.last, other.count) => {}
                Some(known) => *known = other,
                None => self.add(other),
            }
        }
        is_mended
    }

    fn find(&mut self, check: u16) -> Option<&mut Answered> {
        self.0.iter_mut().find(|known| known.check == check)
    }

    fn add(&mut self, new: Answered) {
        self.0.push(new);
        while self.0.len() > Self::MANY {
            let oldest = self.0.iter().map(|known| known.last).min();
            let oldest = self.0.iter().position(|known| Some(known.last) == oldest);
            self.0.remove(oldest.unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn at(hours: u32) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000).saturating_add(HOUR * hours)
    }

    fn hours(answers: &mut LoginAnswers, check: u16, now: Timestamp) -> Option<u64> {
        let rest = answers.rest(check, now, &Config::default());
        rest.map(|rest| rest.length.as_secs() / 3600)
    }

    #[test]
    fn after_three_the_next_is_an_hour_away_doubling_to_a_day() {
        let mut answers = LoginAnswers::default();
        for expected in [
            None,
            None,
            Some(1),
            Some(2),
            Some(4),
            Some(8),
            Some(16),
            Some(24),
            Some(24),
        ] {
            answers.note(1, at(0));
            assert_eq!(hours(&mut answers, 1, at(0)), expected);
            assert_eq!(hours(&mut answers, 2, at(0)), None, "another password");
        }
        answers.accept(1, at(1));
        assert_eq!(answers.note(1, at(2)), 1);
    }

    #[test]
    fn the_last_word_of_two_processes_holds() {
        let counted = |times, last| {
            let mut answers = LoginAnswers::default();
            for _ in 0..times {
                answers.note(1, last);
            }
            answers
        };
        let mut accepted = counted(4, at(1));
        accepted.accept(1, at(2));
        for (ours, theirs, expected) in [
            (counted(3, at(1)), counted(4, at(2)), Some(2)),
            (counted(4, at(2)), counted(3, at(1)), Some(2)),
            (counted(0, at(0)), counted(3, at(2)), Some(1)),
            (counted(4, at(1)), accepted.clone(), None),
            (accepted, counted(3, at(3)), Some(1)),
            (counted(0, at(0)), counted(3, at(9)), Some(1)), // their clock was ahead
        ] {
            let mut ours = ours;
            let is_mended = ours.merge(at(3), &theirs);
            assert_eq!(is_mended, theirs.0.iter().any(|known| known.last > at(3)));
            let now = ours.0.iter().map(|known| known.last).max().unwrap();
            assert_eq!(hours(&mut ours, 1, now), expected, "{ours:?}");
        }
    }

    #[test]
    fn i12_a_clock_that_was_ahead_makes_it_wait_anew_and_no_longer() {
        let mut answers = LoginAnswers::default();
        for _ in 0..3 {
            answers.note(1, at(5));
        }
        assert_eq!(hours(&mut answers, 1, at(1)), Some(1));
        assert_eq!(hours(&mut answers, 1, at(2)), None);
    }

    #[test]
    fn there_are_never_many() {
        let mut answers = LoginAnswers::default();
        for check in 0..100 {
            answers.note(check, at(check.into()));
        }
        assert_eq!(answers.len(), LoginAnswers::MANY);
        assert_eq!(answers.note(99, at(100)), 2);
        assert_eq!(answers.note(91, at(100)), 1);
    }
}
