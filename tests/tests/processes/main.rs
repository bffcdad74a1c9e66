//! Programs that start often, and processes that share one session: real processes over one
//! file or server and one emulator, some of which are killed.
//!
//! ```sh
//! cargo test -p simacan-auth-tests --test processes -- --nocapture # prints its figures
//! SIMACAN_SEED=7 cargo test -p simacan-auth-tests --test processes # kills at other points
//! ```
//!
//! Nothing passes or fails by the speed of the machine: what takes time is waited for by its effect, up to
//! [`PATIENCE`](world::PATIENCE).
#![cfg(unix)] // processes are killed

/// Makes a test of each case for each adapter.
macro_rules! for_both {
    ($($case:ident),+ $(,)?) => {
        mod ureq {
            $(#[test] fn $case() { super::$case(crate::pusher::Adapter::Ureq); })+
        }
        mod reqwest {
            $(#[test] fn $case() { super::$case(crate::pusher::Adapter::Reqwest); })+
        }
    };
}

mod audit;
mod child;
mod cron_job;
#[path = "../../../adapters/ureq/examples/cron_job.rs"]
#[expect(
    dead_code,
    reason = "its `main` reads the command line, which is the test's here"
)]
mod example;
mod exchange;
mod faults;
mod front;
mod http1;
mod killed;
mod lives;
mod minutely;
mod minutely_processes;
mod often;
mod ordeal;
mod place;
mod pusher;
mod servers;
mod surroundings;
mod trials;
mod tries;
mod worker;
mod workers;
