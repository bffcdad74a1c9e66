//! Eight processes share a session in a server, and everything goes wrong, one thing after the other.
//!
//! ```sh
//! SIMACAN_TRIAL=backup cargo test -p simacan-auth-tests --test processes fleet_over # only these
//! ```

use std::env;
use std::time::{Duration, Instant};

use simacan_auth_sealed_store::Key;

use crate::ordeal::{Ordeal, WORKERS};
use crate::servers::{PostgresServer, RedisServer, Rights, StoreServer};
use crate::surroundings::Random;

/// In milliseconds.
const HOUR: i64 = 3_600_000;

fn try_everything<S: StoreServer + 'static>(ordeal: &mut Ordeal<S>) {
    ordeal.process_is_killed();
    ordeal.connection_ends();
    ordeal.server_is_away();
    ordeal.exchange_is_slow();
    ordeal.process_pauses();
    ordeal.backup_comes_back();
    ordeal.program_starts_on_a_backup();
    ordeal.failover_loses_the_last_write();
    ordeal.rights_are_missing("no right to write", Rights::Read);
    ordeal.rights_are_missing("no right at all", Rights::None);
    ordeal.member_is_sick("one clock ahead", 0, |habits, _| habits.ahead = HOUR);
    ordeal.member_is_sick("one clock behind", 0, |habits, _| habits.ahead = -HOUR);
    ordeal.member_is_sick("one cut off from the Auth API", 0, |habits, _| {
        habits.is_cut_off = true;
    });
    let another = Key::generate().to_base64().to_string();
    ordeal.member_is_sick("one with another key", 1, |habits, _| {
        (habits.key, habits.may_fail) = (Some(another), true);
    });
}

#[test]
fn i1_a_fault_costs_a_fleet_over_redis_one_password_at_most() {
    let Some(server) = RedisServer::new() else {
        return;
    };
    let mut ordeal = Ordeal::new(server, true);
    ordeal.try_out("full", 1, |fleet, server| {
        let full = server.clone();
        fleet.in_a_refresh(move |_| full.fill(true));
        fleet.wait_for_failures(WORKERS);
        server.fill(false);
    });
    ordeal.try_out("replica promoted", 1, |fleet, server| {
        let replicated = server.record();
        fleet.rotate();
        let replica = server.clone();
        fleet.in_a_refresh(move |_| {
            replica.restore(&replicated);
            replica.be_a_replica(true);
        });
        fleet.wait_for_failures(WORKERS);
        server.be_a_replica(false);
    });
    try_everything(&mut ordeal);
    ordeal.end();
}

#[test]
fn i1_a_fault_costs_a_fleet_over_postgres_one_password_at_most() {
    let Some(server) = PostgresServer::new() else {
        return;
    };
    let mut ordeal = Ordeal::new(server, false);
    try_everything(&mut ordeal);
    ordeal.end();
}

fn try_one_without_the_right_to_write<S: StoreServer + 'static>(mut ordeal: Ordeal<S>) {
    ordeal.member_is_sick("one without the right to write", 1, |habits, server| {
        habits.place = Some(server.place_to_read());
    });
    ordeal.end();
}

#[test]
fn i1_a_member_that_cannot_write_costs_a_fleet_over_redis_one_password_at_most() {
    if let Some(server) = RedisServer::new() {
        try_one_without_the_right_to_write(Ordeal::new(server, true));
    }
}

#[test]
fn i1_a_member_that_cannot_write_costs_a_fleet_over_postgres_one_password_at_most() {
    if let Some(server) = PostgresServer::new() {
        try_one_without_the_right_to_write(Ordeal::new(server, false));
    }
}

#[test]
#[ignore = "takes minutes: SIMACAN_MINUTES, or 3"]
fn i1_a_fleet_over_redis_lives_for_minutes_with_leases_that_run_out() {
    let Some(server) = RedisServer::new() else {
        return;
    };
    let minutes =
        env::var("SIMACAN_MINUTES").map_or(3, |minutes| minutes.parse().expect("a number"));
    let (began, mut random) = (Instant::now(), Random::from_env());
    println!("SIMACAN_SEED={}", random.seed());
    let mut ordeal = Ordeal::new(server, true);
    while began.elapsed() < Duration::from_secs(60 * minutes) {
        match random.below(8) {
            0..3 => ordeal.try_out("nothing", 0, |fleet, _| fleet.use_token(u64::MAX)),
            3 => ordeal.exchange_is_slow(),
            4 => ordeal.process_pauses(),
            5 => ordeal.process_is_killed(),
            6 => ordeal.server_is_away(),
            _ => ordeal.connection_ends(),
        }
    }
    ordeal.end();
}
