//! All interleavings of three callers, a failing network, a bad clock, revocations, new credentials and a
//! target that answers 401 only. The example `deep_model` goes deeper.

use simacan_auth_tests::model::{Budget, Histories};
use simacan_auth_tests::world::Rules;

#[test]
fn all_interleavings_keep_all_invariants() {
    let one_each = Budget {
        requests: 1,
        ..Budget::default()
    };
    let trust = Budget {
        revocations: 1,
        credentials: 1,
        ..one_each
    };
    let three = Rules::default();
    let few = |callers| Rules {
        callers,
        ..Rules::default()
    };
    let (one, two) = (few(1), few(2));
    // With how many states there are at least: fewer, and states that differ were taken for one.
    let explored = [
        (
            "a clock, revocations and credentials",
            &three,
            Budget { clock: 1, ..trust },
            1_200_000,
        ),
        (
            "a network, revocations and credentials",
            &three,
            Budget {
                network: 1,
                ..trust
            },
            245_000,
        ),
        (
            "a network, a clock and callers that go away",
            &three,
            Budget {
                network: 1,
                clock: 1,
                leaves: 1,
                ..one_each
            },
            87_000,
        ),
        (
            "second requests and revocations",
            &three,
            Budget {
                requests: 2,
                revocations: 1,
                ..one_each
            },
            4_900,
        ),
        (
            "two callers, a network, a clock and revocations",
            &two,
            Budget {
                network: 1,
                clock: 1,
                revocations: 1,
                ..one_each
            },
            190_000,
        ),
        (
            "two callers, third requests, a clock and a stubborn target",
            &two,
            Budget {
                requests: 3,
                clock: 1,
                stubborn: 1,
                ..Budget::default()
            },
            38_000,
        ),
        (
            "two callers, second requests, a network, a clock and a stubborn target",
            &two,
            Budget {
                requests: 2,
                network: 1,
                clock: 1,
                stubborn: 1,
                ..Budget::default()
            },
            285_000,
        ),
        (
            "one caller, a clock, a revocation, and credentials that change twice",
            &one,
            Budget {
                requests: 3,
                clock: 1,
                credentials: 2,
                ..trust
            },
            400_000,
        ),
    ]
    .map(|(name, rules, budget, at_least)| {
        let states = Histories::new(rules.clone(), budget).explore(name, None);
        assert!(states >= at_least, "{name}: only {states} states");
        states
    });
    println!("{} distinct states in all", explored.iter().sum::<usize>());
}
