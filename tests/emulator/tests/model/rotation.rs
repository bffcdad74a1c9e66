//! What becomes of refresh tokens.

use std::time::Duration;

use crate::test_client::*;
use simacan_auth_emulator::{Emulator, RefreshOutcome, Refusal, Reuse, Rotation, What};

#[test]
fn a_refresh_answers_a_new_pair() {
    let mut emulator = emulator();
    let first = log_in(&mut emulator, 0);
    let second = refreshed(&mut emulator, 0, &first.refresh);
    assert_ne!(first.access, second.access);
    assert_ne!(first.refresh, second.refresh);
    assert_eq!(status(&mut emulator, 0, &post(&second.access, "")), 204);
    // The old access token lives until it expires.
    assert_eq!(status(&mut emulator, 0, &post(&first.access, "")), 204);
}

#[test]
fn a_chain_of_refreshes_outlives_the_first_refresh_token() {
    let mut emulator = emulator();
    let mut tokens = log_in(&mut emulator, 0);
    for hour in 1..=24 * 366 {
        tokens = refreshed(&mut emulator, hour * HOUR, &tokens.refresh);
    }
    assert_eq!(emulator.ledger().counters().refreshes_accepted, 24 * 366);
    assert_eq!(emulator.ledger().counters().passwords_received, 1);
}

#[test]
fn a_spent_refresh_token_is_refused_and_its_successor_still_good() {
    let mut emulator = emulator();
    let first = log_in(&mut emulator, 0);
    let second = refreshed(&mut emulator, 0, &first.refresh);
    assert_eq!(status(&mut emulator, 0, &refresh(&first.refresh)), 401);
    assert_eq!(last_refusal(&emulator), Refusal::Reused);
    assert_eq!(emulator.ledger().counters().reuses, 1);
    refreshed(&mut emulator, 0, &second.refresh);
}

#[test]
fn a_reuse_can_revoke_the_whole_family_and_no_other() {
    let mut emulator = Emulator::new(settings().with_reuse(Reuse::RevokeFamily));
    let other = log_in(&mut emulator, 0);
    let first = log_in(&mut emulator, 0);
    let second = refreshed(&mut emulator, 0, &first.refresh);
    assert_eq!(status(&mut emulator, 0, &refresh(&first.refresh)), 401);
    assert_eq!(status(&mut emulator, 0, &refresh(&second.refresh)), 401);
    assert_eq!(last_refusal(&emulator), Refusal::Revoked);
    assert_eq!(status(&mut emulator, 0, &post(&second.access, "")), 401);

    assert_eq!(status(&mut emulator, 0, &post(&other.access, "")), 204);
    refreshed(&mut emulator, 0, &other.refresh);
}

#[test]
fn within_the_grace_the_token_before_is_answered_again() {
    let mut emulator = Emulator::new(settings().with_grace(Duration::from_secs(60)));
    let first = log_in(&mut emulator, 0);
    let lost = refreshed(&mut emulator, 100, &first.refresh);
    let second = refreshed(&mut emulator, 159, &first.refresh);
    assert_ne!(lost, second);
    let counters = emulator.ledger().counters();
    assert_eq!((counters.refreshes_accepted, counters.reuses), (2, 1));
    refreshed(&mut emulator, 500, &second.refresh);
}

#[test]
fn the_grace_ends() {
    let mut emulator = Emulator::new(settings().with_grace(Duration::from_secs(60)));
    let first = log_in(&mut emulator, 0);
    refreshed(&mut emulator, 100, &first.refresh);
    refreshed(&mut emulator, 130, &first.refresh);
    // It counts from the first use, not from the latest.
    assert_eq!(status(&mut emulator, 160, &refresh(&first.refresh)), 401);
    assert_eq!(last_refusal(&emulator), Refusal::Reused);
}

#[test]
fn the_grace_covers_no_token_but_the_one_before() {
    let mut emulator = Emulator::new(settings().with_grace(Duration::from_secs(60)));
    let first = log_in(&mut emulator, 0);
    let second = refreshed(&mut emulator, 0, &first.refresh);
    refreshed(&mut emulator, 0, &second.refresh);
    assert_eq!(status(&mut emulator, 1, &refresh(&first.refresh)), 401);
    refreshed(&mut emulator, 1, &second.refresh);
}

