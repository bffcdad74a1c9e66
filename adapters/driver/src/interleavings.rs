//! Callers that block, callers that await, carriers and the time-keeper, under a checker that decides which of
//! them goes on when:
//!
//! ```sh
//! RUSTFLAGS="--cfg shuttle" cargo test -p simacan-auth-driver --lib
//! ```
//!
//! Nothing times out there unless a scenario says that time goes by, so a wake-up that is lost is a deadlock,
//! which it finds. The machine and the platform are the real ones; only HTTP is not there. The page
//! `interleavings` of `simacan-auth-testkit` says how such scenarios are written, and how a failure is read.

mod callers;
mod stores;
mod time;
mod world;

use shuttle::Runner;
use shuttle::scheduler::{PctScheduler, RandomScheduler};

use world::World;

const SEED: u64 = 1;
const TIMES: usize = 1_500;

fn explore(scenario: fn(World)) {
    explore_fairly(scenario);
    // Few switches at the worst of moments.
    let few = PctScheduler::new_from_seed(SEED, 3, TIMES);
    Runner::new(few, shuttle::Config::default()).run(move || scenario(World::new()));
}

/// For scenarios in which time goes by: it must not go by for ever while nothing else does.
fn explore_fairly(scenario: fn(World)) {
    let random = RandomScheduler::new_from_seed(SEED, TIMES);
    Runner::new(random, shuttle::Config::default()).run(move || scenario(World::new()));
}
