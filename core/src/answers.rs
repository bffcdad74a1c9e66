//! What a server has answered to one refresh token, when it was neither tokens nor a refusal: see
//! `manual::rules`, *How an answer is read*.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::config::Config;

/// Sees to it that a session is not stuck with a token that its server does not want and does not refuse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Answers {
    /// When the first of any kind came.
    first: Option<Timestamp>,
    unclear: u32,
    first_unclear: Option<Timestamp>,
}

impl Answers {
    /// Of these it takes as many.
    const UNCLEAR: u32 = 3;

    pub(crate) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// How many were unclear.
    pub(crate) fn unclear(&self) -> u32 {
        self.unclear
    }

    /// One more. Whether all of them together are a refusal: it takes several that are unclear and are not
    /// of one bad minute, or a long time in which there was nothing else.
    pub(crate) fn note(&mut self, now: Timestamp, is_unclear: bool, config: &Config) -> bool {
        let is_old = since(&mut self.first, now, config.refusal_memory);
        if !is_unclear {
            return is_old;
        }
        self.unclear = self.unclear.saturating_add(1);
        let is_unclear_long = since(&mut self.first_unclear, now, config.unclear_refusal);
        is_old || (is_unclear_long && self.unclear >= Self::UNCLEAR)
    }
}

/// Whether `first`, which is now if there was none, is as long ago as `length`. One of a clock that has been
/// set back since counts from now (I12).
fn since(first: &mut Option<Timestamp>, now: Timestamp, length: Duration) -> bool {
    let known = first.filter(|&first| !now.set_back_since(first));
    let start = *first.insert(known.unwrap_or(now));
    known.is_some() && now >= start.plus(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;

    /// Unclear answers have a `true`; times in minutes.
    fn refusals(answers: &[(u64, bool)]) -> Vec<bool> {
        let (mut noted, config) = (Answers::default(), Config::default());
        let at = |minutes| Timestamp::from_millis(minutes * MINUTE);
        let each = answers.iter();
        each.map(|&(minutes, is_unclear)| noted.note(at(minutes), is_unclear, &config))
            .collect()
    }

    #[test]
    fn the_third_unclear_one_a_quarter_of_an_hour_after_the_first_is_a_refusal() {
        for (answers, is_refusal) in [
            ([(100, true), (100, true), (115, true)], true),
            ([(100, true), (114, true), (114, true)], false), // of one bad minute
            ([(100, true), (100, false), (115, true)], false), // two
            ([(100, false), (110, true), (115, true)], false),
            ([(100, true), (50, true), (60, true)], false), // the clock was ahead
            ([(100, true), (50, true), (65, true)], true),
        ] {
            let refusals = refusals(&answers);
            assert_eq!(refusals, [false, false, is_refusal], "{answers:?}");
        }
        let four = [(100, true), (101, true), (102, true), (115, true)];
        assert_eq!(refusals(&four), [false, false, false, true]);
    }

    #[test]
    fn a_day_of_answers_without_tokens_is_a_refusal() {
        let day = 24 * 60;
        for is_unclear in [true, false] {
            assert_eq!(
                refusals(&[(5, false), (5 + day - 1, false), (5 + day, is_unclear)]),
                [false, false, true]
            );
        }
        // Silence does not count, so the first one does not, however late it comes.
        assert_eq!(refusals(&[(5 + 2 * day, true)]), [false]);
        assert_eq!(refusals(&[(5 + day, false), (5, false)]), [false, false]);
    }
}
