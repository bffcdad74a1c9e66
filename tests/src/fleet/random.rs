//! Long random histories of a fleet.

use simacan_auth_emulator::Reuse;

use super::{Fleet, FleetStep};
use crate::history::printed;

/// What a random history is made of.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "they are what they are called")]
pub struct Random {
    pub seed: u64,
    pub processes: usize,
    pub steps: usize,
    pub reuse: Reuse,
    /// Whether the store fails, too, and vandals are about.
    pub has_bad_store: bool,
}

impl Random {
    /// Lives it: says how many milliseconds went by in it, or what was found, after which steps.
    pub fn live(self) -> Result<u64, String> {
        let mut fleet = Fleet::with_reuse(self.processes, self.reuse);
        let mut draws = Draws(self.seed);
        let mut history = Vec::new();
        for n in 1..=self.steps {
            let step = self.draw(&fleet, &mut draws);
            history.push(step);
            let mut result = fleet.apply(step);
            if n % 64 == 0 {
                result = result.and_then(|()| fleet.recover());
            }
            if let Err(violation) = result {
                let (processes, reuse) = (self.processes, self.reuse);
                let new = format!("Fleet::with_reuse({processes}, Reuse::{reuse:?})");
                let steps = printed(&new, &history, FleetStep::code);
                return Err(format!("{violation}\n{self:?}{steps}"));
            }
        }
        Ok(u64::try_from(fleet.referee.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// Most steps are what a good day is made of.
    fn draw(self, fleet: &Fleet, draws: &mut Draws) -> FleetStep {
        let p = draws.below(self.processes);
        match draws.below(100) {
            0..50 => {
                let good = fleet.next_good();
                good.unwrap_or(FleetStep::ToWait)
            }
            50..60 => FleetStep::Start(p),
            60..72 => FleetStep::Ask(p),
            72..80 => FleetStep::Answer(p),
            80 => FleetStep::Crash(p),
            81 => FleetStep::LoseRequest(p),
            82 => FleetStep::LoseAnswer(p),
            83 => FleetStep::StrayArrives,
            84 => FleetStep::Pass(draws.seconds(200)),
            85 => FleetStep::Pass(draws.seconds(200_000)),
            86 => FleetStep::NearExpiry,
            87 => FleetStep::ToExpiry,
            88 => FleetStep::RevokeAccess,
            89 => FleetStep::RevokeRefresh,
            // A lock that another process holds, and a clock that goes back.
            90 => FleetStep::LockTimesOut(p),
            91 if draws.below(8) == 0 => FleetStep::SetBack(draws.seconds(7200)),
            92 if self.has_bad_store => FleetStep::StoreFails(p),
            93 if self.has_bad_store => FleetStep::SaveUnreported(p),
            94 if self.has_bad_store && draws.below(4) == 0 => FleetStep::Wipe,
            95 if self.has_bad_store && draws.below(4) == 0 => FleetStep::Damage,
            97 if self.has_bad_store => FleetStep::LoseLock(p),
            98 if self.has_bad_store => FleetStep::NoRoom(p),
            96 if draws.below(50) == 0 => FleetStep::ChangePassword,
            _ => FleetStep::Serve(p),
        }
    }
}

/// splitmix64.
struct Draws(u64);

impl Draws {
    fn seconds(&mut self, end: usize) -> u32 {
        u32::try_from(self.below(end)).unwrap_or_default()
    }

    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) >> 33).unwrap_or(0) % end
    }
}
