//! What is printed, word by word: it is read by people who have to mend something. That it holds no
//! secret is another test's concern.

use std::error::Error;
use std::io;

use crate::common::prelude::*;

const BODY: &str = r#"{"access_token":"a","token_type":"bearer","expires_in":60}"#;

fn printed(events: &[Event]) -> Vec<String> {
    events.iter().map(Event::to_string).collect()
}

#[test]
fn the_events_of_a_login_a_refresh_and_a_refusal() {
    let mut driver = Driver::for_an_hour();
    let pending = driver.unauthorized();
    let sent = driver.reply_to(pending, &TOKENS);
    driver.deliver(sent, 401);
    driver.set_credentials("fleet", 2);
    let refused = Reply::Refused;
    (driver.on_refresh, driver.on_password) = (Some(refused.clone()), Some(refused));
    assert_eq!(driver.send("https://b.services.simacan.com/", || 401), None);
    assert_eq!(
        printed(&driver.events),
        [
            "login started (attempt 1)",
            "logged in: token 1, good until Fri, 15 Jan 2027 09:00:00 GMT",
            "a target API refused token 1",
            "refresh started (attempt 1)",
            "refreshed: token 2, good until Fri, 15 Jan 2027 09:00:00 GMT",
            "a target API refuses even fresh tokens; its 401s cause no refresh before \
             Fri, 15 Jan 2027 08:00:10 GMT",
            "new credentials, of fleet",
            "a target API refused token 2",
            "refresh started (attempt 1)",
            "the refresh token was refused; the password is sent again",
            "login after a refused refresh started (attempt 1)",
            "the password of fleet was refused; waiting for other credentials",
        ]
    );
}

#[test]
fn the_events_of_an_outage() {
    for (attempts, ending) in [(1, ""), (2, "s")] {
        let config = config(|config| config.attempts = attempts);
        let mut driver = Driver::new(config);
        driver.on_password = Some(DOWN);
        let pending = driver.wait();
        driver.advance(SECOND);
        let denied = driver.denied_with(pending);
        let mut events = printed(&driver.events);
        let last = events.pop().expect("it has failed");
        let gave_up = format!(
            "gave up after {attempts} attempt{ending}: the auth endpoint answered 503 Service \
             Unavailable; not again before "
        );
        assert!(last.starts_with(&gave_up), "{last}");
        contains(&denied.to_string(), "503 Service Unavailable");
        if attempts == 2 {
            let failed = "attempt 1 failed: the auth endpoint answered 503 Service Unavailable; next \
                          at Fri, 15 Jan 2027 08:00:00 GMT";
            assert_eq!(events[1], failed);
        }
    }
}

#[test]
fn an_expiry_that_nobody_knows() {
    let driver = Driver::given(&Reply::Tokens("null"));
    let last = driver.events.last().expect("it is logged in").to_string();
    assert_eq!(last, "logged in: token 1, good until a 401 says otherwise");
    assert_eq!(driver.machine.generation().to_string(), "1");
}

#[test]
fn what_an_exchange_is_for() {
    let printed = [Purpose::Login, Purpose::Refresh, Purpose::ReLogin].map(|it| it.to_string());
    let words = ["login", "refresh", "login after a refused refresh"];
    assert_eq!(printed, words);
}

