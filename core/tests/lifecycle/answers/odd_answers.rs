//! What was odd about an answer is told.

use crate::common::prelude::*;

fn odd(driver: &Driver) -> Vec<String> {
    let is_odd = |event: &&Event| matches!(event, Event::OddLifetime | Event::AnswerUnclear { .. });
    driver
        .events
        .iter()
        .filter(is_odd)
        .map(Event::to_string)
        .collect()
}

#[test]
fn a_lifetime_that_was_not_understood_is_told() {
    for (life, is_told) in [
        ("3600", false),
        ("null", false),
        ("\"3600\"", false),
        ("\"\"", true),
        ("\"soon\"", true),
        ("[3600]", true),
        ("-1", true),
    ] {
        let driver = Driver::logged_in(Config::default(), &Reply::Tokens(life));
        assert_eq!(!odd(&driver).is_empty(), is_told, "{life}");
    }
}

#[test]
fn an_unclear_answer_is_told_and_which_of_three_it_is() {
    let mut driver = Driver::expired();
    driver.on_refresh = Some(Reply::Status(403));
    driver.on_password = Some(Reply::Status(404));
    for _ in 0..40 {
        let _authorization = driver.ask();
        driver.advance(MINUTE);
    }
    let told = odd(&driver);
    assert_eq!(
        told[0],
        "refresh: unclear answer 1 (three have consequences)"
    );
    assert_eq!(
        told[1],
        "refresh: unclear answer 2 (three have consequences)"
    );
    let last = "login after a refused refresh: unclear answer 3 (three have consequences)";
    assert_eq!(told.last().unwrap(), last);
    let (purpose, count) = (Purpose::ReLogin, 1);
    assert!(
        driver
            .events
            .contains(&Event::AnswerUnclear { purpose, count })
    );
}

#[test]
fn after_a_failed_early_round_an_urgent_attempt_keeps_what_the_server_asked_for() {
    for (wait, kept) in [("600", 10 * MINUTE), ("1", 50 * SECOND)] {
        let mut driver = Driver::due();
        driver.on_refresh = Some(Reply::RetryAfter(503, wait));
        let _sent = driver.go(); // starts an early refresh
        while !matches!(driver.events.last(), Some(Event::RoundFailed { .. })) {
            driver.advance(SECOND);
        }
        let (start, refreshes) = (driver.now, driver.refreshes());
        driver.advance_to(driver.machine.expires_at().unwrap());
        let since = |driver: &Driver| driver.now.saturating_since(start);
        while driver.refreshes() == refreshes {
            let _authorization = driver.ask();
            driver.advance(SECOND);
        }
        assert!(
            since(&driver) <= kept + 2 * SECOND,
            "{wait}: {:?}",
            since(&driver)
        );
        assert!(
            wait == "1" || since(&driver) >= kept,
            "{wait}: {:?}",
            since(&driver)
        );
    }
}
