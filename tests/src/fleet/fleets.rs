//! All interleavings of a fleet, for `stateright`.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Instant;

use stateright::{Checker, Model, Property};

use super::process::{Caller, Op};
use super::{Fleet, FleetStep, StoreDefect};
use crate::history::printed;

/// How much may go wrong in one history, and how much there is to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Dangers {
    /// Requests of each process, over all its lives.
    pub requests: u8,
    /// Processes that are killed.
    pub crashes: u8,
    /// Losses of auth exchanges.
    pub network: u8,
    /// Locks that take too long, loads and saves that fail.
    pub store: u8,
    /// Locks that are lost at any moment.
    pub locks: u8,
    /// Saves for which there is no room. A mark needs none.
    pub disk: u8,
    /// Removals of the saved session, and damage to it.
    pub vandals: u8,
    /// Processes that are given another password.
    pub credentials: u8,
    /// Times that the clock goes on of itself, or is set back.
    pub clock: u8,
    /// Revocations, and changes of the password.
    pub platform: u8,
}

impl Dangers {
    /// So many requests of each process, with which nothing goes wrong.
    pub const fn none(requests: u8) -> Self {
        Self {
            requests,
            crashes: 0,
            network: 0,
            store: 0,
            locks: 0,
            disk: 0,
            vandals: 0,
            credentials: 0,
            clock: 0,
            platform: 0,
        }
    }
}

/// All histories of some processes within [`Dangers`].
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "they are what they are called")]
pub struct Fleets {
    pub processes: usize,
    pub dangers: Dangers,
    pub defect: Option<StoreDefect>,
}

/// A fleet, what may still happen to it, and what was found.
#[derive(Clone, Debug)]
pub struct FleetNode {
    fleet: Fleet,
    left: Dangers,
    requests: Vec<u8>,
    violation: Option<String>,
}

impl Hash for FleetNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.left, self.violation.is_some()).hash(state);
        self.fleet.fingerprint(state, &self.requests);
    }
}

impl PartialEq for FleetNode {
    fn eq(&self, other: &Self) -> bool {
        let digest = |node: &Self| {
            let mut hasher = DefaultHasher::new();
            node.hash(&mut hasher);
            hasher.finish()
        };
        digest(self) == digest(other)
    }
}

impl FleetNode {
    fn steps(&self, steps: &mut Vec<FleetStep>) {
        let (fleet, left) = (&self.fleet, &self.left);
        for (p, process) in fleet.processes.iter().enumerate() {
            let Some(process) = process else {
                if self.requests[p] > 0 {
                    steps.push(FleetStep::Start(p));
                }
                continue;
            };
            if left.crashes > 0 {
                steps.push(FleetStep::Crash(p));
            }
            match process.caller {
                Caller::Idle if self.requests[p] > 0 => steps.push(FleetStep::Ask(p)),
                Caller::Waiting { woken: true, .. } => steps.push(FleetStep::Ask(p)),
                Caller::Sent { .. } => steps.push(FleetStep::Answer(p)),
                _ => {}
            }
            match process.op {
                Some(Op::Lock(_)) if fleet.holder.is_none() || fleet.defect.is_some() => {
                    steps.push(FleetStep::Lock(p));
                }
                Some(Op::Lock(_)) if left.store > 0 => steps.push(FleetStep::LockTimesOut(p)),
                Some(Op::Load(_)) => steps.push(FleetStep::Load(p)),
                Some(Op::Save(..) | Op::Mark(..)) => {
                    steps.push(FleetStep::Save(p));
                    if left.store > 0 {
                        steps.push(FleetStep::SaveUnreported(p));
                    }
                    if left.disk > 0 && matches!(process.op, Some(Op::Save(..))) {
                        steps.push(FleetStep::NoRoom(p));
                    }
                }
                _ => {}
            }
            if left.store > 0 && process.op.is_some() {
                steps.push(FleetStep::StoreFails(p));
            }
            if left.locks > 0 && fleet.holder == Some(p) {
                steps.push(FleetStep::LoseLock(p));
            }
            if left.credentials > 0 {
                steps.push(FleetStep::SetCredentials(p));
            }
            match &process.wire {
                Some(wire) if wire.answer.is_none() => {
                    steps.push(FleetStep::Serve(p));
                    if left.network > 0 {
                        steps.push(FleetStep::LoseRequest(p));
                    }
                }
                Some(_) => {
                    steps.push(FleetStep::Deliver(p));
                    if left.network > 0 {
                        steps.push(FleetStep::LoseAnswer(p));
                    }
                }
                None => {}
            }
        }
        if !fleet.strays.is_empty() {
            steps.push(FleetStep::StrayArrives);
        }
        if fleet.earliest_wait().is_some() {
            steps.push(FleetStep::ToWait);
        }
        if left.clock > 0 {
            steps.extend([FleetStep::NearExpiry, FleetStep::ToExpiry]);
            steps.extend([FleetStep::Pass(86_400), FleetStep::SetBack(3_600)]);
        }
        if left.platform > 0 {
            steps.extend([FleetStep::RevokeAccess, FleetStep::RevokeRefresh]);
            steps.push(FleetStep::ChangePassword);
        }
        if left.vandals > 0 && fleet.saved.is_some() {
            steps.extend([FleetStep::Wipe, FleetStep::Damage]);
        }
    }

