//! Any status, headers and body as the answer to a login and a refresh (I10).
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| simacan_auth_tests::fuzz::answer(bytes));
