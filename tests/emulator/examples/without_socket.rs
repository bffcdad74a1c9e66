//! The platform as a value: requests and times go in, answers come out. Here a token expires, an answer gets lost, and
//! the ledger knows what the client does not.
//! `cargo run --example without_socket`
//!
//! A client without I/O is tested this way, a year of it in a moment. For one with sockets there is `Server`.

use std::error::Error;
use std::time::{Duration, UNIX_EPOCH};

use http::{Request, Response, StatusCode};
use simacan_auth_emulator::{Emulator, Endpoint, Fault, Settings};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn form(path: &str, form: String) -> Result<Request<String>> {
    let request = Request::post(format!(
        "https://auth-service.services.simacan.com/api/v1/auth/{path}"
    ));
    Ok(request
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)?)
}

fn token(answer: &Response<Vec<u8>>, name: &str) -> Result<String> {
    let tokens: serde_json::Value = serde_json::from_slice(answer.body())?;
    Ok(tokens[name].as_str().ok_or("no token")?.to_owned())
}

pub(crate) fn main() -> Result<()> {
    let settings = Settings::new().with_user("fleet", "open sesame");
    let mut platform = Emulator::new(settings.with_access_token_life(Duration::from_secs(900)));
    let start = UNIX_EPOCH + Duration::from_secs(1_800_000_000);

    let login = form("password", "username=fleet&password=open+sesame".to_owned())?;
    let tokens = platform.respond(start, &login).ok_or("no answer")?;
    let push =
        Request::post("https://sct-tracking-data-api.services.simacan.com/api/v1/realisation")
            .header(
                "authorization",
                format!("Bearer {}", token(&tokens, "access_token")?),
            )
            .body("<realisation/>")?;
    for (after, status) in [
        (899, StatusCode::NO_CONTENT),
        (900, StatusCode::UNAUTHORIZED),
    ] {
        let answer = platform
            .respond(start + Duration::from_secs(after), &push)
            .ok_or("no answer")?;
        println!("pushed after {after} s: {}", answer.status());
        assert_eq!(answer.status(), status);
    }

    let later = start + Duration::from_secs(900);
    let refresh = form(
        "refresh",
        format!("refresh_token={}", token(&tokens, "refresh_token")?),
    )?;
    platform.script(Endpoint::Refresh, Fault::AnswerLost);
    assert!(platform.respond(later, &refresh).is_none());
    println!("refreshed: the answer is lost, and the refresh token is spent");
    let again = platform.respond(later, &refresh).ok_or("no answer")?;
    println!("refreshed again: {}", again.status());
    assert_eq!(again.status(), StatusCode::UNAUTHORIZED);

    let counters = platform.ledger().counters();
    println!(
        "{} refreshes received, {} with a spent token",
        counters.refreshes_received, counters.reuses
    );
    assert_eq!((counters.refreshes_received, counters.reuses), (2, 1));
    Ok(())
}