#[test]
fn a_transport_failure_prints_its_causes_once_and_is_equal_by_its_text() {
    #[derive(Debug, thiserror::Error)]
    #[error("no connection")]
    struct Outer(#[source] io::Error);

    let failure = TransportFailure::new(Outer(io::Error::other("the cable is cut")));
    assert_eq!(failure.to_string(), "no connection: the cable is cut");
    let own = failure.get_ref().expect("the client's error");
    assert!(own.is::<Outer>() && failure.source().is_none());
    let known = TransportFailure::new(io::Error::other("the cable is cut"));
    assert_eq!(known.to_string(), "the cable is cut");
    assert_ne!(failure, known);
    assert_eq!(known, TransportFailure::new("the cable is cut"));
    let timed_out = TransportFailure::timed_out();
    assert_eq!(timed_out.to_string(), "the exchange took too long");
    assert!(timed_out.get_ref().is_none());
    let abandoned = TransportFailure::abandoned();
    assert_eq!(abandoned.to_string(), "the exchange was abandoned");
    assert_eq!(
        Failure::Transport(timed_out).to_string(),
        "no answer came: the exchange took too long"
    );
}

#[test]
fn a_transport_failure_says_whether_the_request_has_left() {
    let not_sent = TransportFailure::not_sent("connection refused");
    assert!(not_sent.is_not_sent());
    assert_eq!(not_sent.to_string(), "connection refused");
    assert_eq!(not_sent, TransportFailure::not_sent("connection refused"));
    let unknown = TransportFailure::new("connection refused");
    assert_ne!(not_sent, unknown);
    let (timed_out, abandoned) = (TransportFailure::timed_out(), TransportFailure::abandoned());
    for failure in [unknown, timed_out, abandoned] {
        assert!(!failure.is_not_sent());
    }
}

#[test]
fn a_foreign_origin_says_why_it_is_one() {
    let (_, exchange) = Session::new(Provider::simacan(), credentials("u", 1)).begin(START);
    let session = entered(exchange.receive(START, Response::new(BODY)));
    let refused = |uri| match session.authorize(START, &mut request(uri)) {
        Err(AuthorizeError::ForeignOrigin(foreign)) => foreign.to_string(),
        other => panic!("{uri}: {other:?}"),
    };
    for (uri, why) in [
        (
            "http://a.services.simacan.com/",
            "http://a.services.simacan.com is plain http, and the bearer token goes over https only: give an \
             https URI",
        ),
        (
            "https://example.com:8443/x",
            "https://example.com:8443 is not among the origins that may see the bearer token: \
             `Provider::simacan()` allows https://<service>.services.simacan.com, and not staging",
        ),
        (
            "/x?secret",
            "`/x` does not say where it goes: give the whole URI, such as https://host/path",
        ),
        (
            "example.com:443",
            "`example.com:443` does not say where it goes: give the whole URI, such as https://host/path",
        ),
        (
            "https://me:secret@example.com/",
            "`https://example.com` has no origin that the bearer token may go to: give an https URI \
             without user information, with a port from 1 to 65535 or none",
        ),
    ] {
        let why = format!("refused before anything was sent: {why}");
        assert_eq!(refused(uri), why);
    }
}

#[test]
fn a_session_prints_whose_it_is_where_and_until_when() {
    let session = Session::new(Provider::simacan(), Credentials::new("u", "p"));
    let shown =
        r#"Session { auth_host: "auth-service.services.simacan.com", username: "u", state: "#;
    prints(&session, &format!("{shown}Unauthenticated, .. }}"));
    let (_, exchange) = session.begin(START);
    assert_eq!(exchange.emitted_at(), START);
    prints(
        &exchange,
        &format!("Exchange {{ session: {shown}Unauthenticated, .. }}, emitted_at: {START:?} }}"),
    );
    let session = entered(exchange.receive(START, Response::new(BODY)));
    let until = after(60 * SECOND);
    prints(
        &session,
        &format!(
            "{shown}Authenticated {{ token: AccessToken {{ token: [redacted], expires_at: \
             Some({until:?}), condemned: false, .. }}, refresh_token: None }}, .. }}"
        ),
    );
}

#[test]
fn a_rejection_prints_whose_it_is_and_where() {
    let (_, exchange) = Session::new(Provider::simacan(), Credentials::new("u", "p")).begin(START);
    let refused = Response::builder().status(401).body("").unwrap();
    let rejected =
        shows!(exchange.receive(START, refused), LoginOutcome::Rejected(rejected) => rejected);
    prints(
        &rejected,
        r#"Rejected { auth_host: "auth-service.services.simacan.com", username: "u", .. }"#,
    );
}

#[test]
fn a_machine_prints_its_state_and_round() {
    let mut driver = Driver::for_an_hour();
    let printed = format!("{:?}", driver.machine);
    contains(&printed, "Machine { state: Authenticated(");
    contains(&printed, "refresh_token: Some(RefreshToken([redacted]))");
    contains(&printed, "generation: Generation(1)");
    let _pending = driver.unauthorized();
    let printed = format!("{:?}", driver.machine);
    contains(&printed, "state: Refreshing(InFlight(");
}

#[test]
fn what_a_secret_is_part_of_prints_the_rest() {
    prints(
        &Credentials::new("u", "p"),
        r#"Credentials { username: "u", password: [redacted] }"#,
    );
    prints(
        &ClientAuth::basic("me", "secret"),
        r#"ClientAuth { id: "me", secret: Some([redacted]) }"#,
    );
    let client = ClientAuth::public("me");
    prints(&client, r#"ClientAuth { id: "me", secret: None }"#);
    let builder = Provider::oauth2("https://l.example/token", client).scope("all");
    prints(
        &builder,
        r#"ProviderBuilder { endpoint: "https://l.example/token", client: Some(ClientAuth { id: "me", secret: None }), extras: Extras { scope: Some("all"), scope_at_refresh: false, members: [] }, revocation: None, origins: [], loopback_http: false }"#,
    );
}

#[test]
fn a_time_prints_as_in_a_header_until_there_are_no_such_dates() {
    assert_eq!(START.to_string(), "Fri, 15 Jan 2027 08:00:00 GMT");
    let last = Timestamp::from_millis(253_402_300_799_999);
    assert_eq!(last.to_string(), "Fri, 31 Dec 9999 23:59:59 GMT");
    assert!(!Timestamp::MAX.to_string().is_empty());
}

#[test]
fn what_happens_with_a_store() {
    let defect = InvalidSavedSession::Truncated;
    let failure = StoreFailure::new(io::Error::other("no space left"));
    let retry_at = START;
    let events = [
        Event::SaveFailed { failure, retry_at },
        Event::SavedSessionDamaged {
            place: "/s".to_owned(),
            defect,
        },
        Event::SavedSessionForeign {
            place: "/s".to_owned(),
        },
        Event::RefusalRemembered {
            at: START,
            place: "/s".to_owned(),
        },
    ];
    assert_eq!(
        printed(&events),
        [
            "the session was not saved: the store of the saved session failed: no space left; next try \
             after Fri, 15 Jan 2027 08:00:00 GMT",
            "the saved session is incomplete (/s); it is not used, and will be overwritten",
            "the session saved in /s is not used: it is another user's, another auth endpoint's, or of another scope",
            "the password is not sent: it was refused on Fri, 15 Jan 2027 08:00:00 GMT, says the session saved \
             in /s; set new credentials, or call `retry_refused` if it is valid now",
        ]
    );
    for (failure, shown) in [
        (
            StoreFailure::Locked,
            "another process has kept the lock of the saved session for too long: look for one that hangs",
        ),
        (
            StoreFailure::Abandoned,
            "the store of the saved session did not answer",
        ),
        (
            StoreFailure::Damaged(InvalidSavedSession::UnknownVersion(2)),
            "the saved session has format 2, and this program knows format 1: a newer program has saved it, so \
             update this one, or give each its own place",
        ),
    ] {
        assert_eq!(failure.to_string(), shown);
        let is_for_time = !matches!(failure, StoreFailure::Damaged(_));
        let failure = Failure::Store(failure);
        assert_eq!(failure.to_string(), shown);
        assert_eq!(failure.is_transient(), is_for_time);
    }
}
