//! What `metrics` is told, if it is there. The names are documented with the crate.

use simacan_auth::Event;

/// Counts it, and measures what it says was measured.
#[cfg(feature = "metrics")]
pub(crate) fn event(event: &Event) {
    metrics::counter!("simacan_auth_events_total", "event" => event.name()).increment(1);
    if let Event::ExchangeEnded { status, took } = event {
        let status = status.map_or("none".into(), |status| status.as_str().to_owned());
        metrics::histogram!("simacan_auth_exchange_seconds", "status" => status)
            .record(took.as_secs_f64());
    }
}

/// So many events were not told, nor counted by their names.
#[cfg(feature = "metrics")]
pub(crate) fn untold(events: u64) {
    metrics::counter!("simacan_auth_events_total", "event" => "untold").increment(events);
}

#[cfg(feature = "metrics")]
pub(crate) fn describe() {
    metrics::describe_counter!(
        "simacan_auth_events_total",
        "Events of the sessions, by their names"
    );
    metrics::describe_histogram!(
        "simacan_auth_exchange_seconds",
        metrics::Unit::Seconds,
        "Time that the auth endpoint took, by the status that it answered"
    );
}

#[cfg(not(feature = "metrics"))]
pub(crate) use silent::{describe, event, untold};

#[cfg(not(feature = "metrics"))]
mod silent {
    use super::Event;

    pub(crate) fn event(_: &Event) {}

    pub(crate) fn untold(_: u64) {}

    pub(crate) fn describe() {}
}
