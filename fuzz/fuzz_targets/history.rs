//! Any history of the reference model: all invariants, after every step.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| simacan_auth_tests::fuzz::history(bytes));
