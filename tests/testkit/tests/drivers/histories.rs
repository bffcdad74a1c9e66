//! What a property test finds is short, and is a test when it is pasted.

use proptest::test_runner::{Config, TestError, TestRunner};
use simacan_auth_testkit::{DriverContract, History, Step, Trouble, histories};

use crate::{Defect, ours, tasks};

/// What is printed is this, to the letter; and this compiles.
mod pasted {
    use super::{Defect, DriverContract, tasks};

    /// By now the driver is mended.
    fn contract() -> DriverContract {
        tasks::contract(Defect::None)
    }

    #[allow(clippy::enum_glob_use, reason = "it is pasted")]
    mod here {
        use super::contract;
        include!("pasted.rs");
    }
}

#[test]
fn a_failure_tells_the_history_and_ends_with_a_test_to_paste() {
    let history = History {
        seed: 4,
        steps: vec![
            Step::Login(Trouble::Status(503)),
            Step::Begin,
            Step::Push(2),
            Step::Pass(60),
        ],
    };
    let contract = tasks::contract(Defect::NeverTriesAgain);
    let failure = contract.play(&history).unwrap_err();
    assert_eq!(failure.test(), include_str!("pasted.rs"));
    let told = "`caller 1` hangs: it waits since 0ns, and it is 300s by now

on one thread (seed 4)
- the next login: it is answered with 503
- a caller comes
- 2 callers come, and are answered
- 60 s go by

#[test]
fn a_history_that_was_found() {";
    assert!(failure.to_string().starts_with(told), "{failure}");
}

#[test]
fn a_property_test_finds_a_history_of_which_no_step_can_be_left_out() {
    let contract = tasks::contract(Defect::NeverTriesAgain);
    let mut runner = runner(256);
    let found = runner.run(&histories(20), |history| Ok(contract.play(&history)?));
    let Err(TestError::Fail(why, history)) = found else {
        panic!("it found {found:?}");
    };
    assert!(
        why.message()
            .contains("contract().play(&history).unwrap();"),
        "{why}"
    );
    for step in 0..history.steps.len() {
        let mut shorter = history.clone();
        shorter.steps.remove(step);
        let lived = contract.play(&shorter);
        assert!(lived.is_ok(), "it can be shorter: {history}");
    }
}

#[test]
fn the_driver_lives_through_whatever_may_happen() {
    for contract in [ours::driver_async(), ours::ureq()] {
        let lived = runner(64).run(&histories(20), |history| Ok(contract.play(&history)?));
        lived.unwrap_or_else(|found| panic!("{found}"));
    }
}

fn runner(cases: u32) -> TestRunner {
    let config = Config {
        cases,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(1),
        ..Config::default()
    };
    TestRunner::new(config)
}
