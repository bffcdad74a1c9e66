//! Long random histories in the world of the model checker: thousands of steps, years, hundreds of
//! callers. All invariants are checked after every step.
//!
//! A failing case prints the shortest history that was found.
#![cfg(any(model, fuzzing))]

use simacan_auth::Pending;
use std::cell::Cell;
use std::fmt;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestError, TestRng, TestRunner};
use simacan_auth::{
    Authorization, Cause, Config, Credentials, LoginOutcome, Machine, Output, Provider, Refresh,
    RefreshOutcome, Review, Session, Timestamp, TransportFailure,
};
use simacan_auth_emulator::{Profile, Reuse, Rotation};
use simacan_auth_tests::history::History;
use simacan_auth_tests::seed;
use simacan_auth_tests::world::{AtServer, AtTarget, Body, Clock, Login, Rules, Step};

/// Runs `cases` of them, by this stream of the seed; a failing one is printed with its seed.
fn hold<T: fmt::Debug>(
    cases: u32,
    stream: u64,
    strategy: &impl Strategy<Value = T>,
    test: impl Fn(T) -> Result<(), TestCaseError>,
    print: impl Fn(T) -> String,
) {
    let seed = seed();
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&stream.to_le_bytes());
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: 0,
        ..ProptestConfig::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(config, rng);
    match runner.run(strategy, test) {
        Ok(()) => {}
        Err(TestError::Fail(why, case)) => panic!("SIMACAN_SEED={seed}: {why}{}", print(case)),
        Err(TestError::Abort(why)) => panic!("SIMACAN_SEED={seed}: {why}"),
    }
}

fn any_login() -> impl Strategy<Value = Login> {
    proptest::sample::select(vec![
        Login::Alice,
        Login::AliceNew,
        Login::AliceWrong,
        Login::Bob,
    ])
}

/// Half of the steps are what a good day is made of.
fn any_step(callers: u16) -> impl Strategy<Value = Step> {
    let seconds = prop_oneof![
        0..5u32,
        20..4000u32,
        Just(3600),
        Just(86_400),
        Just(2_000_000)
    ];
    let clock = prop_oneof![
        6 => Just(Clock::ToWait),
        2 => Just(Clock::NearExpiry),
        2 => Just(Clock::ToExpiry),
        4 => seconds.clone().prop_map(Clock::On),
        1 => seconds.prop_map(Clock::Back),
    ];
    let refusal = prop_oneof![
        Just(AtServer::Unavailable),
        (0..5000u32).prop_map(AtServer::TooMany),
        Just(AtServer::NotFound),
        Just(AtServer::Redirect),
        Just(AtServer::Unclear),
        Just(AtServer::NotTheClient),
    ];
    prop_oneof![
        60 => (0..callers).prop_map(Step::Ask),
        30 => (0..callers).prop_map(|caller| Step::Answer(caller, AtTarget::Honest)),
        3 => (0..callers).prop_map(|caller| Step::Answer(caller, AtTarget::Unavailable)),
        3 => (0..callers).prop_map(|caller| Step::Answer(caller, AtTarget::Lost)),
        3 => (0..callers).prop_map(Step::Leave),
        1 => Just(Step::AskForeign),
        30 => Just(Step::Serve),
        30 => Just(Step::Deliver(Body::Intact)),
        2 => Just(Step::Deliver(Body::Created)),
        2 => Just(Step::Deliver(Body::Truncated)),
        2 => Just(Step::Deliver(Body::Garbage)),
        3 => Just(Step::LoseRequest),
        3 => Just(Step::LoseAnswer),
        3 => Just(Step::TimeOut),
        3 => Just(Step::StrayArrives),
        5 => refusal.prop_map(Step::Refuse),
        2 => Just(Step::ReportAgain),
        2 => Just(Step::ReportForeign),
        40 => clock.prop_map(Step::Clock),
        4 => Just(Step::RevokeAccess),
        2 => Just(Step::RevokeRefresh),
        1 => Just(Step::ChangePassword),
        2 => any_login().prop_map(Step::Replace),
    ]
}

