//! What a server has answered to each password: see `manual::rules`, *How an answer is read*.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::config::{Config, Doubling};
use crate::time::{Delay, Rest};

/// Sees to it that no refused password is sent again while that is believed (I2), and that none goes on being sent
/// to a server that does not want it and does not refuse it.
///
/// Each is known by its [check](crate::saved::check), so who mends anything of what is sent starts at none.
#[derive(Clone, Debug, Default, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct LoginAnswers(Vec<Answered>);

/// What was said of one password.
#[derive(Clone, Debug, Hash, Serialize, Deserialize)]
struct Answered {
    check: u16,
    /// How many answers were neither tokens nor a refusal nor an outage, since there were tokens.
    #[serde(default, skip_serializing_if = "is_zero")]
    unclear: u32,
    /// When anything was said of it last.
    last: Noted,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refusal: Option<Refusal>,
}

#[derive(Clone, Debug, Hash, Serialize, Deserialize)]
struct Refusal {
    at: Noted,
    /// How often in a row it was a gateway that refused; 0: the last time it was the API.
    #[serde(default, skip_serializing_if = "is_zero")]
    gateway: u32,
}

/// The refusal of a password that is not to be sent yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused {
    /// When it came.
    pub(crate) at: Timestamp,
    /// Until when it is believed.
    pub(crate) until: Timestamp,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// When something was, by clocks of several processes that may be wrong. The time by which it is still ahead is
/// kept beside the one that was put in its place: that clock may be the wrong one (I12).
#[derive(Clone, Copy, Debug, Hash, Serialize, Deserialize)]
struct Noted {
    at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mended: Option<Timestamp>,
}

impl Noted {
    fn new(now: Timestamp) -> Self {
        Self {
            at: now,
            mended: None,
        }
    }

    /// Both that are not ahead.
    fn times(self, now: Timestamp) -> impl Iterator<Item = Timestamp> {
        let times = [Some(self.at), self.mended].into_iter().flatten();
        times.filter(move |&at| !now.set_back_since(at))
    }

    /// Puts now in its place if it is ahead. Whether it was.
    fn mend(&mut self, now: Timestamp) -> bool {
        let is_ahead = self.times(now).next().is_none();
        if is_ahead {
            self.mended = Some(now);
        }
        is_ahead
    }

    /// The last of both, once it is mended.
    fn latest(self, now: Timestamp) -> Timestamp {
        self.times(now).max().unwrap_or(now)
    }

    fn rest(&mut self, now: Timestamp, length: Duration) -> Option<Rest> {
        self.mend(now);
        let rests = self.times(now).map(|at| Delay::new(at, length).rest(now));
        rests.max().flatten()
    }
}

impl Refusal {
    fn rest(&mut self, now: Timestamp, config: &Config) -> Option<Rest> {
        let (first, longest) = (config.gateway_refusal, config.refusal_memory);
        let length = match self.gateway.checked_sub(1) {
            None => longest,
            Some(n) => Doubling { first, longest }.nth(n),
        };
        self.at.rest(now, length)
    }
}

impl Answered {
    /// So many cost nothing but the cool-down.
    const FREE: u32 = 3;

    fn new(check: u16, now: Timestamp) -> Self {
        Self {
            check,
            unclear: 0,
            last: Noted::new(now),
            refusal: None,
        }
    }

    fn rest(&mut self, now: Timestamp, config: &Config) -> Option<Rest> {
        let n = self.unclear.checked_sub(Self::FREE)?;
        let (first, longest) = (config.unclear_login, config.refusal_memory);
        self.last.rest(now, Doubling { first, longest }.nth(n))
    }

    fn mend(&mut self, now: Timestamp) -> bool {
        let refusal = self.refusal.as_mut();
        let is_refusal_mended = refusal.is_some_and(|refusal| refusal.at.mend(now));
        self.last.mend(now) || is_refusal_mended
    }
}

impl LoginAnswers {
    /// More than leave in a day (I13). Beyond it the one that was sent longest ago is forgotten.
    const MANY: usize = 300;

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// How much longer this password may not leave, whose answers were unclear; `None` if it may.
    pub(crate) fn rest(&mut self, check: u16, now: Timestamp, config: &Config) -> Option<Rest> {
        self.find(check)?.rest(now, config)
    }

    /// The refusal of this password, if that is believed.
    pub(crate) fn refusal(
        &mut self,
        check: u16,
        now: Timestamp,
        config: &Config,
    ) -> Option<Refused> {
        let refusal = self.find(check)?.refusal.as_mut()?;
        let until = refusal.rest(now, config)?.end;
        let at = refusal.at.latest(now);
        Some(Refused { at, until })
    }

    /// One more that was unclear. How many it is.
    pub(crate) fn note(&mut self, check: u16, now: Timestamp) -> u32 {
        let mut known = self.take(check, now);
        known.unclear = known.unclear.saturating_add(1);
        let count = known.unclear;
        self.add(known);
        count
    }