    fn after(&self, step: FleetStep) -> Self {
        let mut next = self.clone();
        let left = &mut next.left;
        match step {
            FleetStep::Ask(p) => {
                let process = self.fleet.processes[p].as_ref();
                let is_new = process.is_some_and(|process| matches!(process.caller, Caller::Idle));
                next.requests[p] -= u8::from(is_new);
            }
            FleetStep::Crash(_) => left.crashes -= 1,
            FleetStep::LoseRequest(_) | FleetStep::LoseAnswer(_) => left.network -= 1,
            FleetStep::LockTimesOut(_)
            | FleetStep::SaveUnreported(_)
            | FleetStep::StoreFails(_) => left.store -= 1,
            FleetStep::LoseLock(_) => left.locks -= 1,
            FleetStep::NoRoom(_) => left.disk -= 1,
            FleetStep::SetCredentials(_) => left.credentials -= 1,
            FleetStep::Wipe | FleetStep::Damage => left.vandals -= 1,
            FleetStep::NearExpiry
            | FleetStep::ToExpiry
            | FleetStep::Pass(_)
            | FleetStep::SetBack(_) => left.clock -= 1,
            FleetStep::RevokeAccess | FleetStep::RevokeRefresh | FleetStep::ChangePassword => {
                left.platform -= 1;
            }
            _ => {}
        }
        let result = next.fleet.apply(step);
        next.violation = result.err().map(|violation| violation.to_string());
        next
    }
}

impl Fleets {
    /// Explores all of it and says what was found.
    ///
    /// # Panics
    ///
    /// If a rule does not hold: with the history that leads there.
    pub fn explore(self, name: &str) -> usize {
        self.search(name).unwrap_or_else(|found| panic!("{found}"))
    }

    /// As [`explore`](Self::explore), with what was found as the error.
    pub fn search(self, name: &str) -> Result<usize, String> {
        let (began, dangers, processes) = (Instant::now(), self.dangers, self.processes);
        let defect = self.defect;
        let checker = self.checker().threads(2).spawn_dfs().join();
        let (states, depth) = (checker.unique_state_count(), checker.max_depth());
        println!(
            "{name}: {states} distinct states of {processes} processes, up to {depth} steps deep, in {:.1?}; {dangers:?}",
            began.elapsed()
        );
        let Some((property, path)) = checker.discoveries().into_iter().next() else {
            return Ok(states);
        };
        let last = path.last_state();
        let recovery = last.fleet.recover().err().map(|found| found.to_string());
        let found = last.violation.clone().or(recovery).unwrap_or_default();
        let new = format!("Fleet::new({processes}, {defect:?})");
        let steps = printed(&new, &path.into_actions(), FleetStep::code);
        Err(format!("{name}: {property} fails. {found}{steps}"))
    }
}

impl Model for Fleets {
    type State = FleetNode;
    type Action = FleetStep;

    fn init_states(&self) -> Vec<FleetNode> {
        vec![FleetNode {
            fleet: Fleet::new(self.processes, self.defect),
            left: self.dangers,
            requests: vec![self.dangers.requests; self.processes],
            violation: None,
        }]
    }

    fn actions(&self, node: &FleetNode, steps: &mut Vec<FleetStep>) {
        if node.violation.is_none() {
            node.steps(steps);
        }
    }

    fn next_state(&self, node: &FleetNode, step: FleetStep) -> Option<FleetNode> {
        Some(node.after(step))
    }

    fn format_action(&self, step: &FleetStep) -> String {
        step.to_string()
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("safety", |_, node: &FleetNode| node.violation.is_none()),
            Property::always("recovery", |_, node: &FleetNode| {
                // Where nothing more can go wrong: what comes before leads there.
                let is_spent = node.left
                    == Dangers {
                        requests: node.left.requests,
                        ..Dangers::default()
                    };
                node.violation.is_some() || !is_spent || node.fleet.recover().is_ok()
            }),
        ]
    }
}
