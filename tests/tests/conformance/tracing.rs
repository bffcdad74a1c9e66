//! What `tracing` is told of a session. The subscriber is that of one thread.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use ::tracing::subscriber::with_default;
use simacan_auth::Credentials;
use simacan_auth_emulator::{Endpoint, Fault};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::subject::{CurrentThread, Reqwest, Subject, Ureq};
use crate::world::{PASSWORD, USERNAME, WRONG_PASSWORD, World, assert_holds_no_secret};

/// What was written, line by line.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// All that is told at any level, of ours; the times that spans took are left out.
fn told(during: impl FnOnce()) -> Vec<String> {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(::tracing::Level::TRACE)
        .with_span_events(FmtSpan::NEW | FmtSpan::CLOSE)
        .with_writer(log.clone())
        .without_time()
        .with_ansi(false)
        .finish();
    with_default(subscriber, during);
    let log = log.0.lock().unwrap_or_else(PoisonError::into_inner);
    let text = String::from_utf8(log.clone()).expect("text");
    assert_holds_no_secret(&text);
    text.lines()
        .filter(|line| line.contains("simacan_auth"))
        .map(|line| {
            line.split(" time.busy")
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned()
        })
        .collect()
}

fn i9_a_session_is_told_as_events_and_each_exchange_as_a_span<S: Subject>(
    krate: &str,
    get: impl Fn(&S, &str),
) {
    let world = World::new();
    let mut plan = world.plan();
    plan.credentials = Credentials::new(USERNAME, WRONG_PASSWORD);
    let subject = S::build(plan);
    let told = told(|| {
        subject.log_in().expect_err("the password is wrong");
        subject.set_credentials(Credentials::new(USERNAME, PASSWORD));
        get(&subject, &world.uri("/x"));
        world.revoke();
        world.script(Endpoint::Refresh, Fault::AnswerLost, 1);
        get(&subject, &world.uri("/x"));
    });
    let events: Vec<_> = told
        .iter()
        .filter(|line| !line.contains("exchange{"))
        .collect();
    let levels: Vec<_> = events
        .iter()
        .map(|line| line.split_whitespace().next().unwrap_or_default())
        .collect();
    // Started, rejected; replaced, started, logged in; a 401, started, failed, started, and refused
    // since the lost answer has spent it, started, logged in.
    assert_eq!(
        levels,
        [
            "DEBUG", "ERROR", "INFO", "DEBUG", "INFO", "DEBUG", "DEBUG", "WARN", "DEBUG", "WARN",
            "DEBUG", "INFO"
        ],
        "{told:#?}"
    );
    assert!(events[1].contains(USERNAME), "{}", events[1]);
    let closed = |line: &&String| line.contains("exchange{") && line.ends_with("close");
    let spans: Vec<_> = told.iter().filter(closed).collect();
    let ends = [
        ("/auth/password", "status_code=401"),
        ("/auth/password", "status_code=200"),
        ("/auth/refresh", "error="),
        ("/auth/refresh", "status_code=401"),
        ("/auth/password", "status_code=200"),
    ];
    assert_eq!(spans.len(), ends.len(), "{told:#?}");
    for (span, (path, end)) in spans.into_iter().zip(ends) {
        assert!(span.contains(path) && span.contains(end), "{span}");
        assert!(
            span.contains(krate) && span.contains("server.address"),
            "{span}"
        );
    }
}

#[test]
fn ureq() {
    // In this thread, which the subscriber is for.
    let get = |subject: &Ureq, uri: &str| {
        let request = http::Request::get(uri).body(()).expect("a URI");
        subject.0.send(request).expect("an answer");
    };
    i9_a_session_is_told_as_events_and_each_exchange_as_a_span("simacan_auth_ureq", get);
}

#[test]
fn reqwest_current_thread() {
    let get = |subject: &Reqwest<CurrentThread>, uri: &str| {
        subject.send(crate::world::get(uri)).expect("an answer");
    };
    i9_a_session_is_told_as_events_and_each_exchange_as_a_span("simacan_auth_reqwest", get);
}
