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
    // Started, rejected; replaced, started, logged in; a 401, started, failed, started, and refused
    // since the lost answer has spent it, started, logged in.
    let expected = [
        "DEBUG", "ERROR", "INFO", "DEBUG", "INFO", "DEBUG", "DEBUG", "WARN", "DEBUG", "WARN",
        "DEBUG", "INFO",
    ];
    assert_eq!(levels, expected, "{told:#?}");
    assert!(events[1].contains("fleet"), "{}", events[1]);
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
