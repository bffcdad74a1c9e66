//! What the server has said of each password, and how long it is not to be sent for that (I2, I13).

use std::hash::{Hash, Hasher};

use super::ghost::{DAY, HOUR};
use super::step::Login;

#[derive(Clone, Debug, Default)]
pub(super) struct Words([Word; 4]);

#[derive(Clone, Debug, Default)]
struct Word {
    was_refused: bool,
    /// When, by the clock, and for how long that is believed.
    refused: Option<(u64, u64)>,
    /// How many of its refusals, in a row, were a gateway's.
    gateways: u32,
    /// How many answers were neither tokens nor a refusal nor an outage's, and when the last came.
    doubts: (u32, u64),
}

impl Words {
    pub(super) fn refuse(&mut self, now: u64, login: Login, by_gateway: bool) {
        let word = &mut self.0[login as usize];
        let length = if by_gateway {
            DAY.min(HOUR << word.gateways.min(10))
        } else {
            DAY
        };
        word.gateways = (word.gateways + 1) * u32::from(by_gateway);
        word.was_refused = true;
        word.refused = Some((now, length));
    }

    pub(super) fn doubt(&mut self, elapsed: u64, login: Login) {
        let (count, last) = &mut self.0[login as usize].doubts;
        (*count, *last) = (*count + 1, elapsed);
    }

    /// It has brought tokens.
    pub(super) fn trust(&mut self, login: Login) {
        let word = &mut self.0[login as usize];
        (word.gateways, word.doubts) = (0, (0, 0));
    }

    /// The clock has been set.
    pub(super) fn look_at(&mut self, now: u64) {
        for word in &mut self.0 {
            if let Some((at, length)) = &mut word.refused {
                if *at > now + 60_000 {
                    *at = now; // the clock was ahead
                }
                // A minute: the machine may have looked at a clock that was set back by less after that.
                if now + 60_000 >= *at + *length {
                    word.refused = None;
                }
            }
        }
    }

    /// Whether it ever was.
    pub(super) fn has_refused(&self, login: Login) -> bool {
        self.0[login as usize].was_refused
    }

    pub(super) fn is_believed(&self, login: Login) -> bool {
        self.0[login as usize].refused.is_some()
    }

    pub(super) fn doubts(&self, login: Login) -> (u32, u64) {
        self.0[login as usize].doubts
    }

    /// After three answers an hour, which doubles to a day.
    pub(super) fn wait_in_doubt(&self, login: Login) -> Option<u64> {
        let n = self.doubts(login).0.checked_sub(3)?;
        Some(DAY.min(HOUR << n.min(10)))
    }

    pub(super) fn fingerprint(&self, elapsed: u64, mut hasher: &mut dyn Hasher) {
        for word in &self.0 {
            let (count, last) = word.doubts;
            (word.was_refused, word.gateways).hash(&mut hasher);
            (count, (elapsed - last).min(DAY)).hash(&mut hasher);
            word.refused.hash(&mut hasher);
        }
    }
}
