//! What the fuzz targets do with any bytes; they panic at what must not be. On stable, the test
//! `corpus` does it with the committed corpus.
#![expect(clippy::missing_panics_doc, reason = "it is what they are for")]

mod saved;

use simacan_auth::Pending;
use std::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use http::header::{
    AUTHORIZATION, CONTENT_TYPE, DATE, HeaderName, LOCATION, RETRY_AFTER, SET_COOKIE,
    WWW_AUTHENTICATE,
};
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use simacan_auth::{
    Authorization, Cause, ClientAuth, Config, Credentials, Failure, LoginOutcome, Machine, Origin,
    Output, Provider, Refresh, RefreshOutcome, Session, Status, Timestamp,
};
use simacan_auth_emulator::{Reuse, Rotation};

use crate::history::History;
use crate::world::{self, Rules, Step};

pub use saved::saved_session;

/// What is done with any bytes.
pub type Target = fn(&[u8]);

/// By the names of the fuzz targets, which are those of their corpora.
pub const TARGETS: [(&str, Target); 5] = [
    ("token_response", token_response),
    ("answer", answer),
    ("request", request),
    ("saved_session", saved_session),
    ("history", history),
];

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const TOKENS: &str = r#"{"access_token":"a","token_type":"bearer","refresh_token":"r"}"#;
const TARGET: &str = "https://a.services.simacan.com/";

fn unauthenticated(provider: Provider) -> Session<simacan_auth::Unauthenticated> {
    Session::new(provider, Credentials::new("u", "p"))
}

/// As the body of a 200: tokens or a failure, no panic (I10), and no byte of it in what is printed (I9).
pub fn token_response(body: &[u8]) {
    let (_, exchange) = unauthenticated(Provider::simacan()).begin(NOW);
    match exchange.receive(NOW, Response::new(body)) {
        LoginOutcome::Authenticated(session) => {
            let mut request = Request::new(());
            *request.uri_mut() = Uri::from_static(TARGET);
            let usable = session.authorize(NOW, &mut request);
            assert!(usable.is_ok(), "for a second at least");
            assert!(session.expires_at().is_none_or(|at| at > NOW));
            let header = &request.headers()[AUTHORIZATION];
            assert!(header.is_sensitive());
            assert!(
                header
                    .to_str()
                    .is_ok_and(|text| text.len() > "Bearer ".len())
            );
        }
        LoginOutcome::Failed(_, failure) => {
            assert!(failure.is_transient());
            assert!(failure.to_string().len() < 200, "{failure}");
        }
        LoginOutcome::Rejected(_) => panic!("a 200 refuses nothing"),
    }
}

#[derive(Arbitrary)]
struct Answer<'a> {
    now: u64,
    status: u16,
    is_oauth2: bool,
    retry_after: Option<&'a [u8]>,
    headers: Vec<(u8, &'a [u8])>,
    body: &'a [u8],
}

/// As any answer to a login, a refresh and a machine: only the documented refusal refuses (I10), and
/// no server holds anyone up for more than an hour.
pub fn answer(bytes: &[u8]) {
    let Ok(answer) = Answer::arbitrary_take_rest(Unstructured::new(bytes)) else {
        return;
    };
    let provider = || {
        if !answer.is_oauth2 {
            return Provider::simacan();
        }
        let client = ClientAuth::public("c");
        let provider = Provider::oauth2("https://l.example/token", client);
        provider.build().expect("it is well formed")
    };
    let now = Timestamp::from_millis(answer.now);
    let response = answer.response();
    let status = response.status();
    // What the body says counts in these; without a word, Simacan's 401 refuses both, and elsewhere some refuse
    // a refresh.
    let may_refuse = status.is_success() || status.is_client_error();
    let may_refuse_refresh = answer.is_oauth2 && [400, 401, 403].contains(&status.as_u16());
    let check_failure = |failure: &Failure| {
        assert!(failure.to_string().len() < 300, "{failure}");
        if let Failure::Status { retry_after, .. } = failure {
            let asked = answer.seconds().map(|asked| asked.min(3600));
            let read = retry_after.map(|wait| wait.as_secs());
            assert!(asked.is_none() || asked == read, "{asked:?}, {read:?}");
            assert!(retry_after.is_none_or(|wait| wait <= Duration::from_secs(3600)));
        }
    };

    let (_, exchange) = unauthenticated(provider()).begin(now);
    let is_refused = match exchange.receive(now, response.clone()) {
        LoginOutcome::Authenticated(_) => {
            assert!(status.is_success(), "{status}");
            false
        }
        LoginOutcome::Rejected(_) => {
            assert!(may_refuse, "{status}");
            true
        }
        LoginOutcome::Failed(_, failure) => {
            check_failure(&failure);
            false
        }
    };

    let (_, exchange) = unauthenticated(provider()).begin(now);
    let LoginOutcome::Authenticated(session) = exchange.receive(now, Response::new(TOKENS)) else {
        panic!("these are tokens");
    };
    let Refresh::Refreshing(session) = session.refresh(now, Cause::Unauthorized) else {
        panic!("there is a refresh token");
    };
    match session.begin(now).1.receive(now, response.clone()) {
        RefreshOutcome::Authenticated(_) => assert!(status.is_success(), "{status}"),
        RefreshOutcome::ReLogin(_) => assert!(is_refused || may_refuse_refresh, "{status}"),
        RefreshOutcome::Failed(_, failure) => {
            check_failure(&failure);
            assert!(!is_refused);
        }
    }

    let mut machine = Machine::new(provider(), Credentials::new("u", "p"), Config::default());
    let pending = Pending::new();
    assert!(matches!(
        machine.log_in(now, pending),
        Authorization::Wait(_)
    ));
    let Output::Transmit(transmit) = machine.poll(now) else {
        panic!("a login is due");
    };
    machine.handle_response(now, transmit.exchange, response);
    let is_settled = (0..10).any(|_| match machine.poll(now) {
        Output::Wait(until) => {
            assert!(until.is_none_or(|until| until > now), "I11");
            true
        }
        Output::Event(event) => {
            assert!(event.to_string().len() < 400, "{event}");
            false
        }
        Output::Store(_) | Output::Credentials(_) => panic!("it has neither"),
        // It is never asked to wait for nothing: the clock may stand at its end.
        Output::Transmit(_) => now == Timestamp::MAX,
    });
    assert!(is_settled, "I11");
    assert_eq!(machine.status() == Status::Rejected, is_refused);
}

