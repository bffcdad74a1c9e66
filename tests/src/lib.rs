//! What crosses the crates: the reference model that the model checker and the properties share,
//! conformance of both adapters, and the quickstart. The code of the README is compiled and run here.

#[cfg(any(model, fuzzing))]
pub mod broken;
#[cfg(any(model, fuzzing))]
pub mod fleet;
#[cfg(any(model, fuzzing))]
pub mod fuzz;
#[cfg(any(model, fuzzing))]
pub mod history;
#[cfg(any(model, fuzzing))]
pub mod model;
pub mod profiles;
#[cfg(any(model, fuzzing))]
pub mod world;

/// Of all that is drawn in tests. Fixed, so that every run is the same; `SIMACAN_SEED=n` takes another.
/// It is printed, and shown if the test fails.
pub fn seed() -> u64 {
    let given = std::env::var("SIMACAN_SEED").ok();
    let seed = given.and_then(|seed| seed.parse().ok()).unwrap_or(1);
    println!("SIMACAN_SEED={seed}");
    seed
}

/// The pages of the packages, and of all of them.
#[cfg(doctest)]
mod pages {
    macro_rules! pages {
        ($($page:ident: $path:literal)*) => { $(#[doc = include_str!($path)] struct $page;)* };
    }

    pages! {
        Workspace: "../../README.md"
        Core: "../../core/README.md"
        Ureq: "../../adapters/ureq/README.md"
        Reqwest: "../../adapters/reqwest/README.md"
        FileStore: "../../adapters/file-store/README.md"
        PostgresStore: "../../adapters/postgres-store/README.md"
        RedisStore: "../../adapters/redis-store/README.md"
        SealedStore: "../../adapters/sealed-store/README.md"
        Guide: "../../docs/guide.md"
    }
}
