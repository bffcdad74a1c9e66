//! What the ledger keeps, and what nothing shows.

use std::fmt::Write as _;

use crate::test_client::*;
use simacan_auth_emulator::{Detail, Emulator, Endpoint, Fault};

#[test]
fn counters_count_what_was_sent_and_what_was_granted() {
    let mut emulator = emulator();
    send(&mut emulator, 0, &login(USER, "wrong"));
    let tokens = log_in(&mut emulator, 0);
    send(&mut emulator, 0, &post(&tokens.access, "a"));
    send(&mut emulator, 0, &post("x", "a"));
    refreshed(&mut emulator, 0, &tokens.refresh);
    send(&mut emulator, 0, &refresh(&tokens.refresh));
    send(&mut emulator, 0, &form("/oauth2/nowhere", &[]));
    let c = *emulator.ledger().counters();
    assert_eq!((c.passwords_received, c.passwords_accepted), (2, 1));
    assert_eq!(
        (c.refreshes_received, c.refreshes_accepted, c.reuses),
        (2, 1, 1)
    );
    assert_eq!(
        (
            c.targets_received,
            c.targets_accepted,
            c.target_unauthorized
        ),
        (2, 1, 1)
    );
    assert_eq!(c.others_received, 1);
    assert_eq!(emulator.ledger().entries().len(), 7);
}

#[test]
fn bodies_that_are_accepted_twice_are_noticed() {
    let mut emulator = Emulator::new(settings().with_ledger(Detail::Bodies));
    let tokens = log_in(&mut emulator, 0);
    for body in ["a", "b", "", "", "", "b"] {
        send(&mut emulator, 0, &post(&tokens.access, body));
    }
    // Not accepted, so not repeated.
    send(&mut emulator, 0, &post("x", "b"));
    assert_eq!(emulator.ledger().counters().most_repeats_of_a_body, 2);
    assert_eq!(emulator.ledger().accepted_bodies(), [b"a", b"b", b"b"]);
}

#[test]
fn the_ledger_keeps_as_much_as_it_is_told() {
    let kept = |detail| {
        let mut emulator = Emulator::new(settings().with_ledger(detail));
        let tokens = log_in(&mut emulator, 0);
        send(&mut emulator, 0, &post(&tokens.access, "a"));
        let ledger = emulator.ledger();
        let counted = ledger.counters().targets_accepted;
        (
            counted,
            ledger.entries().len(),
            ledger.accepted_bodies().len(),
        )
    };
    assert_eq!(kept(Detail::Nothing), (0, 0, 0));
    assert_eq!(kept(Detail::Counters), (1, 0, 0));
    assert_eq!(kept(Detail::Entries), (1, 2, 0));
    assert_eq!(kept(Detail::Bodies), (1, 2, 1));
}

#[test]
fn a_cleared_ledger_starts_again_and_the_sessions_live_on() {
    let mut emulator = emulator();
    let tokens = log_in(&mut emulator, 0);
    emulator.ledger_mut().clear();
    assert!(emulator.ledger().entries().is_empty());
    refreshed(&mut emulator, 0, &tokens.refresh);
    assert_eq!(emulator.ledger().counters().refreshes_received, 1);
    assert_eq!(emulator.ledger().counters().passwords_received, 0);
}

#[test]
fn entries_read_like_a_log() {
    let mut emulator = emulator();
    emulator.script(Endpoint::Refresh, Fault::AnswerLost);
    let tokens = log_in(&mut emulator, 0);
    emulator.handle(at(0), &refresh(&tokens.refresh));
    emulator.handle(at(HOUR), &post(&tokens.access, "abc"));
    let lines: Vec<String> = emulator
        .ledger()
        .entries()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        lines,
        [
            "password: foo@bar.com, accepted, tokens #1 -> 200",
            "refresh: token #1, replaced by #2 -> no answer [fault: answer lost]",
            "target: POST /api/v1/realisation, 3 bytes, token #1, expired -> 401",
        ]
    );
}

#[test]
fn no_debug_or_display_output_shows_a_secret() {
    let settings = settings().with_client("c", Some("client-secret"));
    let mut emulator = Emulator::new(settings.clone());
    let first = log_in(&mut emulator, 0);
    let second = refreshed(&mut emulator, 0, &first.refresh);
    // A password in the field of the name.
    send(&mut emulator, 0, &login(PASSWORD, USER));
    send(&mut emulator, 0, &refresh(&first.access));
    let replacement = http::Response::new(second.refresh.clone());
    emulator.script(Endpoint::Refresh, replacement.into());
    let reply = emulator.clone().handle(at(0), &refresh(&second.refresh));
    let mut shown = format!(
        "{settings:?} {emulator:?} {reply:?} {:?}",
        emulator.ledger()
    );
    for entry in emulator.ledger().entries() {
        write!(shown, "{entry} {entry:#?}").unwrap();
    }
    let secrets = [
        PASSWORD,
        "client-secret",
        &first.access,
        &first.refresh,
        &second.access,
        &second.refresh,
    ];
    for secret in secrets {
        assert!(!shown.contains(secret), "{secret}");
        // Nor a recognizable piece of a token.
        let tail = &secret[secret.len().saturating_sub(40)..];
        assert!(!shown.contains(tail), "{tail}");
    }
}
