//! A window that slides: moments that count for a length of time, each from when it was.

use std::iter::Peekable;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::time::Delay;

/// In order, but for what was just read from a store.
#[derive(Clone, Debug, Default, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Window(Vec<Timestamp>);

impl Window {
    /// Forgets those that count no more. One of a clock that was ahead counts from now: whether there was one
    /// (I12).
    pub(super) fn slide(&mut self, now: Timestamp, length: Duration) -> bool {
        let mut is_mended = false;
        self.0.retain_mut(|at| {
            let mut delay = Delay::new(*at, length);
            let counts = !delay.is_over(now);
            is_mended |= delay.started() != *at;
            *at = delay.started();
            counts
        });
        self.0.sort_unstable();
        is_mended
    }

    /// Of more than `most`, the older ones decide nothing.
    pub(super) fn note(&mut self, now: Timestamp, most: usize) {
        self.0.push(now);
        self.0.sort_unstable();
        self.keep(most);
    }

    /// It did not come to it.
    pub(super) fn take_back(&mut self, at: Timestamp) {
        if let Some(index) = self.0.iter().rposition(|known| *known == at) {
            self.0.remove(index);
        }
    }

    /// Takes in what another process knows. Both may know of a moment.
    pub(super) fn merge(&mut self, other: &Self, most: usize) {
        let (mut ours, mut theirs) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut both = Vec::with_capacity(self.0.len().max(other.0.len()));
        while let Some(at) = next(&mut ours, &mut theirs) {
            both.push(at);
        }
        self.0 = both;
        self.keep(most);
    }

    /// Until when there are `most` of them, if there are now. 0 counts as 1.
    pub(super) fn full_until(&self, most: usize, length: Duration) -> Option<Timestamp> {
        let over = self.0.len().checked_sub(most.max(1))?;
        self.0.get(over).map(|at| at.plus(length))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn keep(&mut self, most: usize) {
        let over = self.0.len().saturating_sub(most.max(1));
        self.0.drain(..over);
    }
}

/// The earlier of the two that come next; if they are one, it.
fn next<'a, I: Iterator<Item = &'a Timestamp>>(
    ours: &mut Peekable<I>,
    theirs: &mut Peekable<I>,
) -> Option<Timestamp> {
    let at = ours.peek().into_iter().chain(theirs.peek()).min();
    let at = **at?;
    for side in [ours, theirs] {
        side.next_if(|next| **next == at);
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn window(moments: &[u64]) -> Window {
        Window(
            moments
                .iter()
                .map(|at| Timestamp::from_millis(*at))
                .collect(),
        )
    }

    fn moments(window: &Window) -> Vec<u64> {
        window.0.iter().map(|at| at.as_millis()).collect()
    }

    /// Any interval of an hour is looked at, not only those that begin somewhere.
    #[test]
    fn i15_in_no_hour_are_there_more_than_the_most() {
        const MOST: usize = 7;
        let mut noted: Vec<u64> = Vec::new();
        let (mut window, mut jitter) = (Window::default(), crate::pacing::Jitter::new(15));
        let mut now = Timestamp::from_millis(1_800_000_000_000);
        for _ in 0..20_000 {
            // Bursts, and long rests.
            let rest = jitter.up_to(Duration::from_secs(1200)).as_secs();
            now = now.plus(Duration::from_secs(rest.saturating_sub(700)));
            window.slide(now, HOUR);
            let in_the_hour = noted.iter().rev();
            let in_the_hour = in_the_hour.take_while(|at| now.as_millis() - **at < 3_600_000);
            let is_full = in_the_hour.count() >= MOST;
            let until = window.full_until(MOST, HOUR);
            assert_eq!(until.is_some(), is_full, "no more and no less");
            assert!(until.is_none_or(|until| until > now), "I11");
            if !is_full {
                window.note(now, MOST);
                noted.push(now.as_millis());
            }
        }
        assert!(noted.len() > 1000);
    }

    #[test]
    fn it_is_full_until_enough_of_it_is_an_hour_ago() {
        let window = window(&[10, 20, 30, 40]);
        let at = |at: u64| Some(Timestamp::from_millis(at + 3_600_000));
        for (most, until) in [
            (5, None),
            (4, at(10)),
            (3, at(20)),
            (1, at(40)),
            (0, at(40)),
        ] {
            assert_eq!(window.full_until(most, HOUR), until, "{most}");
        }
    }

    #[test]
    fn i12_a_clock_that_is_set_back_starts_it_again_and_freezes_nothing() {
        let mut window = window(&[1, 9_000_000, 9_000_001]);
        let now = Timestamp::from_millis(1_000_000);
        assert!(window.slide(now, HOUR));
        assert_eq!(moments(&window), [1, 1_000_000, 1_000_000]);
        assert!(!window.slide(now, HOUR), "once");
        let later = now.plus(HOUR);
        assert!(!window.slide(later, HOUR));
        assert!(window.is_empty());
    }

    #[test]
    fn what_two_processes_know_is_counted_once() {
        for (ours, theirs, both) in [
            (&[][..], &[][..], &[][..]),
            (&[1, 3], &[2], &[1, 2, 3]),
            (&[1, 2], &[1, 2], &[1, 2]),
            (&[1, 1, 2], &[1], &[1, 1, 2]), // a clock that was ahead made two of them one
            (&[1, 2, 3], &[4, 5], &[2, 3, 4, 5]),
        ] {
            let mut merged = window(ours);
            merged.merge(&window(theirs), 4);
            assert_eq!(moments(&merged), both);
            merged.merge(&window(theirs), 4);
            assert_eq!(moments(&merged), both, "again");
        }
    }

    #[test]
    fn what_did_not_come_to_it_is_taken_back() {
        let mut window = window(&[1, 2, 2, 3]);
        window.take_back(Timestamp::from_millis(2));
        window.take_back(Timestamp::from_millis(4));
        assert_eq!(moments(&window), [1, 2, 3]);
    }
}
