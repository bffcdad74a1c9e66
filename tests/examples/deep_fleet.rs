//! As the test `fleet`, with more dangers: many minutes.

#[cfg(any(model, fuzzing))]
fn main() {
    use simacan_auth_tests::fleet::{Dangers, Fleets};

    let two = Dangers {
        requests: 2,
        ..Dangers::default()
    };
    let three = Dangers { requests: 1, ..two };
    let all = [
        (
            "two, a store that fails twice",
            2,
            Dangers {
                store: 2,
                platform: 1,
                ..two
            },
        ),
        (
            "two, a platform that changes twice",
            2,
            Dangers {
                store: 1,
                platform: 2,
                ..two
            },
        ),
        (
            "two, a clock",
            2,
            Dangers {
                crashes: 1,
                store: 1,
                clock: 1,
                ..two
            },
        ),
        (
            "three, crashes",
            3,
            Dangers {
                crashes: 2,
                network: 1,
                platform: 1,
                ..three
            },
        ),
        (
            "three, a store that fails",
            3,
            Dangers {
                crashes: 1,
                store: 1,
                platform: 1,
                ..three
            },
        ),
        (
            "three, a clock",
            3,
            Dangers {
                crashes: 1,
                store: 1,
                clock: 1,
                ..three
            },
        ),
        (
            "two, locks that are lost",
            2,
            Dangers {
                locks: 2,
                crashes: 1,
                clock: 1,
                ..two
            },
        ),
        (
            "two, a full disk",
            2,
            Dangers {
                disk: 1,
                crashes: 1,
                platform: 1,
                clock: 1,
                ..two
            },
        ),
        (
            "three, locks and credentials",
            3,
            Dangers {
                locks: 1,
                credentials: 1,
                platform: 1,
                ..three
            },
        ),
        (
            "two, all but the clock",
            2,
            Dangers {
                crashes: 1,
                network: 1,
                store: 1,
                vandals: 1,
                platform: 1,
                ..two
            },
        ),
    ];
    let explore = |(name, processes, dangers)| {
        let fleets = Fleets {
            processes,
            dangers,
            defect: None,
        };
        fleets.explore(name)
    };
    let states: usize = all.into_iter().map(explore).sum();
    println!("{states} distinct states in all");
}

#[cfg(not(any(model, fuzzing)))]
fn main() {
    panic!("it is built with `--cfg model`: see `.cargo/config.toml`");
}
