//! What holds whatever happens: the models, each interleaving of theirs or long histories, and properties over any
//! input. The seeds are fixed; `SIMACAN_SEED=n` takes another, `PROPTEST_CASES=n` more cases. A failure prints its
//! seed and the history that leads there. `tests/long` goes deeper.

mod all_fleets;
mod all_interleavings;
mod any_answers;
mod any_input;
mod corpus;
mod days_with_servers;
mod defects_are_caught;
mod long_histories;
mod once_wrong;

use proptest::prelude::ProptestConfig;
use proptest::test_runner::RngSeed;

fn config() -> ProptestConfig {
    ProptestConfig {
        rng_seed: RngSeed::Fixed(simacan_auth_tests::seed()),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}
