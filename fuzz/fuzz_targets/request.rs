//! Any target and any `Authorization` that a request has already (I8).
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| simacan_auth_tests::fuzz::request(bytes));
