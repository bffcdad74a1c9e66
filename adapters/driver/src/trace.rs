//! What `tracing` is told, if it is there. The names of the fields are OpenTelemetry's.

use http::{Request, Response};
#[cfg(feature = "tracing")]
use simacan_auth::Timestamp;
use simacan_auth::{Event, RequestBody, ResponseBody, TransportFailure};

use crate::session::Exchange;

type Answer = Result<Response<ResponseBody>, TransportFailure>;

/// As a `tracing` event: its message is what it prints, and its fields are what it holds.
#[cfg(feature = "tracing")]
pub(crate) fn event(event: &Event) {
    let Facts {
        generation,
        attempt,
        expires_at,
        retry_at,
        failure,
        took,
    } = Facts::of(event);
    macro_rules! tell {
        ($level:ident) => {
            tracing::$level!(
                event = event.name(),
                generation,
                attempt,
                expires_at = expires_at.map(tracing::field::display),
                retry_at = retry_at.map(tracing::field::display),
                failure = failure.map(tracing::field::display),
                took,
                "{event}"
            )
        };
    }
    match event {
        Event::Rejected { .. } => tell!(error),
        Event::RoundFailed { .. }
        | Event::AttemptFailed { .. }
        | Event::RefreshRefused
        | Event::RefusalRemembered { .. }
        | Event::RevocationFailed { .. }
        | Event::SaveFailed { .. }
        | Event::UnlockFailed { .. }
        | Event::SavedSessionDamaged { .. }
        | Event::SavedSessionForeign { .. }
        | Event::TargetGuarded { .. } => tell!(warn),
        Event::LoggedIn { .. }
        | Event::Refreshed { .. }
        | Event::Adopted { .. }
        | Event::Forgotten
        | Event::Revoked
        | Event::CredentialsReplaced { .. } => tell!(info),
        _ => tell!(debug),
    }
}

/// What an event holds that one may want to search for.
#[cfg(feature = "tracing")]
#[derive(Default)]
struct Facts<'a> {
    generation: Option<u64>,
    attempt: Option<u32>,
    expires_at: Option<Timestamp>,
    retry_at: Option<Timestamp>,
    failure: Option<&'a dyn std::fmt::Display>,
    /// In seconds.
    took: Option<f64>,
}

#[cfg(feature = "tracing")]
impl<'a> Facts<'a> {
    fn of(event: &'a Event) -> Self {
        let mut facts = Self::default();
        match event {
            Event::LoggedIn {
                generation,
                expires_at,
            }
            | Event::Refreshed {
                generation,
                expires_at,
            }
            | Event::Adopted {
                generation,
                expires_at,
            } => {
                facts.generation = Some(generation.get());
                facts.expires_at = *expires_at;
            }
            Event::Unauthorized { generation } => facts.generation = Some(generation.get()),
            Event::ExchangeStarted { attempt, .. } => facts.attempt = Some(*attempt),
            Event::ExchangeEnded { took, .. } => facts.took = Some(took.as_secs_f64()),
            Event::AttemptFailed {
                failure,
                attempt,
                retry_at,
            }
            | Event::RoundFailed {
                failure,
                attempts: attempt,
                until: retry_at,
            } => {
                facts.failure = Some(failure);
                facts.attempt = Some(*attempt);
                facts.retry_at = Some(*retry_at);
            }
            Event::TargetGuarded { until } => facts.retry_at = Some(*until),
            Event::SaveFailed { failure, retry_at } => {
                facts.failure = Some(failure);
                facts.retry_at = Some(*retry_at);
            }
            Event::UnlockFailed { failure } => facts.failure = Some(failure),
            Event::RevocationFailed { failure } => facts.failure = Some(failure),
            Event::SavedSessionDamaged { defect, .. } => facts.failure = Some(defect),
            _ => {}
        }
        facts
    }
}

/// So many events were not told.
#[cfg(feature = "tracing")]
pub(crate) fn untold(events: u64) {
    if events > 0 {
        tracing::warn!("{events} events were not told, since a callback for events hung");
    }
}

/// Makes an exchange in a span of its own.
#[cfg(feature = "tracing")]
pub(crate) fn exchange(request: Request<RequestBody>, make: &Exchange) -> Answer {
    let span = tracing::info_span!(
        "exchange",
        server.address = request.uri().host(),
        url.path = request.uri().path(),
        http.response.status_code = tracing::field::Empty,
        error = tracing::field::Empty,
    );
    let answer = span.in_scope(|| make(request));
    match &answer {
        Ok(response) => span.record("http.response.status_code", response.status().as_u16()),
        Err(failure) => span.record("error", tracing::field::display(failure)),
    };
    answer
}

#[cfg(not(feature = "tracing"))]
pub(crate) use silent::{event, exchange, untold};

#[cfg(not(feature = "tracing"))]
mod silent {
    use super::{Answer, Event, Exchange, Request, RequestBody};

    pub(crate) fn event(_: &Event) {}

    pub(crate) fn untold(_: u64) {}

    pub(crate) fn exchange(request: Request<RequestBody>, make: &Exchange) -> Answer {
        make(request)
    }
}
