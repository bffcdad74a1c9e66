//! Histories for `proptest`.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::{History, Step, Trouble};

/// Returns a strategy for histories of up to so many steps. They shrink to fewer steps, fewer callers and shorter
/// times.
///
/// ```
/// use proptest::test_runner::{Config, TestRunner};
/// use simacan_auth_testkit::histories;
///
/// let mut runner = TestRunner::new(Config::with_cases(16));
/// runner.run(&histories(20), |history| {
///     println!("{history}"); // contract().play(&history)?
///     Ok(())
/// }).unwrap();
/// ```
pub fn histories(most: usize) -> impl Strategy<Value = History> {
    let histories = (0..1_000_u64, vec(steps(), 0..=most));
    histories.prop_map(|(seed, steps)| History { seed, steps })
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..6_u32).prop_map(Step::Push),
        1 => (1..3_u32).prop_map(Step::PushElsewhere),
        1 => Just(Step::Begin),
        1 => Just(Step::Cancel),
        2 => (0..120_u64).prop_map(Step::Pass),
        2 => (0..9_000_u64).prop_map(Step::Pass),
        2 => Just(Step::AccessTokensDie),
        1 => Just(Step::RefreshTokensDie),
        2 => troubles().prop_map(Step::Login),
        2 => troubles().prop_map(Step::Refresh),
        1 => (0..9_000_u64).prop_map(Step::CutOff),
        1 => (-200_000..200_000_i64).prop_map(Step::ClockSet),
        1 => (1..8_u32).prop_map(Step::StoreAway),
        1 => Just(Step::SaveFails),
        1 => Just(Step::Restart),
    ]
}

fn troubles() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        Just(Trouble::RequestLost),
        Just(Trouble::AnswerLost),
        Just(Trouble::CutShort),
        (0..40_u64).prop_map(Trouble::Delay),
        prop::sample::select(vec![400, 403, 408, 500, 502, 503, 504]).prop_map(Trouble::Status),
        (0..4_000_u64).prop_map(Trouble::RetryAfter),
    ]
}
