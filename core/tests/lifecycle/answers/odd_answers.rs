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
        let driver = Driver::given(&Reply::Tokens(life));
        assert_eq!(!odd(&driver).is_empty(), is_told, "{life}");
    }
}

#[test]
fn an_unclear_answer_is_told_and_which_of_three_it_is() {
    let mut driver = Driver::expired();
    driver.on_refresh = Some(Reply::Status(403));
    driver.on_password = Some(Reply::Status(404));
    driver.ask_every(MINUTE, 40);
    let told = odd(&driver);
    for (n, told) in [1, 2].into_iter().zip(&told) {
        let first = format!(
            "refresh: unclear answer {n}, neither tokens nor a refusal (three, some time apart, count as a refusal)"
        );
        assert_eq!(*told, first);
    }
    let last = "login after a refused refresh: unclear answer 3, neither tokens nor a refusal (after three the password waits)";
    assert_eq!(told.last().unwrap(), last);
    let (purpose, count) = (Purpose::ReLogin, 1);
    let first = Event::AnswerUnclear { purpose, count };
    assert!(driver.events.contains(&first));
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
        while driver.refreshes() == refreshes {
            driver.ask_every(SECOND, 1);
        }
        let took = driver.now.saturating_since(start);
        assert!(took <= kept + 2 * SECOND, "{wait}: {took:?}");
        assert!(wait == "1" || took >= kept, "{wait}: {took:?}");
    }
}