/// Servers that speak alike and differ in what they do with tokens.
fn any_rules(
    profile: Profile,
    callers: u16,
    secrets: bool,
) -> impl Strategy<Value = (Rules, bool)> {
    let life = prop_oneof![4 => Just(3600u64), 1 => Just(0), 1 => 1..20u64, 1 => Just(10_000_000)];
    let rotation = prop_oneof![
        4 => Just(Rotation::Rotate),
        1 => Just(Rotation::KeepOld),
        1 => Just(Rotation::NoRefreshTokens),
    ];
    let reuse = prop_oneof![Just(Reuse::Refuse), Just(Reuse::RevokeFamily)];
    let switches = any::<(bool, bool, u64)>();
    (life, rotation, reuse, switches).prop_map(move |(life, rotation, reuse, switches)| {
        let (keep_alive, is_stubborn, seed) = switches;
        let mut rules = Rules {
            callers,
            secrets,
            ..Rules::default()
        }
        .with_profile(profile);
        rules.settings = rules.settings.with_rotation(rotation).with_reuse(reuse);
        rules.config = Config::default();
        rules.config.keep_alive = keep_alive;
        rules.config.seed = seed;
        (rules.with_access_token_life(life), is_stubborn)
    })
}

/// So many of each server, and five times as many of the documented one.
fn histories(cases: u32, callers: u16, length: usize, secrets: bool) {
    let lived = Cell::new(Duration::ZERO);
    for (profile, stream) in Profile::ALL.into_iter().zip(0..) {
        let rules = any_rules(profile, callers, secrets);
        let steps = vec(any_step(callers), length / 2..length);
        let strategy = (rules, steps).prop_map(|((rules, is_stubborn), mut steps)| {
            if is_stubborn {
                steps.insert(0, Step::Stubborn);
            }
            History { rules, steps }
        });
        let cases = match profile {
            Profile::Documented => 5 * cases,
            _ => cases,
        };
        hold(
            cases,
            stream,
            &strategy,
            |history| match history.live() {
                Ok(time) => {
                    lived.set(lived.get() + time);
                    Ok(())
                }
                Err(violation) => Err(TestCaseError::fail(violation.to_string())),
            },
            |history| format!("\n{profile}: {}", history.shorten()),
        );
    }
    let years = lived.get().as_secs() / (365 * 86_400);
    println!("{cases} histories of each server, of {callers} callers: {years} years");
    assert!(years >= 4 * u64::from(cases), "only {years} years went by");
}

#[test]
fn long_histories_of_a_few_callers_keep_all_invariants() {
    histories(8, 4, 4000, false);
}

#[test]
fn long_histories_of_hundreds_of_callers_keep_all_invariants() {
    histories(2, 300, 6000, false);
}

#[test]
fn i9_nothing_that_is_printed_holds_a_secret() {
    histories(2, 3, 1000, true);
}

/// What the auth server may answer to one exchange.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Tokens,
    NoRefreshToken,
    Refused,
    Unavailable,
    Nothing,
}

