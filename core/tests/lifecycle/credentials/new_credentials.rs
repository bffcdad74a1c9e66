//! New credentials, in every state and while every exchange is in flight.

use crate::common::prelude::*;

/// A login of `fleet` with password 1 is in flight.
fn logging_in() -> Driver {
    let (driver, _pending) = Driver::logging_in();
    driver
}

/// Password 1 was refused.
fn rejected() -> Driver {
    let mut driver = logging_in();
    driver.reply(&Reply::Refused);
    driver
}

fn replacements(driver: &Driver) -> usize {
    driver.told(|event| matches!(event, Event::CredentialsReplaced { .. }))
}

/// A new caller gets a token with one exchange, which sends `password` of `username`.
#[track_caller]
fn logs_in(driver: &mut Driver, username: &str, password: u32) {
    let pending = driver.wait();
    assert_eq!(*driver.flying(), Driver::password(username, password));
    let _sent = driver.reply_to(pending, &TOKENS);
}

#[test]
fn before_the_first_login_new_credentials_are_simply_the_ones_that_are_sent() {
    for username in ["fleet", "other"] {
        let mut driver = Driver::fresh();
        driver.set_credentials(username, 2);
        assert_eq!((driver.sent.len(), driver.wake), (0, None));
        logs_in(&mut driver, username, 2);
    }
}

#[test]
fn i2_a_rejection_ends_with_other_credentials_and_with_nothing_else() {
    for (username, number) in [("fleet", 2), ("other", 1)] {
        let mut driver = rejected();
        driver.set_credentials("fleet", 1);
        assert_eq!(
            (driver.machine.status(), replacements(&driver)),
            (Status::Rejected, 0)
        );
        driver.rejected();
        driver.set_credentials(username, number);
        assert_eq!(driver.sent.len(), 1, "nobody has asked");
        logs_in(&mut driver, username, number);
    }
}

#[test]
fn i2_credentials_that_were_refused_long_ago_change_nothing() {
    let mut driver = rejected();
    driver.set_credentials("fleet", 2);
    let _pending = driver.wait();
    driver.reply(&Reply::Refused);
    driver.advance(HOUR);
    driver.set_credentials("other", 3);
    logs_in(&mut driver, "other", 3);
    for number in [1, 2] {
        driver.set_credentials("fleet", number);
        let _sent = driver.go();
    }
    assert_eq!((driver.passwords(), replacements(&driver)), (3, 2));
}

#[test]
fn equal_credentials_change_nothing_in_any_state() {
    for driver in [
        Driver::fresh,
        logging_in,
        rejected,
        Driver::refreshing_early,
        Driver::relogging_in,
        Driver::for_an_hour,
    ] {
        let mut driver = driver();
        let before = format!("{:?}", driver.machine);
        driver.set_credentials("fleet", 1);
        assert_eq!(format!("{:?}", driver.machine), before);
        assert_eq!(replacements(&driver), 0);
    }
}

#[test]
fn the_same_user_keeps_the_tokens_and_the_new_password_is_the_next_that_leaves() {
    let mut driver = Driver::for_an_hour();
    let sent = driver.go();
    driver.set_credentials("fleet", 2);
    let _sent = driver.go();
    let _pending = driver.retry_after_401(sent);
    assert_eq!(*driver.flying(), Driver::refresh_token(1));
    driver.reply(&Reply::Refused);
    assert_eq!(*driver.flying(), Driver::password("fleet", 2));
}

#[test]
fn another_user_gets_none_of_the_old_ones_tokens_and_what_was_sent_before_is_delivered() {
    let mut driver = Driver::for_an_hour();
    let (first, second) = (driver.go(), driver.go());
    driver.set_credentials("other", 2);
    assert_eq!(driver.sent.len(), 1, "nobody has asked");
    driver.deliver(first, 401);
    assert!(!driver.is_flying());
    logs_in(&mut driver, "other", 2);
    assert_eq!(driver.header, Driver::bearer_of(2));
    driver.deliver(second, 401);
    assert!(!driver.is_flying());
    assert_eq!(driver.go().generation(), driver.machine.generation());
}

#[test]
fn i4_the_answer_to_a_login_with_replaced_credentials_is_awaited() {
    for (username, number) in [("fleet", 2), ("other", 1)] {
        for reply in [TOKENS, Reply::Refused, DOWN, Reply::Lost] {
            let (mut driver, pending) = Driver::logging_in();
            driver.set_credentials(username, number);
            driver.advance(MINUTE);
            let pending = driver.wait_with(pending);
            assert_eq!(driver.sent.len(), 1);
            driver.reply(&reply);
            if username == "fleet" && reply == TOKENS {
                let _sent = driver.go_with(pending); // they are this user's
                continue;
            }
            assert_eq!(
                *driver.flying(),
                Driver::password(username, number),
                "{reply:?}"
            );
            let pending = driver.wait_with(pending);
            let _sent = driver.reply_to(pending, &TOKENS);
            assert_eq!(driver.header, Driver::bearer_of(2), "{reply:?}");
        }
    }
}

