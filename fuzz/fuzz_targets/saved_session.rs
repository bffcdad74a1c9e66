//! Any bytes as what a store has (I10, I12).
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| simacan_auth_tests::fuzz::saved_session(bytes));