impl Answer<'_> {
    fn response(&self) -> Response<&[u8]> {
        const NAMES: [HeaderName; 6] = [
            RETRY_AFTER,
            DATE,
            LOCATION,
            WWW_AUTHENTICATE,
            CONTENT_TYPE,
            SET_COOKIE,
        ];
        let mut response = Response::new(self.body);
        *response.status_mut() =
            StatusCode::from_u16(100 + self.status % 900).expect("it has three digits");
        let headers = response.headers_mut();
        let retry_after = self.retry_after.map(|value| (RETRY_AFTER, value));
        let others = self.headers.iter().map(|(name, value)| {
            let name = &NAMES[usize::from(*name) % NAMES.len()];
            (name.clone(), *value)
        });
        for (name, value) in retry_after.into_iter().chain(others) {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                headers.append(name, value);
            }
        }
        response
    }

    /// What `Retry-After` asks for, if it is a number of seconds.
    fn seconds(&self) -> Option<u64> {
        let text = std::str::from_utf8(self.retry_after?).ok()?;
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse().unwrap_or(u64::MAX))
    }
}

#[derive(Arbitrary)]
struct AnyRequest<'a> {
    uri: &'a [u8],
    authorization: Vec<&'a [u8]>,
}

/// As the target of a request and the `Authorization` that stands on it already: the token goes where
/// it may, once, and nothing is touched elsewhere (I8).
pub fn request(bytes: &[u8]) {
    let given = AnyRequest::arbitrary_take_rest(Unstructured::new(bytes));
    let Ok((given, uri)) = given.and_then(|given| {
        let uri = Uri::try_from(given.uri).map_err(|_| arbitrary::Error::IncorrectFormat)?;
        Ok((given, uri))
    }) else {
        return;
    };
    let mut request = Request::new(());
    *request.uri_mut() = uri.clone();
    for value in given.authorization {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            request.headers_mut().append(AUTHORIZATION, value);
        }
    }
    if let Some(origin) = Origin::of(&uri) {
        let printed: Uri = origin.to_string().parse().expect("an origin is a URI");
        assert_eq!(Origin::of(&printed), Some(origin));
    }
    let before = request.headers().clone();
    let (_, exchange) = unauthenticated(Provider::simacan()).begin(NOW);
    let LoginOutcome::Authenticated(session) = exchange.receive(NOW, Response::new(TOKENS)) else {
        panic!("these are tokens");
    };
    if session.authorize(NOW, &mut request).is_err() {
        assert_eq!(request.headers(), &before);
        return;
    }
    let values: Vec<_> = request.headers().get_all(AUTHORIZATION).iter().collect();
    assert_eq!(values, ["Bearer a"]);
    let uri = uri.to_string().to_ascii_lowercase();
    let rest = uri.strip_prefix("https://").expect("I8: not https");
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.strip_suffix(":443").unwrap_or(host);
    let label = host
        .strip_suffix(".services.simacan.com")
        .expect("I8: not the platform");
    assert!(
        !label.contains(['.', '@', ':', '\\']) && !label.ends_with("-stg"),
        "I8: {uri}"
    );
}

/// As the rules of a world and what happens in it: all invariants hold after every step.
/// If not, the shortest history that was found is in the panic, to be read.
pub fn history(bytes: &[u8]) {
    if let Ok(history) = History::arbitrary_take_rest(Unstructured::new(bytes))
        && history.live().is_err()
    {
        panic!("{}", history.shorten());
    }
}

impl<'a> Arbitrary<'a> for History {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        let mut rules = Rules {
            callers: world::CALLERS,
            ..Rules::default()
        };
        rules = match bytes.int_in_range(0..=5)? {
            0 => rules.with_access_token_life(0),
            1 => rules.with_access_token_life(u8::arbitrary(bytes)?.into()),
            2 => rules.with_access_token_life(u32::arbitrary(bytes)?.into()),
            _ => rules,
        };
        let rotations = [
            Rotation::Rotate,
            Rotation::KeepOld,
            Rotation::NoRefreshTokens,
        ];
        let reuses = [Reuse::Refuse, Reuse::RevokeFamily];
        rules.settings = rules.settings.with_rotation(*bytes.choose(&rotations)?);
        rules.settings = rules.settings.with_reuse(*bytes.choose(&reuses)?);
        rules.secrets = bytes.ratio(1, 8)?;
        rules.config.keep_alive = bytes.arbitrary()?;
        rules.config.seed = bytes.arbitrary()?;
        let steps = bytes.arbitrary_iter::<Step>()?.collect::<Result<_>>()?;
        Ok(Self { rules, steps })
    }
}
