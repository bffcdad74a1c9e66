//! A year of pushes, with all that happens in one, in seconds.

use simacan_auth_testkit::{DriverContract, History, Step, Trouble};

use crate::ours;

/// A push every ten minutes. Each day a token dies early; each week something is lost; each month the network is
/// away for hours, the session is ended at the server, or the program starts anew.
fn year() -> History {
    let mut steps = Vec::new();
    for day in 0..365 {
        match day % 30 {
            4 | 11 => steps.push(Step::Refresh(Trouble::AnswerLost)),
            6 | 18 => steps.push(Step::Refresh(Trouble::Status(503))),
            9 => steps.push(Step::CutOff(3 * 3600)),
            14 => steps.push(Step::RefreshTokensDie),
            22 => steps.push(Step::Login(Trouble::RequestLost)),
            27 => steps.push(Step::Restart),
            _ => {}
        }
        steps.push(Step::AccessTokensDie);
        for _ in 0..24 * 6 {
            steps.extend([Step::Push(1), Step::Pass(600)]);
        }
    }
    History { seed: 4, steps }
}

#[track_caller]
fn assert_lives_through_it(contract: &DriverContract) {
    if let Err(failure) = contract.play(&year()) {
        panic!("{}", failure.how());
    }
}

#[test]
fn the_driver_lives_through_a_year() {
    assert_lives_through_it(&ours::driver_async());
}

#[test]
fn the_driver_lives_through_a_year_in_which_it_stays_logged_in() {
    assert_lives_through_it(&ours::driver_that_stays_logged_in());
}

#[test]
fn the_adapter_of_ureq_lives_through_a_year() {
    assert_lives_through_it(&ours::ureq());
}

#[test]
fn the_adapter_of_reqwest_lives_through_a_year() {
    assert_lives_through_it(&ours::reqwest());
}
