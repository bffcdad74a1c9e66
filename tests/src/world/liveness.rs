//! I6: whoever waits is answered, once the others behave.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hasher};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use simacan_auth::Status;

use super::step::{Body, Clock, Step};
use super::{Subject, Violation, World};

/// The worlds that are known to settle by each schedule, by number: those that a search has met do not
/// settle again.
#[derive(Debug, Default)]
pub struct Settled([Mutex<HashSet<u64>>; 2]);

/// Who acts first when several could.
#[derive(Clone, Copy)]
enum Schedule {
    /// Those who were woken, the first one first; then the network.
    Callers,
    /// The network; then those who were woken, the last one first.
    Network,
}

impl<S: Subject> World<S> {
    /// From here on network, servers and driver keep their promises: lets them, in a copy, until nobody
    /// waits any more, by two schedules.
    pub fn settle(&self) -> Result<(), Violation> {
        self.settle_or_meet(None)
    }

    /// From here on all keep their promises: lets a new request be sent, in a copy, within two hours, or what a
    /// password has to wait that nobody has understood. A machine that denies everyone keeps I6 and is wedged all
    /// the same (I12). Only a rejection is an end, or what some servers say in its place, which is unclear.
    pub fn recover(&self) -> Result<(), Violation> {
        let (doubts, in_doubt) = self.referee.doubts(0);
        // Twice: after a clock that was ahead both the time that it has noted and the mended one hold.
        let in_doubt = 2 * in_doubt.unwrap_or_default() + Duration::from_secs(600);
        let longest = in_doubt.max(Duration::from_secs(2 * 3600));
        let mut world = self.fork();
        world.emulator.answer_targets_as_usual();
        world.leave(0);
        let began = world.elapsed();
        while world.elapsed().saturating_sub(began) <= longest {
            let is_doubted = world.referee.doubts(0).0 > doubts;
            let is_over = world.subject.machine().status() == Status::Rejected || is_doubted;
            if world.is_sent(0) || is_over {
                return Ok(());
            }
            if world.is_asked() {
                world.apply(Step::Serve)?;
            } else if world.is_answered() {
                world.apply(Step::Deliver(Body::Intact))?;
            } else if world.is_idle(0) || world.is_woken(0) {
                world.apply(Step::Ask(0))?;
                if world.is_idle(0) {
                    // Denied. At the end of the range time goes on, too.
                    world.pass_to(world.now + 30_000);
                    world.drain()?;
                }
            } else if world.wait.is_some() {
                world.apply(Step::Clock(Clock::ToWait))?;
            } else {
                return Violation::found(6, "nobody will ever wake who waits");
            }
        }
        Violation::found(12, "no request gets a token any more")
    }

    /// As [`settle`](Self::settle), or until it meets a world that is known to.
    pub fn settle_or_meet(&self, settled: Option<&Settled>) -> Result<(), Violation> {
        for schedule in [Schedule::Callers, Schedule::Network] {
            let settled = settled.map(|Settled(settled)| &settled[schedule as usize]);
            self.settle_by(schedule, settled)?;
        }
        Ok(())
    }

    fn settle_by(
        &self,
        schedule: Schedule,
        settled: Option<&Mutex<HashSet<u64>>>,
    ) -> Result<(), Violation> {
        let callers = 0..u16::try_from(self.callers.len()).unwrap_or(u16::MAX);
        if !callers.clone().any(|caller| self.is_waiting(caller)) {
            return Ok(());
        }
        let mut world = self.fork();
        world.emulator.answer_targets_as_usual();
        let began = world.elapsed();
        // Each caller asks after each of some attempts, refused refresh and login included.
        let most = 40 + 10 * self.callers.len();
        let mut history = Vec::new(); // printed only if need be
        let mut passed = Vec::new();
        let printed = |history: &[Step]| -> String {
            let steps: Vec<_> = history.iter().map(Step::to_string).collect();
            format!(": {}", steps.join("; "))
        };
        for _ in 0..most {
            let is_over = !callers.clone().any(|caller| world.is_waiting(caller));
            if let Some(settled) = settled {
                let mut hasher = DefaultHasher::new();
                world.fingerprint(&mut hasher, &[]);
                let digest = hasher.finish();
                let mut settled = settled.lock().unwrap_or_else(PoisonError::into_inner);
                if is_over || settled.contains(&digest) {
                    settled.extend(passed);
                    return Ok(());
                }
                passed.push(digest);
            } else if is_over {
                return Ok(());
            }
            let mut woken = callers.clone().filter(|caller| world.is_woken(*caller));
            let mut network = None;
            if world.is_asked() {
                network = Some(Step::Serve);
            } else if world.is_answered() {
                network = Some(Step::Deliver(Body::Intact));
            }
            let step = match schedule {
                Schedule::Callers => woken.next().map(Step::Ask).or(network),
                Schedule::Network => network.or(woken.next_back().map(Step::Ask)),
            };
            let step = step.or(world.wait.map(|_| Step::Clock(Clock::ToWait)));
            let Some(step) = step else {
                let history = printed(&history);
                return Violation::found(6, format!("nobody will ever wake who waits{history}"));
            };
            history.push(step);
            world.apply(step)?;
            let seconds = world.elapsed().saturating_sub(began).as_secs();
            if seconds > 300 {
                let history = printed(&history);
                return Violation::found(6, format!("someone waits for {seconds} s{history}"));
            }
        }
        let history = printed(&history);
        Violation::found(
            6,
            format!("someone still waits after {most} steps{history}"),
        )
    }
}
