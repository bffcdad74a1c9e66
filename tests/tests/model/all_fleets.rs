//! All interleavings of processes that share one saved session (`simacan_auth::manual::stores`). The
//! example `deep_fleet` goes deeper.
#![cfg(any(model, fuzzing))]

use simacan_auth_emulator::Reuse;
use simacan_auth_tests::fleet::{Dangers, Fleets, Random, StoreDefect};

const ONE: Dangers = Dangers::none(1);
const TWO: Dangers = Dangers::none(2);

fn fleets(processes: usize, dangers: Dangers) -> Fleets {
    Fleets {
        processes,
        dangers,
        defect: None,
    }
}

/// With how many states there are at least: fewer, and states that differ were taken for one.
const SCENARIOS: &[(&str, usize, Dangers, usize)] = &[
    (
        "two that are killed, and a store that fails",
        2,
        Dangers {
            crashes: 1,
            store: 1,
            ..TWO
        },
        19_000,
    ),
    (
        "two, a store that fails, and a platform",
        2,
        Dangers {
            store: 1,
            platform: 1,
            ..TWO
        },
        9_000,
    ),
    (
        "two, a network, and a platform",
        2,
        Dangers {
            network: 1,
            platform: 1,
            ..TWO
        },
        20_000,
    ),
    (
        "two that are killed, and a clock",
        2,
        Dangers {
            crashes: 1,
            clock: 1,
            ..ONE
        },
        9_000,
    ),
    (
        "two, vandals, and a platform",
        2,
        Dangers {
            vandals: 1,
            platform: 1,
            ..TWO
        },
        6_000,
    ),
    (
        "two that lose the lock, and a platform",
        2,
        Dangers {
            locks: 2,
            platform: 1,
            ..ONE
        },
        60_000,
    ),
    (
        "two that are killed, and a full disk",
        2,
        Dangers {
            crashes: 1,
            disk: 2,
            ..ONE
        },
        2_000,
    ),
    (
        "two that are given another password, and a platform",
        2,
        Dangers {
            credentials: 2,
            platform: 1,
            ..ONE
        },
        7_000,
    ),
    (
        "three that are killed, and a platform",
        3,
        Dangers {
            crashes: 1,
            platform: 1,
            ..ONE
        },
        9_000,
    ),
    (
        "three, and a store that fails",
        3,
        Dangers { store: 1, ..ONE },
        3_000,
    ),
];

#[test]
fn all_interleavings_of_a_fleet_keep_its_rules() {
    for &(name, processes, dangers, at_least) in SCENARIOS {
        let states = fleets(processes, dangers).explore(name);
        assert!(states >= at_least, "{name}: only {states} states");
    }
}

#[test]
fn i14_a_store_without_lock_memory_or_effect_is_caught() {
    for (defect, dangers) in [
        (StoreDefect::LocksNothing, Dangers { clock: 1, ..TWO }),
        (StoreDefect::LoadsNothing, Dangers { crashes: 1, ..TWO }),
        (StoreDefect::SavesNothing, Dangers { crashes: 1, ..TWO }),
    ] {
        let fleets = Fleets {
            defect: Some(defect),
            ..fleets(2, dangers)
        };
        let found = fleets.search("broken").expect_err("it is broken");
        println!("{found}");
        assert!(
            found.contains("I14 (tokens are not lost) is violated"),
            "{defect:?}: {found}"
        );
    }
}

/// `SIMACAN_SEED=n` takes others.
#[test]
fn long_random_histories_of_a_fleet_keep_its_rules() {
    let given = std::env::var("SIMACAN_SEED").ok();
    let first = given.and_then(|seed| seed.parse().ok()).unwrap_or(1_u64);
    let mut elapsed = 0;
    for (n, seed) in (0..24).zip(first.wrapping_mul(1000)..) {
        let random = Random {
            seed,
            processes: [2, 3, 8][n % 3],
            steps: 3000,
            reuse: [Reuse::Refuse, Reuse::RevokeFamily][n / 3 % 2],
            has_bad_store: n % 4 > 1,
        };
        elapsed += random.live().unwrap_or_else(|found| panic!("{found}"));
    }
    println!("seed {first}: {} days", elapsed / 86_400_000);
    assert!(elapsed > 20 * 86_400_000, "only {elapsed} ms");
}
