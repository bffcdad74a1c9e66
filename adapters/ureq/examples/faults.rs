//! A test of a program that logs in: a token is revoked, an answer gets lost, the Auth API fails, and the program's
//! positions arrive all the same, each once.
//! `cargo run --example faults`
//!
//! In a project of yours `simacan-auth-emulator` is a dev-dependency, and this `main` a `#[test]`. For a program in
//! another language start the binary, of `cargo install simacan-auth-emulator`.

use std::error::Error;

use http::{Request, StatusCode};
use simacan_auth_emulator::{Detail, Emulator, Endpoint, Fault, Server, Settings};
use simacan_auth_ureq::{Client, Credentials, Provider};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The program under test. It is told where the platform is, so that a test can put another in its place.
struct Tracker {
    client: Client,
    url: String,
}

impl Tracker {
    fn new(auth: &str, origin: &str) -> Result<Self> {
        let provider = Provider::simacan_at(auth)
            .allow_origin(origin)
            .allow_loopback_http()
            .build()?;
        let credentials = Credentials::new("fleet", "open sesame");
        let client = Client::builder(provider, credentials)
            .on_event(|event| println!("  {event}"))
            .build()?;
        let url = format!("{origin}/api/v1/realisation");
        Ok(Self { client, url })
    }

    fn push(&self, position: &str) -> Result<StatusCode> {
        let request = Request::post(&self.url).body(position)?;
        Ok(self.client.send(request)?.status())
    }
}

pub(crate) fn main() -> Result<()> {
    let settings = Settings::new().with_user("fleet", "open sesame");
    let server = Server::start(Emulator::new(settings.with_ledger(Detail::Bodies)))?;
    let tracker = Tracker::new(&server.base_url(), &server.origin())?;

    println!("all is well");
    assert_eq!(tracker.push("<a/>")?, StatusCode::NO_CONTENT);

    println!("the token is revoked, and the Auth API fails once");
    server.with(|platform| {
        platform.revoke_access_tokens();
        platform.script(
            Endpoint::Refresh,
            Fault::Status(StatusCode::SERVICE_UNAVAILABLE),
        );
    });
    assert_eq!(tracker.push("<b/>")?, StatusCode::NO_CONTENT);

    println!("the token is revoked, and the answer to the refresh gets lost");
    server.with(|platform| {
        platform.revoke_access_tokens();
        platform.script(Endpoint::Refresh, Fault::AnswerLost);
    });
    assert_eq!(tracker.push("<c/>")?, StatusCode::NO_CONTENT);

    server.with(|platform| {
        let ledger = platform.ledger();
        assert_eq!(ledger.accepted_bodies(), [b"<a/>", b"<b/>", b"<c/>"]);
        // The lost answer had a new refresh token in it. The old one is spent, so the password is sent again.
        assert_eq!(ledger.counters().passwords_received, 2);
    });
    Ok(())
}
