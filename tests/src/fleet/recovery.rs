//! Every process recovers: from wherever the dangers have led, once they end.

use super::process::{Caller, Op};
use super::{Fleet, FleetStep};
use crate::world::Violation;
use std::time::Duration;

impl Fleet {
    /// What can go on without a danger, the first of it.
    pub(super) fn next_good(&self) -> Option<FleetStep> {
        (0..self.processes.len()).find_map(|p| {
            let Some(process) = &self.processes[p] else {
                return None;
            };
            match (&process.op, &process.wire) {
                (Some(Op::Lock(_)), _) => self.holder.is_none().then_some(FleetStep::Lock(p)),
                (Some(Op::Load(_)), _) => Some(FleetStep::Load(p)),
                (Some(Op::Save(..) | Op::Mark(..)), _) => Some(FleetStep::Save(p)),
                (None, Some(wire)) if wire.answer.is_none() => Some(FleetStep::Serve(p)),
                (None, Some(_)) => Some(FleetStep::Deliver(p)),
                (None, None) => match process.caller {
                    Caller::Waiting { woken: true, .. } => Some(FleetStep::Ask(p)),
                    _ => None,
                },
            }
        })
    }

    /// From here on all keep their promises: in a copy, whoever waits is answered within five minutes (I6),
    /// and every process, started if it is dead, gets a request through within two hours (I12), or learns
    /// that its password is refused.
    pub fn recover(&self) -> Result<(), Violation> {
        let mut fleet = self.clone();
        fleet.trail = Some(Vec::new());
        fleet.let_all_through().map_err(|mut violation| {
            let trail = fleet.trail.take().unwrap_or_default();
            let steps: Vec<_> = trail.iter().map(FleetStep::to_string).collect();
            violation.why = format!("{}: {}", violation.why, steps.join("; "));
            violation
        })
    }

    fn let_all_through(&mut self) -> Result<(), Violation> {
        const WAIT: Duration = Duration::from_secs(300);
        let began = self.referee.elapsed();
        for _ in 0..200 {
            let is_waiting = |caller: &Caller| matches!(caller, Caller::Waiting { .. });
            let mut callers = self
                .processes
                .iter()
                .flatten()
                .map(|process| &process.caller);
            if !callers.any(is_waiting) {
                break;
            }
            let step = self.next_good();
            if step.is_none() && self.earliest_wait().is_none() {
                return Violation::found(6, "nobody will ever wake who waits");
            }
            self.apply(step.unwrap_or(FleetStep::ToWait))?;
            if self.referee.elapsed().saturating_sub(began) > WAIT {
                return Violation::found(6, "someone waits for more than five minutes");
            }
        }
        (0..self.processes.len()).try_for_each(|p| self.let_through(p))
    }

    fn let_through(&mut self, p: usize) -> Result<(), Violation> {
        const LONGEST: Duration = Duration::from_secs(2 * 3600);
        let began = self.referee.elapsed();
        if self.processes[p].is_none() {
            self.apply(FleetStep::Start(p))?;
        }
        while self.referee.elapsed().saturating_sub(began) <= LONGEST {
            let caller = self.processes[p].as_ref().map(|process| &process.caller);
            let step = match caller {
                Some(Caller::Sent { .. } | Caller::Rejected) | None => return Ok(()),
                Some(Caller::Idle) => FleetStep::Ask(p),
                Some(Caller::Waiting { .. }) => match self.next_good() {
                    Some(step) => step,
                    None if self.earliest_wait().is_some() => FleetStep::ToWait,
                    None => return Violation::found(6, "nobody will ever wake who waits"),
                },
            };
            self.apply(step)?;
            let is_denied = step == FleetStep::Ask(p)
                && self.processes[p]
                    .as_ref()
                    .is_some_and(|process| matches!(process.caller, Caller::Idle));
            if is_denied {
                let end = self.timestamp().saturating_add(LONGEST);
                if self.mark.is_some_and(|until| until > end) {
                    return Ok(()); // a refusal that could not be saved is believed for a day
                }
                self.apply(FleetStep::Pass(30))?;
            }
        }
        Violation::found(12, format!("process {p} gets no token any more"))
    }
}
