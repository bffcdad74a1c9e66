//! The store over a Redis of each test's own; skipped where none is installed.

mod common;
mod contract;
mod examples;
mod faults;
mod refusals;
#[cfg(feature = "rustls")]
mod tls;
