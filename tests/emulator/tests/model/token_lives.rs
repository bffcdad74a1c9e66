//! How long tokens live.

use std::time::Duration;

use crate::test_client::*;
use simacan_auth_emulator::{Detail, Emulator};

#[test]
fn an_access_token_lives_an_hour_to_the_millisecond() {
    let mut emulator = emulator();
    let half = Duration::from_millis(500);
    let answer = emulator
        .respond(at(0) + half, &login(USER, PASSWORD))
        .unwrap();
    let tokens = tokens(&answer);
    let request = post(&tokens.access, "");
    let end = at(HOUR) + half;
    let mut status = |now| emulator.respond(now, &request).unwrap().status().as_u16();
    assert_eq!(status(end - Duration::from_millis(1)), 204);
    assert_eq!(status(end), 401);
}

#[test]
fn a_refresh_token_lives_a_day() {
    let mut emulator = emulator();
    let tokens = log_in(&mut emulator, 0);
    let mut copy = emulator.clone();
    refreshed(&mut copy, 24 * HOUR - 1, &tokens.refresh);
    assert_eq!(
        status(&mut emulator, 24 * HOUR, &refresh(&tokens.refresh)),
        401
    );
}

#[test]
fn lives_can_be_set() {
    let settings = settings()
        .with_access_token_life(Duration::from_secs(2))
        .with_refresh_token_life(Duration::from_secs(10));
    let mut emulator = Emulator::new(settings);
    let answer = send(&mut emulator, 0, &login(USER, PASSWORD));
    assert_eq!(json(&answer)["expires_in"], 2);
    assert_eq!(json(&answer)["refresh_expires_in"], 10);
    let tokens = tokens(&answer);
    assert_eq!(status(&mut emulator, 1, &post(&tokens.access, "")), 204);
    assert_eq!(status(&mut emulator, 2, &post(&tokens.access, "")), 401);
    assert_eq!(status(&mut emulator, 10, &refresh(&tokens.refresh)), 401);
}

#[test]
fn a_refresh_token_may_die_before_its_access_token() {
    let settings = settings().with_refresh_token_life(Duration::from_secs(10));
    let mut emulator = Emulator::new(settings);
    let tokens = log_in(&mut emulator, 0);
    // A login in between, which is when the dead are forgotten.
    log_in(&mut emulator, 20);
    assert_eq!(status(&mut emulator, 30, &refresh(&tokens.refresh)), 401);
    assert_eq!(status(&mut emulator, 30, &post(&tokens.access, "")), 204);
}

#[test]
fn access_tokens_can_die_before_their_time() {
    let mut emulator = emulator();
    let first = log_in(&mut emulator, 0);
    emulator.revoke_access_tokens();
    assert_eq!(status(&mut emulator, 1, &post(&first.access, "")), 401);
    let second = refreshed(&mut emulator, 1, &first.refresh);
    assert_eq!(status(&mut emulator, 1, &post(&second.access, "")), 204);
}

#[test]
fn times_before_1970_and_lives_without_end_do_no_harm() {
    let mut emulator = Emulator::new(settings().with_access_token_life(Duration::MAX));
    let long_ago = std::time::UNIX_EPOCH - Duration::from_secs(1);
    let answer = emulator.respond(long_ago, &login(USER, PASSWORD)).unwrap();
    assert_eq!(
        status(&mut emulator, 0, &post(&tokens(&answer).access, "")),
        204
    );
}

#[test]
fn a_refreshed_session_is_remembered_and_a_dead_one_is_not() {
    let settings = settings().with_ledger(Detail::Nothing);
    let mut emulator = Emulator::new(settings);
    let first = log_in(&mut emulator, 0);
    let second = refreshed(&mut emulator, 23 * HOUR, &first.refresh);
    log_in(&mut emulator, 25 * HOUR);
    refreshed(&mut emulator, 26 * HOUR, &second.refresh);

    let size = |emulator: &Emulator| format!("{emulator:?}").len();
    let before = size(&emulator);
    for day in 3..1000 {
        log_in(&mut emulator, day * 24 * HOUR);
    }
    assert!(size(&emulator) <= before, "it grows with every login");
}
