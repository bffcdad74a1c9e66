//! Any bytes as the body of a 200 (I9, I10).
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| simacan_auth_tests::fuzz::token_response(bytes));
