//! The checks catch what they are for, each by its number. I14 is in `all_fleets`; I12 is the others under a
//! clock that is set back.
#![cfg(any(model, fuzzing))]

use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::iter::repeat_n;
use std::time::Duration;

use simacan_auth::{Config, Machine};
use simacan_auth_testkit::referee::RULES;
use simacan_auth_tests::broken::{Broken, Defect};
use simacan_auth_tests::history::History;
use simacan_auth_tests::model::{Budget, Histories, Node};
use simacan_auth_tests::world::{
    AtServer, AtTarget, Body, Clock, Rules, Step, Subject, Violation, World,
};

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
    stubborn: 0,
};

fn is_caught(defect: Defect, invariant: u8, budget: Budget) {
    let (violation, history) = first_violation(defect, budget).expect("nothing is found");
    let history: Vec<_> = history.iter().map(|step| format!("\n  {step}")).collect();
    println!("{defect:?}: {violation}{}", history.concat());
    assert_eq!(violation.rule, invariant, "{violation}{}", history.concat());
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
fn i16_a_machine_that_has_callers_wait_with_a_good_token() {
    is_caught(Defect::DropsGoodToken, 16, Budget { clock: 2, ..QUIET });
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

#[test]
fn i10_a_machine_that_ends_at_an_outage() {
    is_caught(
        Defect::EndsAtOutage,
        10,
        Budget {
            network: 1,
            ..QUIET
        },
    );
}

#[test]
fn i11_a_machine_that_spins() {
    is_caught(
        Defect::Spins,
        11,
        Budget {
            network: 1,
            ..QUIET
        },
    );
}

#[test]
fn i12_a_machine_that_begins_anew_when_the_clock_is_set_back() {
    is_caught(Defect::ForgetsWhenSetBack, 1, Budget { clock: 1, ..QUIET });
}

#[test]
fn i12_a_machine_that_waits_for_a_clock_that_is_set_back() {
    is_caught(Defect::WaitsForTheClock, 6, Budget { clock: 1, ..QUIET });
}

/// The number of what is found when this happens to a broken machine.
fn violated_by(defect: Defect, rules: Rules, steps: impl IntoIterator<Item = Step>) -> Option<u8> {
    let broken = Broken::new(World::<Broken>::alice(), defect);
    violated_in(World::around(rules, broken), steps)
}

fn violated_in<S: Subject>(
    mut world: World<S>,
    steps: impl IntoIterator<Item = Step>,
) -> Option<u8> {
    let found = steps.into_iter().find_map(|step| world.apply(step).err());
    found.map(|violation| violation.rule)
}

const LOG_IN: [Step; 4] = [
    Step::Ask(0),
    Step::Serve,
    Step::Deliver(Body::Intact),
    Step::Ask(0),
];

#[test]
fn i8_a_machine_that_sends_its_token_abroad() {
    is_caught(Defect::SendsTokenAbroad, 8, QUIET);
}

#[test]
fn i4_a_machine_that_believes_any_report() {
    is_caught(Defect::BelievesAnyReport, 4, QUIET);
}

#[test]
fn i9_a_machine_that_prints_what_it_sends() {
    let rules = Rules {
        secrets: true,
        ..Rules::default()
    };
    let found = violated_by(Defect::PrintsWhatItSends, rules, LOG_IN);
    assert_eq!(found, Some(9));
}

/// Not even when no check but this one knows the token any more.
#[test]
fn i9_a_machine_that_prints_what_is_spent() {
    let rules = Rules {
        secrets: true,
        ..Rules::default()
    };
    let refresh = [
        Step::RevokeAccess,
        Step::Answer(0, AtTarget::Honest),
        Step::Serve,
        Step::Deliver(Body::Intact),
        Step::Ask(0),
        Step::Answer(0, AtTarget::Honest),
        Step::Ask(0),
    ];
    let steps = || LOG_IN.into_iter().chain(refresh).chain(refresh);
    let found = violated_by(Defect::PrintsWhatIsSpent, rules.clone(), steps());
    assert_eq!(found, Some(9));
    assert_eq!(violated_in(World::new(rules), steps()), None);
}

#[test]
fn i12_a_machine_that_denies_for_ever() {
    let broken = Broken::new(World::<Broken>::alice(), Defect::DeniesForEver);
    let mut world = World::around(Rules::default(), broken);
    let outage = [Step::Ask(0), Step::Refuse(AtServer::NotFound), Step::Ask(0)];
    for step in outage {
        world.apply(step).expect("nothing has shown yet");
    }
    let found = world.recover().expect_err("nothing is found");
    assert_eq!(found.rule, 12);
    let mut healthy = World::new(Rules::default());
    for step in outage {
        healthy.apply(step).expect("nothing is wrong");
    }
    healthy.recover().expect("it goes on after the cool-down");
}

#[test]
fn i15_a_machine_that_forgets_its_targets() {
    is_caught(
        Defect::ForgetsTargets,
        15,
        Budget {
            stubborn: 1,
            ..QUIET
        },
    );
}

/// Caller 1 sends a request in every five seconds to the target that always answers 401.
#[test]
fn i15_a_machine_that_forgets_its_targets_for_an_hour() {
    let request = [
        Step::Ask(1),
        Step::Answer(1, AtTarget::Honest),
        Step::Serve,
        Step::Deliver(Body::Intact),
        Step::Ask(1),
        Step::Answer(1, AtTarget::Honest),
        Step::Clock(Clock::On(5)),
    ];
    let requests = repeat_n(request, 720).flatten();
    let steps = || [Step::Stubborn].into_iter().chain(requests.clone());
    let found = violated_by(Defect::ForgetsTargets, Rules::default(), steps());
    assert_eq!(found, Some(15));
    let healthy = World::new(Rules::default());
    assert_eq!(violated_in(healthy, steps()), None);
}

/// By its config: nothing of the machine has to be broken for it.
#[test]
fn i13_a_machine_that_does_not_pace_its_logins() {
    let again = [
        Step::Ask(0),
        Step::LoseRequest,
        Step::Clock(Clock::ToWait),
        Step::Ask(0),
        Step::Clock(Clock::On(10)),
    ];
    let steps = || repeat_n(again, 40).flatten();
    assert_eq!(violated_in(World::new(Rules::default()), steps()), None);
    let mut config = Config::default();
    config.login_spacing.first = Duration::ZERO;
    let machine = World::<Machine>::alice_with(config);
    let world = World::around(Rules::default(), machine);
    assert_eq!(violated_in(world, steps()), Some(13));
}

/// As a failure prints it, for another machine.
#[test]
fn a_history_that_fails_is_printed_as_a_test_to_paste() {
    let history = History {
        rules: Rules::default(),
        steps: vec![Step::Ask(0), Step::Deliver(Body::Intact)],
    };
    let printed = "
#[test]
fn the_rules_hold() {
    let mut world = World::new(Rules::default());
    for step in [
        Step::Ask(0),
        Step::Deliver(Body::Intact),
    ] {
        world.apply(step).unwrap();
    }
}";
    assert!(history.to_string().ends_with(printed), "{history}");
}

/// The same, pasted.
#[test]
fn the_rules_hold() {
    let mut world = World::new(Rules::default());
    for step in [Step::Ask(0), Step::Deliver(Body::Intact)] {
        world.apply(step).unwrap();
    }
}

/// The manual is where the rules are explained, so they are called there what the referee calls them.
#[test]
fn the_manual_has_the_same_rules() {
    let manual = include_str!("../../../core/src/manual/rules.rs");
    let headings = manual
        .lines()
        .filter_map(|line| line.strip_prefix("//! # I"));
    let rules = RULES
        .iter()
        .map(|rule| format!("{}: {}", rule.number, rule.title));
    assert!(headings.eq(rules));
}
