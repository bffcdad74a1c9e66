//! All interleavings, for `stateright`.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Instant;

use stateright::{Checker, Model, Property};

use crate::history::printed;
use crate::world::{
    AtServer, AtTarget, Body, Clock, Login, Rules, Settled, Step, Subject, Violation, World,
};

/// How much may go wrong in one history, and how much there is to do. All interleavings of it are
/// explored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    /// Requests of each caller.
    pub requests: u8,
    /// Times that the clock goes on of itself, or is set.
    pub clock: u8,
    /// Losses, time-outs, bad bodies and bad answers of the auth exchanges.
    pub network: u8,
    /// Revocations of access or refresh tokens.
    pub revocations: u8,
    /// Changes of credentials or of the password.
    pub credentials: u8,
    /// Callers that go away, or whose target does not answer well.
    pub leaves: u8,
    /// The second target begins to answer 401 only: once is enough.
    pub stubborn: u8,
}

/// All histories within a [`Budget`].
#[derive(Clone, Debug)]
pub struct Histories {
    /// What the world is like.
    pub rules: Rules,
    /// What can happen in it.
    pub budget: Budget,
    /// What is known of I6. Begins empty.
    pub settled: Arc<Settled>,
}

/// A world, what may still happen to it, and what was found.
#[derive(Debug)]
pub struct Node<S = simacan_auth::Machine> {
    /// The world.
    pub world: World<S>,
    /// What is left.
    pub left: Budget,
    requests: Vec<u8>,
    /// The invariant that the last step has broken.
    pub violation: Option<Violation>,
}

impl<S: Subject> Clone for Node<S> {
    fn clone(&self) -> Self {
        Self {
            world: self.world.fork(),
            left: self.left,
            requests: self.requests.clone(),
            violation: self.violation.clone(),
        }
    }
}

impl<S: Subject> Hash for Node<S> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.left, self.violation.is_some()).hash(state);
        self.world.fingerprint(state, &self.requests);
    }
}

impl<S: Subject> PartialEq for Node<S> {
    fn eq(&self, other: &Self) -> bool {
        let digest = |node: &Self| {
            let mut hasher = DefaultHasher::new();
            node.hash(&mut hasher);
            hasher.finish()
        };
        digest(self) == digest(other)
    }
}

impl Node {
    /// The beginning.
    pub fn new(histories: &Histories) -> Self {
        Self::around(histories, World::new(histories.rules.clone()))
    }
}

impl<S: Subject> Node<S> {
    /// The beginning, in a world of one's own.
    pub fn around(histories: &Histories, world: World<S>) -> Self {
        let callers = usize::from(histories.rules.callers);
        Self {
            world,
            left: histories.budget,
            requests: vec![histories.budget.requests; callers],
            violation: None,
        }
    }

    /// What can happen next.
    pub fn steps(&self, steps: &mut Vec<Step>) {
        if self.violation.is_some() {
            return;
        }
        let (world, left) = (&self.world, &self.left);
        for caller in (0..).take(self.requests.len()) {
            let may_begin = self.requests[usize::from(caller)] > 0;
            if world.is_woken(caller) || (world.is_idle(caller) && may_begin) {
                steps.push(Step::Ask(caller));
            }
            if world.is_sent(caller) {
                steps.push(Step::Answer(caller, AtTarget::Honest));
                if left.leaves > 0 {
                    steps.push(Step::Answer(caller, AtTarget::Unavailable));
                    steps.push(Step::Answer(caller, AtTarget::Lost));
                }
            }
            if left.leaves > 0 && (world.is_waiting(caller) || world.is_sent(caller)) {
                steps.push(Step::Leave(caller));
            }
        }
        if world.is_asked() {
            steps.push(Step::Serve);
        }
        if world.is_answered() {
            steps.push(Step::Deliver(Body::Intact));
        }
        if world.has_strays() {
            steps.push(Step::StrayArrives);
        }
        if left.network > 0 && world.is_asked() {
            steps.extend([
                Step::LoseRequest,
                Step::TimeOut,
                Step::Refuse(AtServer::Unavailable),
                Step::Refuse(AtServer::TooMany(45)),
                Step::Refuse(AtServer::NotFound),
                Step::Refuse(AtServer::Redirect),
                Step::Refuse(AtServer::Unclear),
                Step::Refuse(AtServer::NotTheClient),
            ]);
        }
        if left.network > 0 && world.is_answered() {
            steps.extend([
                Step::LoseAnswer,
                Step::Deliver(Body::Created),
                Step::Deliver(Body::Truncated),
                Step::Deliver(Body::Garbage),
            ]);
        }
        if world.waits_until().is_some() {
            steps.push(Step::Clock(Clock::ToWait));
        }
        if left.clock > 0 {
            steps.extend([
                Step::Clock(Clock::NearExpiry),
                Step::Clock(Clock::ToExpiry),
                Step::Clock(Clock::On(40)),
                Step::Clock(Clock::On(86_400)),
                Step::Clock(Clock::Back(3_600)),
            ]);
        }
        if left.revocations > 0 {
            steps.extend([Step::RevokeAccess, Step::RevokeRefresh]);
        }
        if left.credentials > 0 {
            steps.push(Step::ChangePassword);
            steps.extend(Login::ALL.map(Step::Replace));
        }
        if left.stubborn > 0 {
            steps.push(Step::Stubborn);
        }
        // These change nothing.
        steps.extend([Step::AskForeign, Step::ReportAgain, Step::ReportForeign]);
    }

