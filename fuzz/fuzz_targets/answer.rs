//! Any status, `Retry-After` and body, in both dialects: only the documented refusal refuses (I10).
#![no_main]

use std::time::Duration;

use http::{Response, header::RETRY_AFTER};
use libfuzzer_sys::fuzz_target;
use simacan_auth::{ClientAuth, Credentials, Failure, LoginOutcome, Provider, Session, Timestamp};

fuzz_target!(|input: (u64, u16, bool, &[u8], &[u8])| {
    let (now, status, is_oauth2, retry_after, body) = input;
    let now = Timestamp::from_millis(now);
    let provider = if is_oauth2 {
        let client = ClientAuth::public("c");
        Provider::oauth2("https://l.example/token", client).build().unwrap()
    } else {
        Provider::simacan()
    };
    let mut response = Response::builder().status(100 + status % 900);
    if let Ok(value) = http::HeaderValue::from_bytes(retry_after) {
        response = response.header(RETRY_AFTER, value);
    }
    let (_, exchange) = Session::new(provider, Credentials::new("u", "p")).begin(now);
    let status = 100 + status % 900;
    match exchange.receive(now, response.body(body).unwrap()) {
        LoginOutcome::Authenticated(_) => assert_eq!(status, 200),
        LoginOutcome::Rejected(_) => assert!(status == 400 || (status == 401 && !is_oauth2)),
        LoginOutcome::Failed(_, Failure::Status { retry_after, .. }) => {
            assert!(retry_after.is_none_or(|wait| wait <= Duration::from_secs(3600)));
        }
        LoginOutcome::Failed(..) => {}
    }
});