fn answer(answer: Answer, n: usize) -> Option<http::Response<Vec<u8>>> {
    let refresh = format!(r#","refresh_token":"r{n}""#);
    let (status, body) = match answer {
        Answer::Tokens => (
            200,
            format!(r#"{{"access_token":"a{n}","token_type":"bearer"{refresh}}}"#),
        ),
        Answer::NoRefreshToken => (
            200,
            format!(r#"{{"access_token":"a{n}","token_type":"bearer"}}"#),
        ),
        Answer::Refused => (401, String::new()),
        Answer::Unavailable => (503, String::new()),
        Answer::Nothing => return None,
    };
    let response = http::Response::builder()
        .status(status)
        .body(body.into_bytes());
    Some(response.expect("it is well formed"))
}

/// What the typestate sends, one request for each answer; a good token gets a 401.
fn typestate(answers: &[Answer]) -> Vec<Vec<u8>> {
    enum Any {
        Unauthenticated(Session<simacan_auth::Unauthenticated>),
        Refreshing(Session<simacan_auth::Refreshing>),
        ReLogin(Session<simacan_auth::ReLogin>),
    }
    let refused = |session: Session<simacan_auth::Authenticated>, now| match session
        .refresh(now, Cause::Unauthorized)
    {
        Refresh::Refreshing(session) => Any::Refreshing(session),
        Refresh::ReLogin(session) => Any::ReLogin(session),
        Refresh::NotYet(_) => unreachable!("the token was refused"),
    };
    let now = Timestamp::from_millis(0);
    let credentials = Credentials::new("u", "p");
    let mut session = Any::Unauthenticated(Session::new(Provider::simacan(), credentials));
    let mut sent = Vec::new();
    for (given, n) in answers.iter().zip(0..) {
        let response = answer(*given, n);
        session = match session {
            Any::Unauthenticated(session) => {
                let (request, exchange) = session.begin(now);
                sent.push(request.body().to_vec());
                match response {
                    None => Any::Unauthenticated(exchange.fail()),
                    Some(response) => match exchange.receive(now, response) {
                        LoginOutcome::Authenticated(session) => refused(session, now),
                        LoginOutcome::Failed(session, _) => Any::Unauthenticated(session),
                        LoginOutcome::Rejected(_) => return sent,
                    },
                }
            }
            Any::Refreshing(session) => {
                let (request, exchange) = session.begin(now);
                sent.push(request.body().to_vec());
                match response {
                    None => Any::Refreshing(exchange.fail()),
                    Some(response) => match exchange.receive(now, response) {
                        RefreshOutcome::Authenticated(session) => refused(session, now),
                        RefreshOutcome::Failed(session, _) => Any::Refreshing(session),
                        RefreshOutcome::ReLogin(session) => Any::ReLogin(session),
                    },
                }
            }
            Any::ReLogin(session) => {
                let (request, exchange) = session.begin(now);
                sent.push(request.body().to_vec());
                match response {
                    None => Any::ReLogin(exchange.fail()),
                    Some(response) => match exchange.receive(now, response) {
                        LoginOutcome::Authenticated(session) => refused(session, now),
                        LoginOutcome::Failed(session, _) => Any::ReLogin(session),
                        LoginOutcome::Rejected(_) => return sent,
                    },
                }
            }
        };
    }
    sent
}

/// What the machine sends when each of its tokens gets a 401 and there is always demand. A day goes by
/// before each try, so that its pacing plays no part.
fn machine(answers: &[Answer]) -> Vec<Vec<u8>> {
    let credentials = Credentials::new("u", "p");
    let mut config = Config::default();
    config.refusal_memory = Duration::MAX; // so do days
    let mut machine = Machine::new(Provider::simacan(), credentials, config);
    let mut sent = Vec::new();
    let mut now = Timestamp::from_millis(0);
    for _ in 0..10 * answers.len() {
        now = now.saturating_add(Duration::from_secs(86_400));
        let mut request = http::Request::get("https://a.services.simacan.com/")
            .body(())
            .expect("a URI");
        let pending = Pending::new();
        if let Authorization::Ready(sent) = machine.authorize(now, pending, &mut request)
            && let Review::Retry(_) = machine.review(now, sent, http::StatusCode::UNAUTHORIZED)
        {
        }
        loop {
            match machine.poll(now) {
                Output::Transmit(transmit) => {
                    let n = sent.len();
                    let Some(given) = answers.get(n) else {
                        return sent;
                    };
                    sent.push(transmit.request.body().to_vec());
                    if let Some(response) = answer(*given, n) {
                        machine.handle_response(now, transmit.exchange, response);
                    } else {
                        let failure = TransportFailure::timed_out();
                        machine.handle_failure(now, transmit.exchange, failure);
                    }
                }
                Output::Event(_) => {}
                Output::Store(op) => panic!("it has no store: {op:?}"),
                Output::Credentials(_) => unreachable!("it has no source"),
                Output::Wait(_) => break,
            }
        }
    }
    sent
}

#[test]
fn typestate_and_machine_send_the_same() {
    let answers = proptest::sample::select(vec![
        Answer::Tokens,
        Answer::Tokens,
        Answer::NoRefreshToken,
        Answer::Refused,
        Answer::Unavailable,
        Answer::Nothing,
    ]);
    hold(
        500,
        0,
        &vec(answers, 0..30),
        |answers| {
            prop_assert_eq!(typestate(&answers), machine(&answers));
            Ok(())
        },
        |answers| format!("\n{answers:?}"),
    );
}
