//! Each caller is answered, whatever becomes of the exchange and of the others (I6), and one exchange serves
//! them all (I4).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use http::{Request, StatusCode, Uri};
use shuttle::{future, thread};
use simacan_auth::{Credentials, Event};
use simacan_auth_emulator::{Emulator, Endpoint, Fault};

use super::explore;
use super::world::{TARGET, assert_sent, assert_sent_or, end};
use crate::Error;
use crate::sync::block_on;

#[test]
fn i4_i6_callers_without_a_token_share_one_login() {
    explore(|world| {
        world.assert_sent(&world.driver("p"), 4);
        world.assert_exchanges(1, 0);
    });
}

#[test]
fn i4_i6_callers_with_a_revoked_token_share_one_refresh() {
    explore(|world| {
        let driver = world.driver("p");
        world.assert_sent(&driver, 1);
        world.with(Emulator::revoke_access_tokens);
        world.assert_sent(&driver, 3);
        world.assert_exchanges(1, 1);
    });
}

/// Each comes when the carrier of the one before has done what there is to do, or is about to end.
#[test]
fn i6_a_caller_is_answered_whose_wish_meets_a_carrier_that_ends() {
    explore(|world| {
        let driver = world.driver("p");
        for refreshes in 0..3 {
            world.assert_sent(&driver, 1);
            world.assert_exchanges(1, refreshes);
            world.with(Emulator::revoke_access_tokens);
        }
    });
}

#[test]
fn i6_callers_are_answered_when_an_answer_is_lost() {
    explore(|world| {
        world.with(|emulator| emulator.script(Endpoint::Password, Fault::AnswerLost));
        world.assert_sent(&world.driver("p"), 3);
        world.assert_exchanges(2, 0);
    });
}

#[test]
fn i6_callers_are_answered_when_the_round_fails() {
    explore(|world| {
        let down = Fault::Status(StatusCode::SERVICE_UNAVAILABLE);
        world.with(|emulator| emulator.script_n(Endpoint::Password, down, 3));
        for answer in world.send_all(&world.driver("p"), 3) {
            assert!(matches!(answer, Err(Error::Denied(_))), "{answer:?}");
        }
        world.assert_exchanges(3, 0);
    });
}

#[test]
fn i6_callers_are_answered_when_the_exchange_panics() {
    explore(|world| {
        let (is_first, exchange) = (AtomicBool::new(true), world.exchange());
        let driver = world.settings("p").build(move |request| {
            if is_first.swap(false, Ordering::Relaxed) {
                std::panic::resume_unwind(Box::new("the first is unlucky"));
            }
            exchange(request)
        });
        world.assert_sent(&driver, 3);
        world.assert_exchanges(1, 0);
    });
}

#[test]
fn i2_i6_callers_are_answered_when_the_password_is_refused_and_after_a_new_one() {
    explore(|world| {
        let driver = world.driver("wrong");
        let other = driver.clone();
        let other = thread::spawn(move || other.set_credentials(Credentials::new("u", "p")));
        let is_denied = |error: &Error| matches!(error, Error::Denied(_));
        assert_sent_or(world.send_all(&driver, 2), is_denied);
        other.join().expect("it does not panic");
        world.assert_sent(&driver, 1);
        assert!(world.counters().passwords_received <= 2);
    });
}

#[test]
fn another_user_in_the_middle_leaves_nobody_waiting() {
    explore(|world| {
        let driver = world.driver("p");
        let other = driver.clone();
        let other = thread::spawn(move || other.set_credentials(Credentials::new("v", "q")));
        world.assert_sent(&driver, 2);
        other.join().expect("it does not panic");
        world.assert_sent(&driver, 1);
        assert!(world.counters().passwords_received <= 2);
    });
}

#[test]
fn i6_a_caller_that_goes_away_leaves_the_others_their_token() {
    explore(|world| {
        let driver = world.driver("p");
        let gone = future::spawn(world.clone().send(driver.clone()));
        let others = world.begin(&driver, 2);
        thread::yield_now();
        gone.abort();
        assert_sent(end(others));
        world.assert_exchanges(1, 0);
    });
}

/// Who only reports a 401 has a refresh made, and waits for nothing.
#[test]
fn i6_a_401_of_a_request_that_is_not_sent_again_is_cured_for_the_others() {
    explore(|world| {
        let driver = world.driver("p");
        world.assert_sent(&driver, 1);
        world.with(Emulator::revoke_access_tokens);
        let once = driver.clone();
        let once = thread::spawn(move || {
            let mut request = Request::new(());
            *request.uri_mut() = Uri::from_static(TARGET);
            let sent = block_on(once.authorize(None, &mut request));
            sent.map(|sent| drop(once.review(sent, StatusCode::UNAUTHORIZED)))
        });
        world.assert_sent(&driver, 2);
        let once = once.join().expect("it does not panic");
        once.expect("there is a token");
        assert_eq!(world.counters().passwords_received, 1);
    });
}

/// Told first, woken then: who is woken has been told of.
#[test]
fn events_are_told_in_order_and_before_anybody_is_woken() {
    explore(|world| {
        let told = Arc::new(Mutex::new(Vec::new()));
        let settings = world.settings("p").on_event({
            let told = told.clone();
            move |event: &Event| {
                thread::yield_now();
                told.lock().expect("no panic").push(event.clone());
            }
        });
        let driver = settings.build(world.exchange());
        world.assert_sent(&driver, 1);
        let told = told.lock().expect("no panic");
        let is_in_order = matches!(
            &told[..],
            [
                Event::ExchangeStarted { .. },
                Event::ExchangeEnded { .. },
                Event::LoggedIn { .. }
            ]
        );
        assert!(is_in_order, "{told:?}");
    });
}
