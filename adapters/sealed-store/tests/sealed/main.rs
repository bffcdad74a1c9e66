//! The seal over a store of files.

mod common;
mod contract;
mod examples;
mod keys;
mod sealed_records;
