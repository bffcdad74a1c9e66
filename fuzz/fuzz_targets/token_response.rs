//! Any bytes as the body of a 200: tokens or a failure, no panic (I10), and no byte of the body
//! in what is printed (I9).
#![no_main]

use http::Response;
use libfuzzer_sys::fuzz_target;
use simacan_auth::{Credentials, LoginOutcome, Provider, Session, Timestamp};

fuzz_target!(|body: &[u8]| {
    let now = Timestamp::from_millis(1_800_000_000_000);
    let session = Session::new(Provider::simacan(), Credentials::new("u", "p"));
    let (_, exchange) = session.begin(now);
    match exchange.receive(now, Response::new(body)) {
        LoginOutcome::Authenticated(session) => {
            let uri = "https://a.services.simacan.com/";
            let mut request = http::Request::get(uri).body(()).unwrap();
            session.authorize(now, &mut request).expect("usable for a second at least");
            let header = &request.headers()["authorization"];
            assert!(header.is_sensitive());
            assert!(header.to_str().is_ok_and(|text| text.len() > "Bearer ".len()));
        }
        LoginOutcome::Failed(_, failure) => {
            assert!(failure.is_transient());
            assert!(failure.to_string().len() < 200);
        }
        LoginOutcome::Rejected(_) => panic!("a 200 refuses nothing"),
    }
});
