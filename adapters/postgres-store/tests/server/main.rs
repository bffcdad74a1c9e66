//! The store over a PostgreSQL of the tests' own; skipped where none is installed.

mod common;
mod contract;
mod examples;
mod faults;
mod refusals;
mod tls;
