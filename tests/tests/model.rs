//! All interleavings of three callers, a failing network, a bad clock, revocations and new credentials.
//! The example `deep_model` goes deeper.

use simacan_auth_tests::model::{Budget, Histories};
use simacan_auth_tests::world::Rules;

#[test]
fn all_interleavings_keep_all_invariants() {
    let one_each = Budget {
        requests: 1,
        network: 1,
        ..Budget::default()
    };
    let trust = Budget {
        revocations: 1,
        credentials: 1,
        ..one_each
    };
    let time = Budget {
        clock: 1,
        leaves: 1,
        ..one_each
    };
    let again = Budget {
        requests: 2,
        network: 0,
        revocations: 1,
        ..one_each
    };
    let states: usize = [
        ("a network, revocations and credentials", trust),
        ("a network, a clock and callers that go away", time),
        ("second requests and revocations", again),
    ]
    .into_iter()
    .map(|(name, budget)| Histories::new(Rules::default(), budget).explore(name, None))
    .sum();
    println!("{states} distinct states in all");
    assert!(states >= 300_000, "only {states} states");
}
