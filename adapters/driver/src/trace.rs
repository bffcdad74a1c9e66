//! What `tracing` is told, if it is there. The names of the fields are OpenTelemetry's.

use http::{Request, Response};
use simacan_auth::{Event, RequestBody, ResponseBody, TransportFailure};

use crate::session::Exchange;

type Answer = Result<Response<ResponseBody>, TransportFailure>;

/// As a `tracing` event; its message is what it prints.
#[cfg(feature = "tracing")]
pub(crate) fn event(event: &Event) {
    match event {
        Event::Rejected { .. } => tracing::error!("{event}"),
        Event::RoundFailed { .. }
        | Event::AttemptFailed { .. }
        | Event::RefreshRefused
        | Event::RefusalRemembered { .. }
        | Event::SaveFailed { .. }
        | Event::UnlockFailed { .. }
        | Event::SavedSessionDamaged { .. }
        | Event::SavedSessionForeign
        | Event::TargetGuarded { .. } => tracing::warn!("{event}"),
        Event::LoggedIn { .. }
        | Event::Refreshed { .. }
        | Event::Adopted { .. }
        | Event::Forgotten
        | Event::Revoked
        | Event::CredentialsReplaced { .. } => tracing::info!("{event}"),
        _ => tracing::debug!("{event}"),
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
