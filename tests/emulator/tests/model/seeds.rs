//! Determinism, faults by seed, and the emulator as a value.

use std::collections::HashSet;
use std::time::Duration;

use crate::test_client::*;
use simacan_auth_emulator::{Detail, Emulator, Endpoint, FaultRates, Outcome, Settings};

const ALL: FaultRates = FaultRates {
    request_lost: 100,
    answer_lost: 100,
    server_error: 100,
    too_many_requests: 100,
    garbage: 100,
    truncated: 100,
    delayed: 100,
    delay: Duration::from_secs(7),
};

#[test]
fn the_same_seed_and_requests_get_the_same_bytes() {
    let settings = || settings().with_fault_rates(ALL).with_seed(42);
    assert_eq!(life(settings()), life(settings()));
}

#[test]
fn another_seed_gets_other_tokens_and_other_faults() {
    assert_ne!(life(settings()), life(settings().with_seed(1)));
    let faults = |seed| {
        let log = life(settings().with_fault_rates(ALL).with_seed(seed));
        log.iter().map(Vec::is_empty).collect::<Vec<_>>()
    };
    assert_ne!(faults(1), faults(2));
}

#[test]
fn rates_are_kept_over_many_requests() {
    let mut emulator = Emulator::new(settings().with_fault_rates(ALL).with_seed(3));
    let request = login(USER, PASSWORD);
    let mut kinds = std::collections::BTreeMap::new();
    for _ in 0..10_000 {
        emulator.handle(at(0), &request);
    }
    for entry in emulator.ledger().entries() {
        let kind = match &entry.fault {
            None => "none",
            Some(fault) => match format!("{fault}") {
                name if name.contains("retry-after") => "429",
                name if name.contains("status 5") => "5xx",
                name if name.contains("delay of 7s") => "delay",
                name if name.contains("garbage") => "garbage",
                name if name.contains("truncated") => "truncated",
                name if name.contains("cut short") => "cut short",
                name if name == "request lost" => "request lost",
                name if name == "answer lost" => "answer lost",
                name => panic!("{name}"),
            },
        };
        *kinds.entry(kind).or_insert(0) += 1;
    }
    for (kind, expected) in [
        ("none", 3000),
        ("429", 1000),
        ("5xx", 1000),
        ("delay", 1000),
        ("garbage", 1000),
        ("truncated", 500),
        ("cut short", 500),
        ("request lost", 1000),
        ("answer lost", 1000),
    ] {
        let n: i32 = kinds[kind];
        assert!((n - expected).abs() < expected / 5, "{kind}: {n}");
    }
}

#[test]
fn rates_of_a_thousand_strike_always_and_of_zero_never() {
    let lost = FaultRates {
        answer_lost: 1000,
        ..FaultRates::default()
    };
    let mut emulator = Emulator::new(settings().with_fault_rates_at(Endpoint::Refresh, lost));
    for _ in 0..100 {
        let tokens = log_in(&mut emulator, 0);
        let reply = emulator.handle(at(0), &refresh(&tokens.refresh));
        assert!(matches!(reply.outcome, Outcome::Lost));
    }
}

#[test]
fn copies_part_ways() {
    let mut one = emulator();
    let tokens = log_in(&mut one, 0);
    let mut two = one.clone();
    assert_eq!(one, two);
    let a = refreshed(&mut one, 0, &tokens.refresh);
    assert_ne!(one, two);
    let b = refreshed(&mut two, 0, &tokens.refresh);
    assert_eq!(a, b);
    assert_eq!(one, two);
}

#[test]
fn without_a_ledger_histories_that_end_alike_are_equal() {
    let mut one = Emulator::new(settings().with_ledger(Detail::Nothing));
    let tokens = log_in(&mut one, 0);
    let mut two = one.clone();
    // Nothing of this leaves a trace in the state.
    for s in 0..3 {
        send(&mut two, s, &post(&tokens.access, "x"));
        send(&mut two, s, &login("nobody", "x"));
        send(&mut two, s, &refresh("unknown"));
    }
    assert_eq!(HashSet::from([one, two]).len(), 1);
}

/// What a client sees in some hours of an unlucky life.
fn life(settings: Settings) -> Vec<Vec<u8>> {
    let mut emulator = Emulator::new(settings);
    let mut seen = Vec::new();
    let mut token = String::new();
    for s in 0..100 {
        let answer = emulator.respond(at(s * 60), &login(USER, PASSWORD));
        if let Some(answer) = &answer
            && let Ok(json) = serde_json::from_slice::<serde_json::Value>(answer.body())
        {
            token = json["refresh_token"].to_string().replace('"', "");
        }
        seen.push(
            answer
                .map(|answer| format!("{answer:?}").into_bytes())
                .unwrap_or_default(),
        );
        let answer = emulator.respond(at(s * 60), &refresh(&token));
        seen.push(
            answer
                .map(|answer| format!("{answer:?}").into_bytes())
                .unwrap_or_default(),
        );
    }
    seen
}
