//! No password goes on being sent to a server that does not want it and does not refuse it
//! (`manual::rules`, *How an answer is read*).

use crate::common::prelude::*;

/// In whole hours, when passwords are sent in three days if somebody asks each minute.
fn hours(reply: &Reply) -> Vec<u64> {
    let mut driver = Driver::answering(reply.clone());
    driver.ask_every(MINUTE, 3 * 24 * 60);
    let hours = driver.sent.iter();
    hours
        .map(|(at, _)| at.saturating_since(START).as_secs() / 3600)
        .collect()
}

#[test]
fn i10_after_three_answers_the_next_is_an_hour_away_doubling_to_a_day() {
    for reply in [
        Reply::Status(403),
        Reply::Status(404),
        Reply::Status(302),
        Reply::Body(200, "{}"),
        Reply::Body(204, ""),
        Reply::Body(200, r#"{"error":"invalid_request"}"#),
        Reply::Body(400, r#"{"error":"invalid_client"}"#),
    ] {
        assert_eq!(hours(&reply), [0, 0, 0, 1, 3, 7, 15, 31, 55], "{reply:?}");
    }
    for reply in [DOWN, Reply::Status(429), Reply::Lost] {
        assert!(hours(&reply).len() > 100, "{reply:?}");
    }
}

/// Three unclear answers.
fn doubtful() -> Driver {
    let mut driver = Driver::answering(Reply::Status(403));
    while driver.passwords() < 3 {
        driver.ask_every(SECOND, 1);
    }
    driver
}

#[test]
fn only_tokens_end_a_count() {
    let mut driver = doubtful();
    driver.advance(HOUR);
    driver.on_password = Some(DOWN);
    let _pending = driver.wait();
    driver.advance(10 * MINUTE);
    driver.on_password = Some(Reply::Status(403));
    let _pending = driver.wait();
    let passwords = driver.passwords();
    driver.advance(2 * HOUR - MINUTE);
    assert!(matches!(driver.denied(), Denied::Unavailable { .. }));
    assert_eq!(driver.passwords(), passwords);
    driver.advance(MINUTE);
    driver.on_password = Some(Reply::Tokens("60"));
    driver.on_refresh = Some(Reply::Refused);
    let _sent = driver.wait_and_go();
    driver.advance(2 * HOUR);
    driver.on_password = Some(Reply::Status(403));
    let _pending = driver.wait();
    let passwords = driver.passwords();
    driver.advance(10 * MINUTE);
    let _pending = driver.wait();
    assert_eq!(driver.passwords(), passwords + 1, "it is the second");
}

#[test]
fn who_says_that_it_will_be_understood_gets_one_attempt() {
    let mut driver = doubtful();
    driver.advance(10 * MINUTE);
    for passwords in [4, 5] {
        driver.retry_refused();
        driver.advance(10 * MINUTE);
        let _authorization = driver.ask();
        assert_eq!(driver.passwords(), passwords);
        driver.advance(30 * MINUTE);
    }
    driver.on_password = Some(TOKENS);
    driver.retry_refused();
    let _sent = driver.go();
}

#[test]
fn another_password_starts_at_none_and_the_old_one_is_remembered() {
    let mut driver = doubtful();
    driver.set_credentials("fleet", 2);
    driver.advance(10 * MINUTE);
    let _pending = driver.wait();
    assert_eq!(
        *driver.sent.last().unwrap(),
        (driver.now, Driver::password("fleet", 2))
    );
    driver.set_credentials("fleet", 1);
    driver.advance(10 * MINUTE);
    assert!(matches!(driver.denied(), Denied::Unavailable { .. }));
    assert_eq!(driver.passwords(), 4);
}

#[test]
fn i10_processes_that_are_started_each_minute_count_together() {
    let store = Memory::default();
    let mut hours = Vec::new();
    for minute in 0..24 * 60 {
        let now = after(minute * MINUTE);
        let mut process = Process::start(&store, now);
        let pending = process.demand();
        if process.flight.is_some() {
            hours.push(minute / 60);
            process.log.clear();
            process.answer(403, "");
            let saved = process.log.iter().position(|op| *op == Op::Save);
            let told = process
                .log
                .iter()
                .rposition(|op| matches!(op, Op::Event(_)));
            assert!(saved < told, "{:?}", process.log);
        } else if minute == 30 {
            let failure = shows!(
                process.ask_with(pending),
                Authorization::Denied(Denied::Unavailable { failure, .. }) => failure
            );
            assert_eq!(failure, Failure::LoginsUnclear);
        }
    }
    assert_eq!(hours, [0, 0, 0, 1, 3, 7, 15]);
    assert_clean(&store.text());

    let mut process = Process::asked(&store, after(24 * HOUR));
    process.machine.retry_refused(process.now);
    process.run();
    process.grant();
    assert!(!store.text().contains("unclear"), "{}", store.text());
}

/// Whether three unclear answers to the first hold the second back.
fn holds_back(first: Provider, second: Provider) -> bool {
    let store = Memory::default();
    let fleet = || credentials("fleet", 1);
    [first.clone(), first.clone(), first, second]
        .into_iter()
        .zip(1..)
        .any(|(provider, minute)| {
            let machine = Machine::new(provider, fleet(), Config::default()).with_store();
            let mut process = Process::of(machine, &store, after(minute * MINUTE));
            process.log_in();
            if process.flight.is_none() {
                return true;
            }
            process.answer(409, "");
            process.machine.close();
            false
        })
}

#[test]
fn a_count_belongs_to_all_that_was_sent() {
    let provider = |client| Provider::oauth2("https://l.example/t", client);
    let client = || ClientAuth::basic("id", "secret");
    let first = || provider(client()).scope("a").form_member("audience", "x");
    let build = |builder: ProviderBuilder| builder.build().unwrap();
    assert!(holds_back(build(first()), build(first())));
    for other in [
        provider(client()).scope("b").form_member("audience", "x"),
        provider(client()).scope("a").form_member("audience", "y"),
        provider(client()).scope("a").form_member("resource", "x"),
        provider(ClientAuth::basic("id", "other"))
            .scope("a")
            .form_member("audience", "x"),
        provider(ClientAuth::form("id", "secret"))
            .scope("a")
            .form_member("audience", "x"),
        provider(ClientAuth::basic_unencoded("id", "secret"))
            .scope("a")
            .form_member("audience", "x"),
    ] {
        assert!(
            !holds_back(build(first()), build(other.clone())),
            "{other:?}"
        );
    }
}
