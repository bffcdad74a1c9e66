//! Every error that a caller can get, read aloud: what it says, whether it is over by itself, and when.

use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, StatusCode};
use simacan_auth_driver::Error;
use simacan_auth_driver::simacan_auth::{
    Authorization, BodyDefect, ClientAuth, Config, Credentials, Denied, ErrorCause, Failure,
    ForeignOrigin, InvalidSavedSession, Machine, OAuthError, Origin, Pending, Provider,
    StoreFailure, Timestamp, TransportFailure,
};

const ENDPOINT: &str = "https://login.example/token";
const NOON: Timestamp = Timestamp::from_millis(1_800_014_400_000);
const SECRET: &str = "s3cret";

/// The HTTP client's own, with a cause of its own.
#[derive(Clone, Debug, thiserror::Error)]
#[error("error sending request")]
struct Clients(#[source] Arc<io::Error>);

fn clients() -> Clients {
    Clients(Arc::new(io::Error::other("connection refused")))
}

/// What can be done about it.
#[derive(Debug, PartialEq)]
enum Cure {
    /// Another password.
    Password,
    /// A person has to mend something; what paces holds on until noon, perhaps.
    Person(Option<Timestamp>),
    /// Time: until noon, or a moment.
    Time(Option<Timestamp>),
}

use Cure::{Password, Person, Time};

const AT_NOON: Option<Timestamp> = Some(NOON);

fn cure(error: &Error<Clients>) -> Cure {
    let retry_at = error.retry_at().map(Timestamp::from);
    match (error.is_rejected(), error.is_transient()) {
        (true, false) if retry_at.is_none() => Password,
        (false, true) => Time(retry_at),
        (false, false) => Person(retry_at),
        _ => panic!("{error:?}"),
    }
}

fn rejected(remembered: Option<Timestamp>, saved_in: Option<&str>) -> Denied {
    Denied::Rejected {
        username: "fleet".to_owned(),
        endpoint: ENDPOINT.to_owned(),
        remembered,
        saved_in: saved_in.map(str::to_owned),
        until: NOON,
    }
}

fn unavailable(failure: impl Into<Failure>) -> Denied {
    Denied::Unavailable {
        endpoint: ENDPOINT.to_owned(),
        failure: failure.into(),
        attempts: 3,
        until: NOON,
    }
}

fn status(status: StatusCode, error: Option<OAuthError>) -> Denied {
    let retry_after = None;
    unavailable(Failure::Status {
        status,
        error,
        retry_after,
    })
}

fn store(failure: StoreFailure) -> Denied {
    let (attempts, until) = (1, NOON);
    Denied::Store {
        place: "/var/lib/fleet/session.json".to_owned(),
        failure,
        attempts,
        until,
    }
}

/// As the machine says it of a request that goes there.
fn foreign(provider: Provider, uri: &str) -> ForeignOrigin {
    let credentials = Credentials::new("fleet", SECRET);
    let mut machine = Machine::new(provider, credentials, Config::default());
    let mut request = Request::get(uri).body(()).expect("a URI");
    match machine.authorize(NOON, Pending::new(), &mut request) {
        Authorization::Foreign(foreign) => foreign,
        other => panic!("{other:?}"),
    }
}

#[expect(clippy::too_many_lines, reason = "it is a table")]
fn table() -> Vec<(Error<Clients>, Cure, &'static str)> {
    let listed = || {
        Provider::oauth2(ENDPOINT, ClientAuth::public("app"))
            .allow_origin("https://api.example")
            .build()
            .expect("a provider")
    };
    let transport = TransportFailure::new(clients());
    vec![
        (
            rejected(None, None).into(),
            Password,
            "https://login.example/token refused the password of fleet: it is not sent again before NOON; set new \
             credentials to go on, or call `retry_refused` if it is valid now",
        ),
        (
            rejected(AT_NOON, Some("/var/lib/fleet/session.json")).into(),
            Password,
            "https://login.example/token refused the password of fleet on NOON, when another process sent it: it is \
             not sent again before NOON (remembered in /var/lib/fleet/session.json); set new credentials to go on, or \
             call `retry_refused` if it is valid now",
        ),
        (
            unavailable(Failure::Transport(transport.clone())).into(),
            Time(AT_NOON),
            "no usable token (https://login.example/token, 3 attempts): no answer came: error sending request: \
             connection refused; a request after NOON tries again",
        ),
        (
            unavailable(Failure::Transport(TransportFailure::timed_out())).into(),
            Time(AT_NOON),
            "no usable token (https://login.example/token, 3 attempts): no answer came: the exchange took too long; a \
             request after NOON tries again",
        ),
        (
            unavailable(Failure::Transport(TransportFailure::abandoned())).into(),
            Time(AT_NOON),
            "no usable token (https://login.example/token, 3 attempts): no answer came: the exchange was abandoned; a \
             request after NOON tries again",
        ),
        (
            status(StatusCode::SERVICE_UNAVAILABLE, None).into(),
            Time(AT_NOON),
            "no usable token (https://login.example/token, 3 attempts): the auth endpoint answered 503 Service \
             Unavailable; a request after NOON tries again",
        ),
        (
            status(StatusCode::UNAUTHORIZED, Some(OAuthError::InvalidClient)).into(),
            Person(AT_NOON),
            "no usable token (https://login.example/token, 3 attempts): the auth endpoint answered 401 Unauthorized \
             (invalid_client); a request after NOON tries again",
        ),
        (
            unavailable(Failure::Redirect(StatusCode::FOUND)).into(),
            Person(AT_NOON),
            "no usable token (https://login.example/token, 3 attempts): the auth endpoint answered 302 Found, a \
             redirect, which is not followed: give the provider the URL that it leads to; a request after NOON tries \
             again",
        ),
        (
            unavailable(BodyDefect::Missing("access_token")).into(),
            Time(AT_NOON),
            "no usable token (https://login.example/token, 3 attempts): the auth endpoint answered with success, but \
             `access_token` is missing; a request after NOON tries again",
        ),
        (
            unavailable(Failure::Credentials(ErrorCause::new("the vault is sealed"))).into(),
            Time(AT_NOON),
            "no usable token (https://login.example/token, 3 attempts): the source of the credentials failed: the \
             vault is sealed; a request after NOON tries again",
        ),
        (
            unavailable(Failure::LoginsPaced).into(),
            Time(AT_NOON),
            "no usable token (https://login.example/token, 3 attempts): passwords were sent too often, so the next one \
             waits; a request after NOON tries again",
        ),
        (
            unavailable(Failure::LoginsUnclear).into(),
            Time(AT_NOON),
            "no usable token (https://login.example/token, 3 attempts): the last answers to this password were neither \
             tokens nor a refusal, so the next one waits (`retry_refused` allows one attempt); a request after NOON \
             tries again",
        ),
        (
            unavailable(Failure::LoginsMarked {
                place: "/var/lib/fleet/session.json".to_owned(),
            })
            .into(),
            Time(AT_NOON),
            "no usable token (https://login.example/token, 3 attempts): a password was sent or refused a while ago, \
             which could not be saved, so the next one waits: mend /var/lib/fleet/session.json, where the session \
             belongs (`retry_refused` allows one attempt); a request after NOON tries again",
        ),
        (
            unavailable(Failure::CoolingDown {
                status: StatusCode::BAD_GATEWAY,
                since: NOON,
            })
            .into(),
            Time(AT_NOON),
            "no usable token (https://login.example/token, 3 attempts): the auth endpoint answered 502 Bad Gateway to \
             another process at NOON, so it is left alone for a while; a request after NOON tries again",
        ),
        (
            store(StoreFailure::Locked).into(),
            Time(AT_NOON),
            "no usable token (/var/lib/fleet/session.json, 1 attempt): another process has kept the lock of the saved \
             session for too long: look for one that hangs; a request after NOON tries again",
        ),
        (
            store(StoreFailure::unreachable(clients())).into(),
            Time(AT_NOON),
            "no usable token (/var/lib/fleet/session.json, 1 attempt): the store of the saved session can't be \
             reached: error sending request: connection refused; a request after NOON tries again",
        ),
        (
            store(StoreFailure::Superseded).into(),
            Time(AT_NOON),
            "no usable token (/var/lib/fleet/session.json, 1 attempt): the lock of the saved session was lost, and \
             another process may have saved since; a request after NOON tries again",
        ),
        (
            store(StoreFailure::denied("mount it for writing")).into(),
            Person(AT_NOON),
            "no usable token (/var/lib/fleet/session.json, 1 attempt): the store of the saved session can't be used: \
             mount it for writing; a request after NOON tries again",
        ),
        (
            store(InvalidSavedSession::UnknownVersion(2).into()).into(),
            Person(AT_NOON),
            "no usable token (/var/lib/fleet/session.json, 1 attempt): the saved session has format 2, and this \
             program knows format 1: a newer program has saved it, so update this one, or give each its own place; a \
             request after NOON tries again",
        ),
        (
            store(StoreFailure::Abandoned).into(),
            Time(AT_NOON),
            "no usable token (/var/lib/fleet/session.json, 1 attempt): the store of the saved session did not answer; \
             a request after NOON tries again",
        ),
        (
            store(StoreFailure::new("no space left")).into(),
            Time(AT_NOON),
            "no usable token (/var/lib/fleet/session.json, 1 attempt): the store of the saved session failed: no space \
             left; a request after NOON tries again",
        ),
        (
            Denied::Interrupted.into(),
            Person(None),
            "a panic has interrupted the session: make a new one",
        ),
        (
            foreign(listed(), "https://other.example:8443/x").into(),
            Person(None),
            "refused before anything was sent: https://other.example:8443 is not among the origins that may see the \
             bearer token: if it may, call `allow_origin(\"https://other.example:8443\")` on the provider's builder",
        ),
        (
            foreign(
                Provider::simacan_staging(),
                "https://a.services.simacan.com",
            )
            .into(),
            Person(None),
            "refused before anything was sent: https://a.services.simacan.com is not among the origins that may see \
             the bearer token: `Provider::simacan_staging()` allows https://<service>-stg.services.simacan.com",
        ),
        (
            foreign(listed(), "http://127.0.0.1:8080/x").into(),
            Person(None),
            "refused before anything was sent: http://127.0.0.1:8080 is not among the origins that may see the bearer \
             token: for a test, call `allow_loopback_http()` and `allow_origin(\"http://127.0.0.1:8080\")` on the \
             provider's builder",
        ),
        (
            foreign(listed(), "http://api.example/x").into(),
            Person(None),
            "refused before anything was sent: http://api.example is plain http, and the bearer token goes over \
             https only: give an https URI",
        ),
        (
            foreign(listed(), "/v1/trips?key=s3cret").into(),
            Person(None),
            "refused before anything was sent: `/v1/trips` does not say where it goes: give the whole URI, such as \
             https://host/path",
        ),
        (
            foreign(listed(), "https://me:s3cret@api.example/x").into(),
            Person(None),
            "refused before anything was sent: `https://api.example` has no origin that the bearer token may go to: \
             give an https URI without user information, with a port from 1 to 65535 or none",
        ),
        (
            Error::Unauthorized {
                origin: "https://api.example".to_owned(),
                until: NOON,
            },
            Time(AT_NOON),
            "https://api.example has refused the bearer token, and no new one is fetched for it before NOON: check \
             that this user may use that API",
        ),
        (
            Error::TimedOut {
                origin: "https://login.example".to_owned(),
                after: Duration::from_millis(30_500),
                waited_for: "the auth endpoint has not answered",
                failure: Some(Failure::Transport(transport)),
            },
            Time(None),
            "no token from https://login.example within 30.5 s: the auth endpoint has not answered; the last attempt \
             failed: no answer came: error sending request: connection refused",
        ),
        (
            Error::NoThread(Arc::new(io::Error::other("out of memory"))),
            Time(None),
            "no token, since the system can't start a thread to get one: out of memory",
        ),
        (
            Error::InCallback,
            Person(None),
            "no token, and a callback, a store or an exchange can't wait for one: make this call in a thread of its \
             own",
        ),
        (
            Error::Forked,
            Person(None),
            "the client was made before this process was forked: make clients after forking",
        ),
        (
            Error::check_no_tls(Origin::parse("https", "login.example").expect("an origin"))
                .expect_err("it is https"),
            Person(None),
            "https://login.example is https, and this program was built without TLS: turn on the adapter's feature \
             `rustls`, or another that has TLS",
        ),
        (
            Error::Client(clients()),
            Person(None),
            "the HTTP client can't be built: error sending request: connection refused",
        ),
        (
            Error::of_request(Origin::parse("https", "api.example"), clients()),
            Person(None),
            "the request to https://api.example failed: error sending request: connection refused",
        ),
        (
            Error::of_request(None, clients()),
            Person(None),
            "the request to the target API failed: error sending request: connection refused",
        ),
    ]
}

#[test]
fn i9_every_error_says_once_what_failed_why_and_what_cures_it() {
    for (error, expected, text) in table() {
        let said = error.to_string().replace(&NOON.to_string(), "NOON");
        assert_eq!(said, text);
        assert_eq!(cure(&error), expected, "{text}");
        assert!(error.source().is_none(), "printed twice in a chain: {text}");
        assert!(!text.contains(SECRET), "{text}");
        let debug = format!("{error:?}");
        assert_eq!(
            debug,
            error.to_string(),
            "a `main` that returns it prints less"
        );
    }
}

#[test]
fn what_the_client_said_can_be_looked_at() {
    let failure = TransportFailure::new(clients());
    let StoreFailure::Unreachable(cause) = StoreFailure::unreachable(clients()) else {
        panic!("it is not");
    };
    for own in [failure.get_ref(), cause.get_ref()] {
        let own = own.and_then(|error| error.downcast_ref::<Clients>());
        assert_eq!(own.map(|own| own.0.kind()), Some(io::ErrorKind::Other));
    }
}
