//! No answer, whatever it is, leads to a state that nothing but a human can leave (I10), and none has a password
//! sent again and again. Ten days of any answers are lived minute for minute, in virtual time.

use std::time::Duration;

use http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use proptest::prelude::*;
use proptest::sample::select;
use simacan_auth::{
    Authorization, ClientAuth, Config, Credentials, JobEnd, Machine, Output, Pending, Provider,
    Review, SavedSession, StoreOp, Timestamp, Transmit, TransportFailure,
};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// How often somebody asks for a token.
const CALLS: u64 = 5 * MINUTE;
const START: u64 = 1_700_000_000_000;

/// What an answer to a password means, said by whoever has made it and not by who reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// By the API itself: believed for a day.
    Refused,
    /// Nothing that a password is for, and no trouble that passes.
    Odd,
    /// Nobody says.
    Any,
}

#[derive(Clone, Debug)]
struct Answer {
    /// `None`: silence.
    status: Option<u16>,
    header: Option<(HeaderName, &'static str)>,
    body: String,
    meaning: Meaning,
}

fn answer(status: u16, body: &str, meaning: Meaning) -> Answer {
    Answer {
        status: Some(status),
        header: None,
        body: body.to_owned(),
        meaning,
    }
}

fn any_answer() -> impl Strategy<Value = Answer> {
    let statuses = prop_oneof![
        3 => select(vec![200u16, 201, 204, 301, 302, 400, 401, 403, 404, 405, 408, 409, 418, 422, 429, 500, 502, 503]),
        1 => 200u16..600,
    ];
    let codes = select(vec![
        "invalid_grant",
        "invalid_client",
        "invalid_request",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
        "server_error",
        "temporarily_unavailable",
        "interaction_required",
        "",
    ]);
    let bodies = prop_oneof![
        Just(String::new()),
        Just("{}".to_owned()),
        Just("<html>Sign in</html>".to_owned()),
        Just(r#"{"access_token":"#.to_owned()),
        Just(r#"{"access_token":null}"#.to_owned()),
        Just(r#"[{"access_token":"a"}]"#.to_owned()),
        codes.prop_map(|code| format!(r#"{{"error":"{code}"}}"#)),
        any::<String>(),
    ];
    let headers = proptest::option::of(select(vec![
        (WWW_AUTHENTICATE, "Basic realm=gateway"),
        (WWW_AUTHENTICATE, "Bearer"),
        (CONTENT_TYPE, "text/html"),
        (RETRY_AFTER, "7200"),
        (LOCATION, "https://elsewhere.example/"),
    ]));
    let drawn = (statuses, bodies, headers).prop_map(|(status, body, header)| Answer {
        status: Some(status),
        header,
        body,
        meaning: Meaning::Any,
    });
    // By what the rules say, in both dialects.
    let known = select(vec![
        answer(400, r#"{"error":"invalid_grant"}"#, Meaning::Refused),
        answer(401, r#"{"error":"invalid_grant"}"#, Meaning::Refused),
        answer(403, r#"{"error":"invalid_grant"}"#, Meaning::Refused),
        answer(200, r#"{"error":"invalid_grant"}"#, Meaning::Refused),
        answer(400, r#"{"error":"invalid_request"}"#, Meaning::Odd),
        answer(403, "", Meaning::Odd),
        answer(422, "{}", Meaning::Odd),
        answer(404, "no such page", Meaning::Odd),
        answer(400, r#"{"error":"invalid_client"}"#, Meaning::Odd),
    ]);
    let silence = Just(Answer {
        status: None,
        header: None,
        body: String::new(),
        meaning: Meaning::Any,
    });
    prop_oneof![6 => drawn, 4 => known, 1 => silence]
}

/// What a server says to one grant, in turn and over and over.
fn any_answers() -> impl Strategy<Value = Vec<Answer>> {
    proptest::collection::vec(any_answer(), 1..12)
}

/// A program with its machine, its store if it has one, and its server.
struct Life {
    is_oauth2: bool,
    has_store: bool,
    machine: Machine,
    saved: Option<SavedSession>,
    now: u64,
    wait: Option<u64>,
    /// To a password, then to a refresh; empty: tokens.
    answers: [Vec<Answer>; 2],
    turns: [usize; 2],
    issued: u64,
    /// When passwords have left since the last tokens, and what was said to them.
    passwords: Vec<(u64, Meaning)>,
    /// When they have left at all.
    all_passwords: Vec<u64>,
}

impl Life {
    fn new(is_oauth2: bool, has_store: bool, answers: [Vec<Answer>; 2]) -> Self {
        let mut life = Self {
            is_oauth2,
            has_store,
            machine: Self::machine(is_oauth2),
            saved: None,
            now: START,
            wait: None,
            answers,
            turns: [0; 2],
            issued: 0,
            passwords: Vec::new(),
            all_passwords: Vec::new(),
        };
        life.restart();
        life
    }

    fn machine(is_oauth2: bool) -> Machine {
        let provider = if is_oauth2 {
            let provider = Provider::oauth2("https://login.example/token", ClientAuth::public("c"));
            let provider = provider
                .allow_origin("https://a.services.simacan.com")
                .build();
            provider.expect("it is well formed")
        } else {
            Provider::simacan()
        };
        Machine::new(provider, Credentials::new("u", "p"), Config::default())
    }

    /// The program ends, and the next one has what is in the store.
    fn restart(&mut self) {
        self.machine = Self::machine(self.is_oauth2);
        if self.has_store {
            let machine = std::mem::replace(&mut self.machine, Self::machine(false));
            self.machine = machine.with_store();
        }
        self.wait = None;
    }

    /// So long, with a call every now and then. How many of them got a token.
    fn live(&mut self, time: u64, restarts_after: Option<u64>) -> Result<u64, TestCaseError> {
        let end = self.now + time;
        let (mut served, mut restart_at) = (0, restarts_after.map(|after| self.now + after));
        while self.now < end {
            if self.has_store && restart_at.is_some_and(|at| self.now >= at) {
                self.restart();
                restart_at = restarts_after.map(|after| self.now + after);
            }
            served += u64::from(self.call()?);
            let next = self.now + CALLS;
            while let Some(until) = self.wait.filter(|until| *until < next) {
                self.now = self.now.max(until);
                self.drain()?;
            }
            self.now = next;
        }
        Ok(served)
    }

    fn call(&mut self) -> Result<bool, TestCaseError> {
        let deadline = self.now + 30_000;
        let mut request = Request::new(());
        *request.uri_mut() = http::Uri::from_static("https://a.services.simacan.com/x");
        let mut pending = Pending::new();
        loop {
            let now = self.timestamp();
            match self.machine.authorize(now, pending, &mut request) {
                Authorization::Ready(sent) => {
                    // A target that believes what the server has issued last.
                    let token = request.headers()["authorization"]
                        .to_str()
                        .unwrap_or_default();
                    let is_good = token == format!("Bearer token-{}", self.issued);
                    let status = if is_good {
                        StatusCode::OK
                    } else {
                        StatusCode::UNAUTHORIZED
                    };
                    let review = self.machine.review(self.timestamp(), sent, status);
                    self.drain()?;
                    match review {
                        Review::Deliver => return Ok(is_good),
                        Review::Retry(next) => pending = next,
                    }
                }
                Authorization::Wait(waiting) => {
                    while !self.drain()? {
                        match self.wait {
                            Some(until) if until <= deadline => self.now = self.now.max(until),
                            _ => return Ok(false),
                        }
                    }
                    if self.now > deadline {
                        return Ok(false);
                    }
                    pending = waiting;
                }
                Authorization::Denied(_) => {
                    self.drain()?;
                    return Ok(false);
                }
                Authorization::Foreign(error) => panic!("{error}"),
            }
        }
    }

    /// What the machine wants done. Whether there was an event.
    fn drain(&mut self) -> Result<bool, TestCaseError> {
        let mut is_news = false;
        loop {
            let now = self.timestamp();
            match self.machine.poll(now) {
                Output::Transmit(Transmit { exchange, request }) => {
                    let body = String::from_utf8_lossy(request.body()).into_owned();
                    let answer = self.serve(&body)?;
                    self.now += 200;
                    let now = self.timestamp();
                    if let Some(answer) = answer {
                        self.machine.handle_response(now, exchange, answer);
                    } else {
                        let failure = TransportFailure::timed_out();
                        self.machine.handle_failure(now, exchange, failure);
                    }
                }
                Output::Event(_) => is_news = true,
                Output::Store(StoreOp::Lock(id)) => {
                    self.machine.handle_end(now, id, JobEnd::Locked(None));
                }
                Output::Store(StoreOp::Load(id)) => {
                    let saved = self.saved.as_ref().map(SavedSession::to_json);
                    let saved =
                        saved.map(|json| SavedSession::from_json(&json).expect("it was saved"));
                    self.machine.handle_end(now, id, JobEnd::Loaded(saved));
                }
                Output::Store(StoreOp::Save(id, session)) => {
                    self.saved = Some(session);
                    self.machine.handle_end(now, id, JobEnd::Saved);
                }
                Output::Store(StoreOp::Mark(id, _)) => {
                    self.machine.handle_end(now, id, JobEnd::Marked);
                }
                Output::Store(StoreOp::Unlock) => {}
                Output::Credentials(_) => unreachable!("it has no source"),
                Output::Wait(until) => {
                    self.wait = until.map(Timestamp::as_millis);
                    return Ok(is_news);
                }
            }
        }
    }

    fn serve(&mut self, body: &str) -> Result<Option<Response<Vec<u8>>>, TestCaseError> {
        let grant = usize::from(body.contains("refresh_token="));
        let answers = &self.answers[grant];
        let answer = answers
            .get(self.turns[grant] % answers.len().max(1))
            .cloned();
        self.turns[grant] += 1;
        if grant == 0 {
            let meaning = answer
                .as_ref()
                .map_or(Meaning::Any, |answer| answer.meaning);
            self.check_password(meaning)?;
        }
        let Some(answer) = answer else {
            self.issued += 1;
            self.passwords.clear();
            let n = self.issued;
            let tokens = format!(
                r#"{{"access_token":"token-{n}","refresh_token":"refresh-{n}","token_type":"bearer","expires_in":3600}}"#
            );
            return Ok(Some(Response::new(tokens.into_bytes())));
        };
        Ok(answer.status.map(|status| {
            let mut response = Response::new(answer.body.into_bytes());
            *response.status_mut() = StatusCode::from_u16(status).expect("it has three digits");
            if let Some((name, value)) = answer.header {
                response
                    .headers_mut()
                    .insert(name, HeaderValue::from_static(value));
            }
            response
        }))
    }

    /// A password has arrived. What the answers before mean for when it may.
    fn check_password(&mut self, meaning: Meaning) -> Result<(), TestCaseError> {
        const SLACK: u64 = MINUTE;
        let since = |at: u64| self.now - at + SLACK;
        let refused = self
            .passwords
            .iter()
            .rev()
            .find(|(_, said)| *said == Meaning::Refused);
        if let Some((at, _)) = refused {
            prop_assert!(
                since(*at) >= DAY,
                "I2: refused {:?} ago",
                Duration::from_millis(since(*at))
            );
        }
        let odd: Vec<_> = self
            .passwords
            .iter()
            .filter(|(_, said)| *said == Meaning::Odd)
            .collect();
        if let (Some((last, _)), Some(beyond)) = (odd.last(), odd.len().checked_sub(3)) {
            let apart = (HOUR << beyond.min(10)).min(DAY);
            prop_assert!(
                since(*last) >= apart,
                "{} odd answers, and one {apart} ms later at most",
                odd.len()
            );
        }
        self.all_passwords.push(self.now);
        self.passwords.push((self.now, meaning));
        let hour = self
            .all_passwords
            .iter()
            .filter(|at| self.now - **at < HOUR)
            .count();
        prop_assert!(hour <= 12, "I13: {hour} passwords in an hour");
        Ok(())
    }

    fn timestamp(&self) -> Timestamp {
        Timestamp::from_millis(self.now)
    }
}

proptest! {
    #![proptest_config(crate::config())]

    #[test]
    fn i10_after_ten_days_of_any_answers_a_server_that_behaves_is_used_again(
        is_oauth2: bool,
        has_store: bool,
        had_tokens: bool,
        restarts_after in proptest::option::of(MINUTE..3 * DAY),
        answers in [any_answers(), any_answers()],
    ) {
        let mut life = Life::new(is_oauth2, has_store, Default::default());
        if had_tokens {
            prop_assert_eq!(life.live(MINUTE, None)?, 1);
        }
        life.answers = answers;
        life.live(10 * DAY, restarts_after)?;
        life.answers = Default::default();
        prop_assert!(life.live(DAY + HOUR, restarts_after)? > 0, "I10: nothing is served any more");
    }

    #[test]
    fn i10_a_server_that_is_odd_for_ever_to_one_grant_is_served_by_the_other(
        is_oauth2: bool,
        has_store: bool,
        is_refresh_odd: bool,
        restarts_after in proptest::option::of(MINUTE..3 * DAY),
        answers in any_answers(),
    ) {
        // To silence there is nothing to be learned from.
        prop_assume!(answers.iter().any(|answer| answer.status.is_some()));
        let mut life = Life::new(is_oauth2, has_store, Default::default());
        prop_assert_eq!(life.live(MINUTE, None)?, 1);
        life.answers[usize::from(is_refresh_odd)] = answers;
        for day in 0..5 {
            let served = life.live(DAY + 2 * HOUR, restarts_after.filter(|_| is_refresh_odd))?;
            prop_assert!(served > 0, "nothing is served on day {day}");
        }
    }
}