    pub(crate) fn refuse(&mut self, check: u16, now: Timestamp, by_gateway: bool) {
        let mut known = self.take(check, now);
        let in_a_row = known.refusal.map_or(0, |refusal| refusal.gateway);
        let gateway = u32::from(by_gateway) * in_a_row.saturating_add(1);
        let at = Noted::new(now);
        known.refusal = Some(Refusal { at, gateway });
        self.add(known);
    }

    /// It has brought tokens. That is kept, since another process may know the rest only.
    pub(crate) fn accept(&mut self, check: u16, now: Timestamp) {
        if let Some(known) = self.find(check) {
            *known = Answered::new(check, now);
        }
    }

    /// Of each password the last word holds. Whether the clock of another process was ahead, so that what is
    /// saved has to be mended.
    pub(crate) fn merge(&mut self, now: Timestamp, other: &Self) -> bool {
        let mut is_mended = false;
        for other in &other.0 {
            let mut other = other.clone();
            is_mended |= other.mend(now);
            let word = |of: &Answered| (of.last.latest(now), of.refusal.is_some(), of.unclear);
            match self.find(other.check) {
                Some(known) if word(known) >= word(&other) => {}
                Some(known) => *known = other,
                None => self.add(other),
            }
        }
        is_mended
    }

    fn find(&mut self, check: u16) -> Option<&mut Answered> {
        self.0.iter_mut().find(|known| known.check == check)
    }

    /// Something is said of it now.
    fn take(&mut self, check: u16, now: Timestamp) -> Answered {
        let known = self.0.iter().position(|known| known.check == check);
        let known = known.map(|known| self.0.remove(known));
        Answered {
            last: Noted::new(now),
            ..known.unwrap_or_else(|| Answered::new(check, now))
        }
    }

    fn add(&mut self, new: Answered) {
        if self.0.len() >= Self::MANY {
            let oldest = (self.0.iter().enumerate()).min_by_key(|(_, known)| known.last.at);
            let oldest = oldest.map_or(0, |(index, _)| index);
            self.0.remove(oldest);
        }
        self.0.push(new);
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
            assert_eq!(
                is_mended,
                theirs.0.iter().any(|known| known.last.at > at(3))
            );
            let now = (ours.0.iter().map(|known| known.last.latest(at(3))))
                .max()
                .unwrap();
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

    /// Until when the password 1 is held back as a refused one, in hours.
    fn refused(answers: &mut LoginAnswers, now: Timestamp) -> Option<u64> {
        let refused = answers.refusal(1, now, &Config::default())?;
        Some(refused.until.saturating_since(at(0)).as_secs() / 3600)
    }

    #[test]
    fn i2_of_a_refusal_and_tokens_the_later_word_holds_whoever_says_it() {
        let (mut refused_first, mut both) = (LoginAnswers::default(), LoginAnswers::default());
        refused_first.refuse(1, at(1), false);
        both.merge(at(1), &refused_first);
        assert_eq!(refused(&mut both, at(2)), Some(25));
        both.accept(1, at(2));
        let (mut ours, mut theirs) = (both.clone(), refused_first.clone());
        ours.merge(at(3), &refused_first);
        theirs.merge(at(3), &both);
        for answers in [&mut ours, &mut theirs] {
            assert_eq!(refused(answers, at(3)), None, "it has been accepted since");
            answers.refuse(1, at(4), false);
            answers.merge(at(5), &both);
            assert_eq!(refused(answers, at(5)), Some(28), "and refused since");
        }
    }

    #[test]
    fn i12_a_clock_that_starts_in_1970_ends_no_refusal_and_one_that_was_ahead_makes_none_longer() {
        let start = Timestamp::from_millis(0);
        let mut answers = LoginAnswers::default();
        answers.refuse(1, at(0), false);
        let believed = |answers: &mut LoginAnswers, now| {
            let refusal = answers.refusal(1, now, &Config::default());
            refusal.is_some()
        };
        assert!(believed(&mut answers, start));
        assert!(believed(&mut answers, at(23)), "the time is known again");
        assert!(!believed(&mut answers, at(24)));

        let mut ahead = LoginAnswers::default();
        ahead.refuse(1, at(500), false);
        assert!(believed(&mut ahead, at(0)) && believed(&mut ahead, at(23)));
        assert!(!believed(&mut ahead, at(24)));
    }

    #[test]
    fn there_are_never_many_and_none_of_the_last_day_is_forgotten() {
        let mut answers = LoginAnswers::default();
        for check in 0..1000 {
            answers.note(check, at(u32::from(check) / 12));
        }
        assert_eq!(answers.len(), LoginAnswers::MANY);
        assert_eq!(answers.note(1000 - 288, at(100)), 2);
        assert_eq!(answers.note(1000 - 301, at(100)), 1);
    }
}