    /// What comes of it.
    #[must_use]
    pub fn after(&self, step: Step) -> Self {
        let mut next = self.clone();
        let left = &mut next.left;
        match step {
            Step::Ask(caller) => {
                let requests = &mut next.requests[usize::from(caller)];
                *requests -= u8::from(self.world.is_idle(caller));
            }
            Step::Answer(_, AtTarget::Honest)
            | Step::Serve
            | Step::Deliver(Body::Intact)
            | Step::StrayArrives
            | Step::AskForeign
            | Step::ReportAgain
            | Step::ReportForeign
            | Step::Clock(Clock::ToWait) => {}
            Step::Answer(..) | Step::Leave(_) => left.leaves -= 1,
            Step::Deliver(_)
            | Step::LoseRequest
            | Step::LoseAnswer
            | Step::TimeOut
            | Step::Refuse(_) => left.network -= 1,
            Step::Clock(_) => left.clock -= 1,
            Step::RevokeAccess | Step::RevokeRefresh => left.revocations -= 1,
            Step::ChangePassword | Step::Replace(_) => left.credentials -= 1,
            Step::Stubborn => left.stubborn -= 1,
        }
        next.violation = next.world.apply(step).err();
        next
    }
}

impl Histories {
    /// All of them.
    pub fn new(rules: Rules, budget: Budget) -> Self {
        let settled = Arc::default();
        Self {
            rules,
            budget,
            settled,
        }
    }

    /// Explores all of it, or until so many states were generated, and says what was found.
    ///
    /// # Panics
    ///
    /// If an invariant does not hold: with the history that leads there.
    pub fn explore(self, name: &str, most: Option<usize>) -> usize {
        let (began, budget) = (Instant::now(), self.budget);
        let mut builder = self.checker().threads(2);
        if let Some(most) = most {
            builder = builder.target_state_count(most);
        }
        let checker = builder.spawn_dfs().join();
        let (states, depth) = (checker.unique_state_count(), checker.max_depth());
        let generated = checker.state_count();
        let took = began.elapsed();
        let extent = if checker.is_done() && most.is_none_or(|most| generated < most) {
            "all"
        } else {
            "the first"
        };
        println!(
            "{name}: {extent} {states} distinct states ({generated} generated), up to {depth} steps \
             deep, in {took:.1?}; {budget:?}"
        );
        if let Some((property, path)) = checker.discoveries().into_iter().next() {
            let last = path.last_state();
            let found = last.violation.clone();
            let found = found.or_else(|| last.world.settle().err());
            let found = found.or_else(|| last.world.recover().err());
            let found = found.map_or_else(String::new, |found| found.to_string());
            let steps = printed(
                "World::new(Rules::default())",
                &path.into_actions(),
                Step::code,
            );
            panic!("{name}: {property} fails. {found}{steps}");
        }
        states
    }
}

impl Model for Histories {
    type State = Node;
    type Action = Step;

    fn init_states(&self) -> Vec<Node> {
        vec![Node::new(self)]
    }

    fn actions(&self, node: &Node, steps: &mut Vec<Step>) {
        node.steps(steps);
    }

    fn next_state(&self, node: &Node, step: Step) -> Option<Node> {
        Some(node.after(step))
    }

    fn format_action(&self, step: &Step) -> String {
        step.to_string()
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("safety", |_, node: &Node| node.violation.is_none()),
            Property::always("I6", |histories: &Self, node: &Node| {
                let settled = Some(&*histories.settled);
                node.violation.is_some() || node.world.settle_or_meet(settled).is_ok()
            }),
            Property::always("I12", |_, node: &Node| {
                // Where nothing more can go wrong: what comes before leads there.
                let is_spent = node.left
                    == Budget {
                        requests: node.left.requests,
                        ..Budget::default()
                    };
                node.violation.is_some() || !is_spent || node.world.recover().is_ok()
            }),
        ]
    }
}
