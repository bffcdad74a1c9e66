//! The store over a PostgreSQL of the tests' own; skipped where none is installed.

mod common;
mod contract;
mod faults;
mod refusals;
mod tls;
