//! What must change nothing, whenever it happens.

use simacan_auth::Pending;
use std::hash::{DefaultHasher, Hasher};
use std::sync::LazyLock;
use std::time::Duration;

use http::{Request, Response, StatusCode, Uri};
use simacan_auth::{Authorization, JobId, Machine, Output, Timestamp, TransportFailure};

use super::{START, Subject, Violation, World};

/// Exchanges of another machine, from its first. Longer histories than these have a number that is not
/// in flight.
static FOREIGN: LazyLock<Vec<JobId>> = LazyLock::new(|| {
    let mut machine = World::<Machine>::alice();
    let mut now = Timestamp::from_millis(START);
    let mut exchanges = Vec::new();
    while exchanges.len() < 100 {
        let pending = Pending::new();
        let _ = machine.log_in(now, pending);
        match machine.poll(now) {
            Output::Transmit(transmit) => {
                exchanges.push(transmit.exchange);
                machine.handle_failure(now, transmit.exchange, TransportFailure::abandoned());
            }
            Output::Event(_) => {}
            Output::Store(_) | Output::Credentials(_) => panic!("it has neither"),
            Output::Wait(_) => now = now.saturating_add(Duration::from_secs(86_400)),
        }
    }
    exchanges
});

impl<S: Subject> World<S> {
    pub(super) fn ask_foreign(&mut self) -> Result<(), Violation> {
        const FOREIGN: [&str; 4] = [
            "http://tracking.services.simacan.com/",
            "https://tracking.services.simacan.com.example/",
            "https://tracking-stg.services.simacan.com/",
            "https://tracking.services.simacan.com:8443/",
        ];
        let before = self.subject_digest();
        for uri in FOREIGN {
            let mut request = Request::new(());
            *request.uri_mut() = Uri::from_static(uri);
            let pending = Pending::new();
            let now = Timestamp::from_millis(self.now);
            let authorization = self.subject.authorize(now, pending, &mut request);
            if !matches!(authorization, Authorization::Foreign(_)) || !request.headers().is_empty()
            {
                return Violation::found(8, format!("{authorization:?} for {uri}"));
            }
        }
        if self.subject_digest() != before {
            return Violation::found(8, "asking for a foreign target changes something");
        }
        Ok(())
    }

    pub(super) fn report_again(&mut self) -> Result<(), Violation> {
        self.ended.map_or(Ok(()), |ended| self.report(ended))
    }

    pub(super) fn report_foreign(&mut self) -> Result<(), Violation> {
        let number = self.begun.clamp(1, FOREIGN.len());
        self.report(FOREIGN[number - 1])
    }

    /// Whatever could be said of another exchange than the one in flight changes nothing.
    fn report(&mut self, exchange: JobId) -> Result<(), Violation> {
        const TOKENS: &[u8] = br#"{"access_token":"x","token_type":"bearer","refresh_token":"x"}"#;
        let now = Timestamp::from_millis(self.now);
        let before = self.subject_digest();
        for status in [StatusCode::OK, StatusCode::UNAUTHORIZED] {
            let mut response = Response::new(TOKENS.to_vec());
            *response.status_mut() = status;
            self.subject.handle_response(now, exchange, response);
        }
        let failure = TransportFailure::timed_out();
        self.subject.handle_failure(now, exchange, failure);
        if self.subject_digest() == before {
            return Ok(());
        }
        Violation::found(4, "a report on no exchange in flight changes something")
    }

    fn subject_digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.subject.fingerprint(&mut hasher);
        hasher.finish()
    }
}