#[test]
fn i14_tokens_for_a_password_that_was_replaced_meanwhile_are_this_users() {
    let (mut driver, pending) = Driver::logging_in();
    driver.set_credentials("fleet", 2);
    let _sent = driver.reply_to(pending, &TOKENS);
    assert_eq!(driver.header, Driver::bearer_of(1));
    driver.advance(HOUR);
    driver.on_refresh = Some(Reply::Refused);
    let _pending = driver.wait();
    assert_eq!(*driver.flying(), Driver::password("fleet", 2));
}

#[test]
fn i2_a_refusal_counts_for_the_password_that_was_sent() {
    let mut driver = logging_in();
    driver.set_credentials("fleet", 2);
    driver.reply(&Reply::Refused);
    assert_eq!(*driver.flying(), Driver::password("fleet", 2));
    driver.reply(&TOKENS);
    driver.set_credentials("fleet", 1);
    assert_eq!(replacements(&driver), 1, "it is the refused one");
}

#[test]
fn the_same_password_set_again_while_its_login_is_in_flight_changes_nothing() {
    for reply in [TOKENS, Reply::Refused, Reply::Status(404)] {
        let mut driver = logging_in();
        driver.set_credentials("fleet", 2);
        driver.set_credentials("fleet", 1);
        driver.reply(&reply);
        assert!(!driver.is_flying(), "{reply:?}");
        match (reply, driver.ask()) {
            (TOKENS, Authorization::Ready(_))
            | (Reply::Refused, Authorization::Denied(Denied::Rejected { .. }))
            | (Reply::Status(_), Authorization::Denied(Denied::Unavailable { .. })) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn i14_the_answer_to_a_refresh_counts_for_the_same_user() {
    let mut driver = Driver::refreshing_early();
    driver.set_credentials("fleet", 2);
    driver.reply(&TOKENS);
    let _sent = driver.go();
    assert_eq!(driver.header, Driver::bearer_of(2));
    driver.advance(HOUR);
    let _pending = driver.wait();
    assert_eq!(*driver.flying(), Driver::refresh_token(2));
}

#[test]
fn the_answer_to_a_refresh_is_discarded_for_another_user() {
    for reply in [
        TOKENS,
        Reply::AccessOnly("3600"),
        Reply::Refused,
        Reply::Lost,
    ] {
        let mut driver = Driver::refreshing_early();
        driver.set_credentials("other", 2);
        let pending = driver.wait();
        assert_eq!(driver.sent.len(), 2);
        driver.reply(&reply);
        assert_eq!(*driver.flying(), Driver::password("other", 2), "{reply:?}");
        let _sent = driver.reply_to(pending, &TOKENS);
        assert_eq!(driver.header, Driver::bearer_of(3), "{reply:?}");
    }
}

#[test]
fn another_user_that_nobody_asks_for_is_not_logged_in() {
    for driver in [Driver::refreshing_early, Driver::relogging_in] {
        let mut driver = driver();
        let sent = driver.sent.len();
        driver.set_credentials("other", 2);
        driver.reply(&TOKENS);
        driver.advance(HOUR);
        assert_eq!((driver.sent.len(), driver.wake), (sent, None));
        logs_in(&mut driver, "other", 2);
    }
}

#[test]
fn i2_back_to_credentials_whose_refusal_is_on_its_way_is_a_rejection() {
    for detour in ["fleet", "other"] {
        let (mut driver, pending) = Driver::logging_in();
        driver.set_credentials(detour, 2);
        driver.set_credentials("fleet", 1);
        driver.reply(&Reply::Refused);
        assert!(!driver.is_flying(), "{:?}", driver.flying());
        driver.rejected_with(pending);
        driver.advance(10 * HOUR);
        driver.rejected();
        driver.set_credentials(detour, 2);
        logs_in(&mut driver, detour, 2);
    }
}

#[test]
fn i2_back_to_credentials_whose_refusal_came_meanwhile_changes_nothing() {
    for detour in ["fleet", "other"] {
        let mut driver = logging_in();
        driver.set_credentials(detour, 2);
        driver.reply(&Reply::Refused); // of password 1; password 2 follows
        driver.set_credentials("fleet", 1);
        assert_eq!(*driver.flying(), Driver::password(detour, 2));
        driver.reply(&TOKENS);
        let _sent = driver.go();
        assert_eq!(replacements(&driver), 1);
    }
}

#[test]
fn back_to_credentials_that_are_in_flight_and_accepted_logs_in() {
    for detour in ["fleet", "other"] {
        let mut driver = Driver::fresh();
        driver.on_password = None;
        let pending = driver.wait();
        driver.set_credentials(detour, 2);
        driver.set_credentials("fleet", 1);
        driver.reply(&TOKENS);
        // Taken or discarded and asked for again: the caller ends up with a token.
        if driver.is_flying() {
            assert_eq!(*driver.flying(), Driver::password("fleet", 1));
            driver.reply(&TOKENS);
        }
        let _sent = driver.go_with(pending);
    }
}

#[test]
fn i14_a_new_password_in_a_relogin_keeps_the_good_token() {
    let mut driver = Driver::relogging_in();
    driver.set_credentials("fleet", 2);
    let _sent = driver.go();
    driver.reply(&Reply::Refused);
    assert_eq!(*driver.flying(), Driver::password("fleet", 2));
    assert_eq!(driver.go().generation().get(), 1);
    driver.reply(&Reply::Refused);
    assert_eq!(driver.go().generation().get(), 1);
    driver.set_credentials("fleet", 3);
    driver.advance(30 * SECOND); // the fourth password is not free
    assert_eq!(driver.go().generation().get(), 1);
    assert_eq!(*driver.flying(), Driver::password("fleet", 3));
    driver.reply(&TOKENS);
    assert_eq!(driver.go().generation().get(), 2);
}

#[test]
fn another_user_in_a_relogin_gets_none_of_the_good_token() {
    let mut driver = Driver::relogging_in();
    driver.set_credentials("other", 2);
    let pending = driver.wait();
    driver.reply(&TOKENS);
    assert_eq!(*driver.flying(), Driver::password("other", 2));
    let _sent = driver.reply_to(pending, &TOKENS);
    assert_eq!(driver.header, Driver::bearer_of(4));
}

#[test]
fn i13_replacing_credentials_does_not_open_the_login_guard() {
    let mut driver = Driver::fresh();
    driver.on_password = Some(Reply::Refused);
    for number in 1..1000 {
        driver.set_credentials(if number % 2 == 0 { "fleet" } else { "other" }, number);
        let _authorization = driver.ask();
        driver.advance(20 * SECOND);
    }
    assert!(driver.passwords() > 12);
    within(driver.most_in_an_hour(true), ..=12);
}

#[test]
fn i6_a_caller_that_waits_is_answered_when_the_user_is_replaced_in_a_backoff() {
    let mut driver = Driver::expired();
    let pending = driver.wait();
    driver.reply(&DOWN);
    driver.set_credentials("other", 2);
    let pending = driver.wait_with(pending);
    driver.advance(SECOND);
    assert_eq!(*driver.flying(), Driver::password("other", 2));
    let _sent = driver.reply_to(pending, &TOKENS);
}

/// The round that it waits for was over before it asked.
#[test]
fn i6_a_401_during_a_rejection_waits_for_what_comes_after_it() {
    for failed_before in [false, true] {
        let mut driver = Driver::fresh();
        if failed_before {
            driver.on_password = Some(Reply::Status(404));
            let pending = driver.wait();
            let _denied = driver.denied_with(pending);
            driver.advance(MINUTE);
            driver.on_password = None;
        }
        let _sent = driver.wait_and_reply(&TOKENS);
        driver.advance(HOUR - 30 * SECOND);
        let sent = driver.go(); // which starts an early refresh
        driver.reply(&Reply::Refused);
        driver.reply(&Reply::Refused);
        let pending = driver.retry_after_401(sent);
        driver.set_credentials("fleet", 2);
        let pending = driver.wait_with(pending);
        driver.advance(30 * SECOND); // the fourth password is not free
        let _sent = driver.reply_to(pending, &TOKENS);
    }
}

/// What one target answered to the last user says nothing about the next.
#[test]
fn i15_another_user_is_not_guarded_for_the_last_one() {
    let mut driver = Driver::with_refreshes();
    driver.send(API, || 401);
    assert_eq!(driver.refreshes(), 1);
    driver.advance(SECOND);
    driver.send(API, || 401);
    assert_eq!(driver.refreshes(), 1); // guarded
    driver.set_credentials("other", 2);
    driver.on_password = Some(TOKENS);
    assert_eq!(driver.send(API, || 401), Some(401));
    assert_eq!(driver.refreshes(), 2);
}
