//! All interleavings of three callers, a failing network, a bad clock, revocations and new credentials.
//! The example `deep_model` goes deeper.

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
    let explored = [
        (
            "a clock, revocations and credentials",
            Budget { clock: 1, ..trust },
        ),
        (
            "a network, revocations and credentials",
            Budget {
                network: 1,
                ..trust
            },
        ),
        (
            "a network, a clock and callers that go away",
            Budget {
                network: 1,
                clock: 1,
                leaves: 1,
                ..one_each
            },
        ),
        (
            "second requests and revocations",
            Budget {
                requests: 2,
                revocations: 1,
                ..one_each
            },
        ),
    ]
    .map(|(name, budget)| Histories::new(Rules::default(), budget).explore(name, None));
    println!("{} distinct states in all", explored.iter().sum::<usize>());
    let most = explored.into_iter().max().unwrap_or_default();
    assert!(most >= 300_000, "{most} states in the largest of them");
}
