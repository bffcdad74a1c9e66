//! As the test `all_fleets`, with more dangers: many minutes.

#[cfg(any(model, fuzzing))]
use simacan_auth_tests::fleet::{Dangers, Fleets};

#[cfg(any(model, fuzzing))]
const ONE: Dangers = Dangers::none(1);
#[cfg(any(model, fuzzing))]
const TWO: Dangers = Dangers::none(2);

#[cfg(any(model, fuzzing))]
const ALL: &[(&str, usize, Dangers)] = &[
    (
        "two, a store that fails twice",
        2,
        Dangers {
            store: 2,
            platform: 1,
            ..TWO
        },
    ),
    (
        "two, a platform that changes twice",
        2,
        Dangers {
            store: 1,
            platform: 2,
            ..TWO
        },
    ),
    (
        "two, a clock",
        2,
        Dangers {
            crashes: 1,
            store: 1,
            clock: 1,
            ..ONE
        },
    ),
    (
        "three, crashes",
        3,
        Dangers {
            crashes: 2,
            platform: 1,
            ..ONE
        },
    ),
    (
        "three, a store that fails",
        3,
        Dangers {
            crashes: 1,
            store: 1,
            ..ONE
        },
    ),
    ("three, a clock", 3, Dangers { clock: 1, ..ONE }),
    (
        "two, locks that are lost",
        2,
        Dangers {
            locks: 1,
            crashes: 1,
            platform: 1,
            ..ONE
        },
    ),
    (
        "two, a full disk",
        2,
        Dangers {
            disk: 2,
            crashes: 1,
            platform: 1,
            ..TWO
        },
    ),
    (
        "three, locks and credentials",
        3,
        Dangers {
            locks: 1,
            credentials: 1,
            ..ONE
        },
    ),
    (
        "two, a store that fails, and vandals",
        2,
        Dangers {
            crashes: 1,
            store: 1,
            vandals: 1,
            platform: 1,
            ..ONE
        },
    ),
];

#[cfg(any(model, fuzzing))]
fn main() {
    let explore = |&(name, processes, dangers)| {
        let fleets = Fleets {
            processes,
            dangers,
            defect: None,
        };
        fleets.explore(name)
    };
    let states: usize = ALL.iter().map(explore).sum();
    println!("{states} distinct states in all");
}

#[cfg(not(any(model, fuzzing)))]
fn main() {
    panic!("it is built with `--cfg model`: see `.cargo/config.toml`");
}
