//! The checks catch what they are for, each by its number.

use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use simacan_auth_tests::broken::{Broken, Defect};
use simacan_auth_tests::model::{Budget, Histories, Node};
use simacan_auth_tests::world::{Rules, Step, Violation, World};

/// The first violation that is met, breadth first, and the steps that lead there.
fn first_violation(defect: Defect, budget: Budget) -> Option<(Violation, Vec<Step>)> {
    let rules = Rules {
        callers: 2,
        ..Rules::default()
    };
    let world = World::around(rules.clone(), Broken::new(World::<Broken>::alice(), defect));
    let histories = Histories::new(rules, budget);
    let mut queue = VecDeque::from([(Node::around(&histories, world), Vec::new())]);
    let mut known = HashSet::new();
    while let Some((node, history)) = queue.pop_front() {
        if let Some(violation) = node.violation.clone().or_else(|| node.world.settle().err()) {
            return Some((violation, history));
        }
        let mut steps = Vec::new();
        node.steps(&mut steps);
        for step in steps {
            let next = node.after(step);
            let mut hasher = DefaultHasher::new();
            next.hash(&mut hasher);
            if known.insert(hasher.finish()) {
                let mut history = history.clone();
                history.push(step);
                queue.push_back((next, history));
            }
        }
    }
    None
}

const QUIET: Budget = Budget {
    requests: 2,
    clock: 0,
    network: 0,
    revocations: 0,
    credentials: 0,
    leaves: 0,
};

fn is_caught(defect: Defect, invariant: u8, budget: Budget) {
    let (violation, history) = first_violation(defect, budget).expect("nothing is found");
    let history: Vec<_> = history.iter().map(|step| format!("\n  {step}")).collect();
    println!("{defect:?}: {violation}{}", history.concat());
    assert_eq!(
        violation.invariant,
        invariant,
        "{violation}{}",
        history.concat()
    );
}

#[test]
fn i5_a_machine_that_forgets_the_generation() {
    is_caught(
        Defect::ForgetsGeneration,
        5,
        Budget {
            revocations: 1,
            ..QUIET
        },
    );
}

#[test]
fn i2_a_machine_that_sends_a_refused_password_again() {
    is_caught(
        Defect::RepeatsRefusedPassword,
        2,
        Budget {
            credentials: 1,
            ..QUIET
        },
    );
}

#[test]
fn i3_a_machine_that_goes_back_to_the_old_refresh_token() {
    is_caught(
        Defect::KeepsOldRefreshToken,
        3,
        Budget {
            revocations: 2,
            requests: 3,
            ..QUIET
        },
    );
}

#[test]
fn i6_a_machine_that_loses_a_wake_up() {
    is_caught(Defect::LosesWakeUp, 6, QUIET);
}

#[test]
fn i7_a_machine_that_sends_a_third_time() {
    is_caught(
        Defect::RetriesAgain,
        7,
        Budget {
            revocations: 2,
            ..QUIET
        },
    );
}

#[test]
fn i14_a_machine_that_drops_a_token_that_is_still_good() {
    is_caught(Defect::DropsGoodToken, 14, Budget { clock: 2, ..QUIET });
}

#[test]
fn i4_a_machine_that_begins_a_second_exchange() {
    is_caught(Defect::BeginsTwice, 4, QUIET);
}

#[test]
fn i1_a_machine_that_logs_in_when_a_refresh_has_failed() {
    is_caught(
        Defect::LogsInTooSoon,
        1,
        Budget {
            clock: 1,
            network: 1,
            ..QUIET
        },
    );
}
