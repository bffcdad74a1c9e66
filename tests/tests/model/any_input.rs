//! Properties over inputs that no one has thought of.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderValue, Request, Response, header::RETRY_AFTER};
use proptest::prelude::*;
use simacan_auth::{
    ClientAuth, Credentials, Failure, LoginOutcome, Origin, Provider, Session, Timestamp,
};
use simacan_auth_emulator::{Emulator, Settings};

const TARGET: &str = "https://a.services.simacan.com/x";

fn time() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// One login with this answer.
fn receive<B: AsRef<[u8]>>(
    now: Timestamp,
    response: Response<B>,
) -> LoginOutcome<simacan_auth::Unauthenticated> {
    let session = Session::new(Provider::simacan(), Credentials::new("u", "p"));
    let (_, exchange) = session.begin(now);
    exchange.receive(now, response)
}

proptest! {
    #![proptest_config(crate::config())]

    /// The emulator has a decoder of its own.
    #[test]
    fn any_username_and_password_survive_the_form(username in ".{1,40}", password in ".{1,80}") {
        let settings = Settings::new().with_user(&username, &password);
        let mut emulator = Emulator::new(settings);
        let client = ClientAuth::form("emulator", "");
        let oauth2 = Provider::oauth2("https://login.example/oauth2/token", client);
        for provider in [Provider::simacan(), oauth2.build().unwrap()] {
            let credentials = Credentials::new(username.clone(), password.clone());
            let (request, exchange) = Session::new(provider, credentials).begin(time().into());
            let response = emulator.respond(time(), &request).unwrap();
            let outcome = exchange.receive(time().into(), response);
            prop_assert!(matches!(outcome, LoginOutcome::Authenticated(_)), "{:?}", outcome);
        }
    }

    #[test]
    fn i10_any_bytes_of_a_body_are_tokens_or_a_failure(body: Vec<u8>) {
        let outcome = receive(time().into(), Response::new(body));
        prop_assert!(!matches!(outcome, LoginOutcome::Rejected(_)));
    }

    /// Closer to what a server sends.
    #[test]
    fn i9_i10_members_of_any_kind_are_read_or_named_without_their_values(
        access in "\"secr3t[ -~é\\\\\"]{0,9}\"|null|7|\\[\\]|\"\"",
        expires in "-?[0-9]{1,30}(\\.[0-9]{1,5})?(e[0-9]{1,4})?|\"[0-9]{1,25}\"|null|true|\"soon\"",
        kind in "\"[bB]earer\"|\"mac\"|null|1",
    ) {
        let body = format!(r#"{{"access_token":{access},"expires_in":{expires},"token_type":{kind}}}"#);
        let now = Timestamp::from(time());
        match receive(now, Response::new(body)) {
            LoginOutcome::Authenticated(session) => {
                let mut request = Request::get(TARGET).body(()).unwrap();
                // Usable for a second at least, whatever the server says.
                prop_assert!(session.authorize(now, &mut request).is_ok());
                prop_assert!(session.expires_at().is_none_or(|at| at > now));
            }
            LoginOutcome::Failed(_, failure) => {
                let printed = format!("{failure} {failure:?}");
                prop_assert!(!printed.contains("secr3t"), "{}", printed);
            }
            LoginOutcome::Rejected(_) => prop_assert!(false, "a 200 refuses nothing"),
        }
    }

    #[test]
    fn any_retry_after_is_an_hour_at_most(now: u64, text in "[ -~]{0,40}|[0-9]{1,30}") {
        let mut response = Response::builder().status(503).body("").unwrap();
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_str(&text).unwrap());
        let LoginOutcome::Failed(_, Failure::Status { retry_after, .. }) =
            receive(Timestamp::from_millis(now), response)
        else {
            return Err(TestCaseError::fail("a 503 decides nothing"));
        };
        prop_assert!(retry_after.is_none_or(|wait| wait <= Duration::from_secs(3600)));
    }

    #[test]
    fn i8_what_is_allowed_is_https_at_one_label_of_the_platform(uri in "https?://[a-zA-Z0-9.:@-]{0,30}(\\.services\\.simacan\\.com)?(:[0-9]{0,6})?/") {
        if let Ok(uri) = uri.parse::<http::Uri>()
            && Provider::simacan().allows(&uri)
        {
            let origin = Origin::of(&uri).unwrap().to_string().to_ascii_lowercase();
            let label = origin
                .strip_prefix("https://")
                .and_then(|rest| rest.strip_suffix(".services.simacan.com"));
            prop_assert!(label.is_some_and(|label| !label.contains(['.', '@', ':', '/'])), "{}", uri);
            prop_assert!(label.is_some_and(|label| !label.ends_with("-stg")), "{}", uri);
        }
    }
}
