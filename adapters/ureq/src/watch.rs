//! Sees to it that nobody waits for what has been given up.

use std::time::{Duration, Instant};

use simacan_auth::{ExchangeId, Machine, StoreFailure, StoreOpId, Timestamp, TransportFailure};

/// What is under way, whoever carries it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pending {
    Exchange(ExchangeId),
    AtStore(StoreOpId),
}

impl Pending {
    pub(crate) fn of(machine: &Machine) -> Option<Self> {
        let exchange = machine.in_flight().map(Self::Exchange);
        exchange.or_else(|| machine.at_store().map(Self::AtStore))
    }

    pub(crate) fn abandon(self, machine: &mut Machine, now: Timestamp) {
        match self {
            Self::Exchange(id) => {
                machine.handle_failure(now, id, TransportFailure::timed_out());
            }
            Self::AtStore(op) => machine.handle_store_failure(now, op, StoreFailure::Abandoned),
        }
    }
}

/// How long a waiter has seen the same thing under way, by a clock that does not jump.
#[derive(Default)]
pub(crate) struct Watch(Option<(Pending, Instant)>);

impl Watch {
    pub(crate) fn watched(&mut self, pending: Pending) -> Duration {
        match self.0 {
            Some((watched, since)) if watched == pending => since.elapsed(),
            _ => {
                self.0 = Some((pending, Instant::now()));
                Duration::ZERO
            }
        }
    }
}
