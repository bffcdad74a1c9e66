//! All interleavings of processes that share one saved session (DESIGN 11). The example `deep_fleet` goes
//! deeper.

use simacan_auth_tests::fleet::{Dangers, Fleets, StoreDefect};

const ONE: Dangers = Dangers {
    requests: 1,
    crashes: 0,
    network: 0,
    store: 0,
    vandals: 0,
    clock: 0,
    platform: 0,
};
const TWO: Dangers = Dangers { requests: 2, ..ONE };

fn fleets(processes: usize, dangers: Dangers) -> Fleets {
    Fleets {
        processes,
        dangers,
        defect: None,
    }
}

/// With how many states there are at least: fewer, and states that differ were taken for one.
#[test]
fn all_interleavings_of_a_fleet_keep_its_rules() {
    for (name, processes, dangers, at_least) in [
        (
            "two that are killed, and a store that fails",
            2,
            Dangers {
                crashes: 1,
                store: 1,
                ..TWO
            },
            20_000,
        ),
        (
            "two, a store that fails, and a platform",
            2,
            Dangers {
                store: 1,
                platform: 1,
                ..TWO
            },
            10_000,
        ),
        (
            "two, a network, and a platform",
            2,
            Dangers {
                network: 1,
                platform: 1,
                ..TWO
            },
            28_000,
        ),
        (
            "two that are killed, and a clock",
            2,
            Dangers {
                crashes: 1,
                clock: 1,
                ..ONE
            },
            10_000,
        ),
        (
            "two, vandals, and a platform",
            2,
            Dangers {
                vandals: 1,
                platform: 1,
                ..TWO
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
            10_000,
        ),
        (
            "three, and a store that fails",
            3,
            Dangers { store: 1, ..ONE },
            3_500,
        ),
    ] {
        let states = fleets(processes, dangers).explore(name);
        assert!(states >= at_least, "{name}: only {states} states");
    }
}

#[test]
fn a_store_without_lock_memory_or_effect_is_caught() {
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
        assert!(found.contains("is violated"), "{defect:?}: {found}");
    }
}