#[test]
fn two_that_raced_within_the_grace_are_both_answered_within_it() {
    let mut emulator = Emulator::new(settings().with_grace(Duration::from_secs(60)));
    let first = log_in(&mut emulator, 0);
    let one = refreshed(&mut emulator, 0, &first.refresh);
    let two = refreshed(&mut emulator, 0, &first.refresh);
    refreshed(&mut emulator, 59, &one.refresh);
    assert_eq!(status(&mut emulator, 60, &refresh(&two.refresh)), 401);
}

#[test]
fn a_refresh_can_keep_the_old_refresh_token() {
    let mut emulator = Emulator::new(settings().with_rotation(Rotation::KeepOld));
    let first = log_in(&mut emulator, 0);
    for hour in 1..=23 {
        let answer = send(&mut emulator, hour * HOUR, &refresh(&first.refresh));
        let json = json(&answer);
        assert!(json.get("refresh_token").is_none());
        let access = json["access_token"].as_str().unwrap();
        assert_eq!(status(&mut emulator, hour * HOUR, &post(access, "")), 204);
    }
    assert_eq!(emulator.ledger().counters().reuses, 0);
    assert_eq!(
        status(&mut emulator, 24 * HOUR, &refresh(&first.refresh)),
        401
    );
    assert_eq!(last_refusal(&emulator), Refusal::Expired);
}

#[test]
fn a_server_can_hand_out_no_refresh_tokens() {
    let mut emulator = Emulator::new(settings().with_rotation(Rotation::NoRefreshTokens));
    let json = json(&send(&mut emulator, 0, &login(USER, PASSWORD)));
    assert!(json["access_token"].is_string());
    assert!(json.get("refresh_token").is_none() && json.get("refresh_expires_in").is_none());
}

#[test]
fn revoked_refresh_tokens_are_refused_and_later_ones_are_not() {
    let mut emulator = emulator();
    let tokens = log_in(&mut emulator, 0);
    emulator.revoke_refresh_tokens();
    assert_eq!(status(&mut emulator, 0, &refresh(&tokens.refresh)), 401);
    assert_eq!(last_refusal(&emulator), Refusal::Revoked);
    assert_eq!(status(&mut emulator, 0, &post(&tokens.access, "")), 204);
    let tokens = log_in(&mut emulator, 0);
    refreshed(&mut emulator, 0, &tokens.refresh);
}

#[test]
fn damaged_and_foreign_refresh_tokens_are_unknown() {
    let mut emulator = emulator();
    let tokens = log_in(&mut emulator, 0);
    let mut stranger = Emulator::new(settings().with_seed(1));
    let foreign = log_in(&mut stranger, 0).refresh;
    let (signed, signature) = tokens.refresh.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let (_, foreign_claims) = foreign.rsplit_once('.').unwrap().0.split_once('.').unwrap();
    for bad in [
        "x",
        "..",
        &tokens.refresh[..tokens.refresh.len() - 1],
        &tokens.refresh[1..],
        &format!("{header}.{claims}."),
        &format!("{header}.{foreign_claims}.{signature}"),
        &format!("{} ", tokens.refresh),
        &foreign,
        // The other of the pair, too, is none.
        &tokens.access,
    ] {
        assert_eq!(status(&mut emulator, 0, &refresh(bad)), 401, "{bad}");
        assert_eq!(last_refusal(&emulator), Refusal::Unknown, "{bad}");
    }
    assert_eq!(
        status(&mut emulator, 0, &form("/api/v1/auth/refresh", &[])),
        400
    );
    refreshed(&mut emulator, 0, &tokens.refresh);
}

fn last_refusal(emulator: &Emulator) -> Refusal {
    match &emulator.ledger().entries().last().unwrap().what {
        What::Refresh {
            outcome: RefreshOutcome::Refused(why),
            ..
        } => *why,
        other => panic!("{other:?}"),
    }
}
