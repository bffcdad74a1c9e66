//! A PostgreSQL or a Redis of a test's own: on a free port of loopback, in a temporary folder, and gone
//! with the test, however that ends.
//!
//! Where the server is not installed, [`Postgres::start`] and [`Redis::start`] say `skipped: …` and give
//! `None`. With `SIMACAN_REQUIRE_SERVERS=1` in the environment they panic.

mod postgres;
mod program;
mod redis;
pub mod stores;

pub use postgres::Postgres;
pub use program::Program;
pub use redis::Redis;
