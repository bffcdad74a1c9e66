//! Processes share one session while tokens are ended early, answers are lost and some of them are killed
//! and started again.

use std::thread;
use std::time::{Duration, Instant};

use http::StatusCode;
use simacan_auth_emulator::{Emulator, Endpoint, Fault};
use simacan_auth_servers::Redis;

use crate::audit::Trial;
use crate::front::Moment;
use crate::servers::{PostgresServer, StoreServer};
use crate::surroundings::{Folder, Random, settings};
use crate::worker::config;
use crate::workers::{Fleet, Habits};

const TOKEN_LIFE: Duration = Duration::from_secs(1);
/// An hour takes a second, the life of a token here.
const COMPRESSED: u32 = 3600;
const LONGEST: Duration = Duration::from_secs(180);

/// What happens to the newest token.
fn interfere(fleet: &mut Fleet, random: &mut Random) {
    let moments = Moment::ALL.len() as u64;
    match random.below(100) {
        0..50 => fleet.revoke(),
        // It comes to its end by itself.
        50..56 => fleet.use_token(u64::MAX),
        56..76 => {
            let moment = usize::try_from(random.below(moments)).expect("a few");
            fleet.front.arm(Moment::ALL[moment]);
            fleet.revoke();
        }
        76..88 => {
            fleet.revoke();
            thread::sleep(Duration::from_millis(random.below(30)));
            kill_one(fleet, random);
        }
        88..92 => kill_one(fleet, random),
        92..95 => {
            fleet.front.with(Emulator::revoke_refresh_tokens);
            fleet.revoke();
        }
        95..98 => {
            let lost = Fault::AnswerLost;
            fleet
                .front
                .with(|emulator| emulator.script(Endpoint::Refresh, lost));
            fleet.revoke();
        }
        _ => {
            let down = Fault::Status(StatusCode::SERVICE_UNAVAILABLE);
            fleet
                .front
                .with(|emulator| emulator.script(Endpoint::Refresh, down));
            fleet.revoke();
        }
    }
}

fn kill_one(fleet: &Fleet, random: &mut Random) {
    let n = random.below(fleet.workers.len() as u64);
    fleet.workers[usize::try_from(n).expect("a few")]
        .process
        .kill();
}

/// Until so many token sets are granted, if the machine is not too slow for it.
fn kill_many(place: String, workers: usize, lives: usize) {
    let mut random = Random::from_env();
    println!("SIMACAN_SEED={}", random.seed());
    let began = Instant::now();
    let settings = settings().with_access_token_life(TOKEN_LIFE);
    let mut fleet = Fleet::start(place, workers, settings, COMPRESSED, &Habits::default());
    while fleet.lives.granted < lives && began.elapsed() < LONGEST {
        fleet.use_token(1 + random.below(30));
        interfere(&mut fleet, &mut random);
    }
    fleet.end();
    let took = began.elapsed();

    let (struck, killed) = (fleet.front.struck(), fleet.killed());
    println!(
        "{workers} processes in {took:.1?}: {killed} were killed, of which {} at a chosen moment of an exchange",
        struck.len(),
    );
    for moment in Moment::ALL {
        let times = struck.iter().filter(|&&struck| struck == moment).count();
        println!("  {moment:?}: {times}");
    }
    assert!(struck.contains(&Moment::Decided), "the first login");
    let superseded = fleet.heard(|heard| heard.superseded);
    if superseded > 0 {
        // This computer was so slow that a lease ran out.
        let places = 0..usize::MAX;
        let price = superseded + killed;
        fleet.trials.push(Trial {
            name: "slow",
            places,
            price,
            is_hasty: false,
        });
    }
    let audit = fleet.audit();
    println!("{:#?}", audit.figures());
    let figures = audit.check(TOKEN_LIFE, &config(COMPRESSED));
    assert!(figures.passwords > 1, "what was killed has a successor");

    let (accepted, repeated) = fleet.check_pushes();
    println!(
        "{accepted} pushes accepted, {repeated} of them again by a successor; {} denied for now; {} and {} 401s; {} adoptions",
        fleet.heard(|heard| heard.again),
        fleet.heard(|heard| heard.unauthorized.iter().sum::<usize>()),
        fleet.heard(|heard| heard.blocked),
        fleet.heard(|heard| heard.adopted),
    );
    let counters = fleet.front.with(|emulator| *emulator.ledger().counters());
    assert_eq!(counters.targets_accepted, accepted);
}

#[test]
fn i1_i3_processes_share_one_session_whatever_kills_them() {
    let folder = Folder::new("fleet");
    let place = folder
        .session()
        .to_str()
        .expect("a path of ours")
        .to_owned();
    kill_many(place, 10, 300);
}

#[test]
fn i1_i3_processes_share_one_session_in_a_redis_whatever_kills_them() {
    let Some(server) = Redis::start(&[]) else {
        return;
    };
    kill_many(server.url(), 8, 60);
}

#[test]
fn i1_i3_processes_share_one_session_in_a_postgres_whatever_kills_them() {
    let Some(server) = PostgresServer::new() else {
        return;
    };
    kill_many(server.place(), 8, 100);
}
