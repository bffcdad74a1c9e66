//! What `tracing` is told of a session. The subscriber is the process's: events are told by a thread of the
//! driver's.
#![cfg(feature = "tracing")]

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use http::{Request, Response};
use simacan_auth_driver::simacan_auth::{
    Config, Credentials, Provider, RequestBody, ResponseBody, Review, TransportFailure,
};
use simacan_auth_driver::{Driver, block_on};
use simacan_auth_emulator::{Emulator, Endpoint, Fault, Settings};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

const PASSWORD: &str = "correct horse battery staple";

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

#[test]
fn i9_a_session_is_told_as_events_and_each_exchange_as_a_span() {
    let log = Log::default();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::NEW | FmtSpan::CLOSE)
        .with_writer(log.clone())
        .without_time()
        .with_ansi(false)
        .init();
    let settings = Settings::new().with_user("fleet", PASSWORD);
    let platform = Arc::new(Mutex::new(Emulator::new(settings)));
    let respond = {
        let platform = platform.clone();
        move |request: &Request<Vec<u8>>| {
            let time = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
            platform.lock().unwrap().respond(time, request)
        }
    };
    let exchange = {
        let respond = respond.clone();
        move |request: Request<RequestBody>| {
            let request = request.map(|body| body.to_vec());
            let response = respond(&request).ok_or_else(TransportFailure::timed_out)?;
            let mut body = ResponseBody::new();
            let _ = body.push(response.body());
            Ok(response.map(|_| body))
        }
    };
    let mut config = Config::default();
    config.backoff.first = Duration::ZERO;
    let driver = Driver::settings(
        Provider::simacan(),
        Credentials::new("fleet", "a wr0ng h0rse"),
    )
    .config(config)
    .build(exchange);
    let send = || {
        let mut pending = None;
        loop {
            let mut request = Request::get("https://a.services.simacan.com/x")
                .body(vec![])
                .unwrap();
            let sent = block_on(driver.authorize(pending, &mut request)).expect("a token");
            let answer: Response<_> = respond(&request).expect("an answer");
            match driver.review(sent, answer.status()) {
                Review::Deliver => return,
                Review::Retry(next) => pending = Some(next),
            }
        }
    };
    let settle = || assert!(block_on(driver.settle(Duration::from_secs(30))));
    block_on(driver.log_in()).expect_err("the password is wrong");
    driver.set_credentials(Credentials::new("fleet", PASSWORD));
    settle();
    send();
    platform.lock().unwrap().revoke_access_tokens();
    platform
        .lock()
        .unwrap()
        .script(Endpoint::Refresh, Fault::AnswerLost);
    send();
    settle();

    let text = String::from_utf8(log.0.lock().unwrap().clone()).expect("text");
    assert!(
        !["horse", "h0rse", "eyJ"]
            .iter()
            .any(|secret| text.contains(secret)),
        "{text}"
    );
    let told: Vec<_> = text
        .lines()
        .filter(|line| line.contains("simacan_auth_driver"))
        .collect();
    let events: Vec<_> = told
        .iter()
        .filter(|line| !line.contains("exchange{"))
        .collect();
    let levels: Vec<_> = events
        .iter()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    // Rejected; replaced, logged in; a 401, failed, and refused since the lost answer has spent it, logged in. Before
    // each, but for those that no exchange brings: started, ended.
    let expected = [
        "DEBUG", "DEBUG", "ERROR", "INFO", "DEBUG", "DEBUG", "INFO", "DEBUG", "DEBUG", "DEBUG",
        "WARN", "DEBUG", "DEBUG", "WARN", "DEBUG", "DEBUG", "INFO",
    ];
    assert_eq!(levels, expected, "{told:#?}");
    assert_fields(&events);
    let closed = |line: &&&str| line.contains("exchange{") && line.contains("close");
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
        assert!(span.contains("server.address"), "{span}");
    }
}

/// What one may want to search for is a field, where it has a meaning.
fn assert_fields(events: &[&&str]) {
    for (event, parts) in [
        (0, &["exchange_started", "attempt=1"][..]),
        (1, &["exchange_ended", "took=", "401"]),
        (2, &["rejected", "fleet"]),
        (6, &["logged_in", "generation=1", "expires_at="]),
        (7, &["unauthorized", "generation=1"]),
        (
            10,
            &["attempt_failed", "attempt=1", "retry_at=", "failure="],
        ),
        (11, &["attempt=2"]),
        (16, &["logged_in", "generation=2", "expires_at="]),
    ] {
        let line = events[event];
        assert!(parts.iter().all(|part| line.contains(part)), "{line}");
    }
    let without = |part: &str| !events[6].contains(part);
    assert!(without("attempt") && without("failure") && without("retry_at"));
}
