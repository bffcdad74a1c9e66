//! All interleavings of three callers, a failing network, a bad clock, revocations, new credentials and a
//! target that answers 401 only. The example `deep_model` goes deeper.
#![cfg(any(model, fuzzing))]

use simacan_auth_tests::model::{Budget, Histories};
use simacan_auth_tests::world::Rules;

struct Space {
    name: &'static str,
    callers: u16,
    budget: Budget,
    /// Fewer, and states that differ were taken for one.
    at_least: usize,
}

const ONE_EACH: Budget = Budget {
    requests: 1,
    clock: 0,
    network: 0,
    revocations: 0,
    credentials: 0,
    leaves: 0,
    stubborn: 0,
};

const SPACES: [Space; 8] = [
    Space {
        name: "a clock, revocations and credentials",
        callers: 3,
        budget: Budget {
            clock: 1,
            revocations: 1,
            credentials: 1,
            ..ONE_EACH
        },
        at_least: 1_200_000,
    },
    Space {
        name: "a network, revocations and credentials",
        callers: 3,
        budget: Budget {
            network: 1,
            revocations: 1,
            credentials: 1,
            ..ONE_EACH
        },
        at_least: 245_000,
    },
    Space {
        name: "a network, a clock and callers that go away",
        callers: 3,
        budget: Budget {
            network: 1,
            clock: 1,
            leaves: 1,
            ..ONE_EACH
        },
        at_least: 87_000,
    },
    Space {
        name: "second requests and revocations",
        callers: 3,
        budget: Budget {
            requests: 2,
            revocations: 1,
            ..ONE_EACH
        },
        at_least: 4_900,
    },
    Space {
        name: "a network, a clock and revocations",
        callers: 2,
        budget: Budget {
            network: 1,
            clock: 1,
            revocations: 1,
            ..ONE_EACH
        },
        at_least: 190_000,
    },
    // Long enough for its guard to begin, to end and to begin again.
    Space {
        name: "third requests, a clock and a stubborn target",
        callers: 2,
        budget: Budget {
            requests: 3,
            clock: 1,
            stubborn: 1,
            ..ONE_EACH
        },
        at_least: 38_000,
    },
    Space {
        name: "second requests, a network, a clock and a stubborn target",
        callers: 2,
        budget: Budget {
            requests: 2,
            network: 1,
            clock: 1,
            stubborn: 1,
            ..ONE_EACH
        },
        at_least: 285_000,
    },
    Space {
        name: "a clock, a revocation, and credentials that change twice",
        callers: 1,
        budget: Budget {
            requests: 3,
            clock: 1,
            revocations: 1,
            credentials: 2,
            ..ONE_EACH
        },
        at_least: 350_000,
    },
];

#[test]
fn all_interleavings_keep_all_invariants() {
    let explored = SPACES.map(|space| {
        let rules = Rules {
            callers: space.callers,
            ..Rules::default()
        };
        let name = format!("{} callers, {}", space.callers, space.name);
        let states = Histories::new(rules, space.budget).explore(&name, None);
        assert!(states >= space.at_least, "{name}: only {states} states");
        states
    });
    println!("{} distinct states in all", explored.iter().sum::<usize>());
}
