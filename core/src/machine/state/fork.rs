use std::mem;

use super::{Next, Phase, State, Superseded};
use crate::fork::{Fork, Hash, Hasher};
use crate::session::State as SessionState;

impl Fork for State {
    fn fork(&self) -> Self {
        match self {
            Self::Unauthenticated(phase) => Self::Unauthenticated(phase.fork()),
            Self::Authenticated(session, _) => Self::authenticated(session.fork()),
            Self::Refreshing(phase) => Self::Refreshing(phase.fork()),
            Self::ReLogin(phase) => Self::ReLogin(phase.fork()),
            Self::Superseded(id, superseded) => Self::Superseded(*id, superseded.fork()),
            Self::Rejected(rejected) => Self::Rejected(rejected.fork()),
            Self::Interrupted => Self::Interrupted,
        }
    }

    fn fingerprint(&self, mut hasher: &mut dyn Hasher) {
        mem::discriminant(self).hash(&mut hasher);
        match self {
            Self::Unauthenticated(phase) => phase.fingerprint(hasher),
            Self::Authenticated(session, _) => session.fingerprint(hasher),
            Self::Refreshing(phase) => phase.fingerprint(hasher),
            Self::ReLogin(phase) => phase.fingerprint(hasher),
            Self::Superseded(id, superseded) => {
                id.number.hash(&mut hasher);
                superseded.fingerprint(hasher);
            }
            Self::Rejected(rejected) => rejected.fingerprint(hasher),
            Self::Interrupted => {}
        }
    }
}

impl<S: SessionState + Fork> Fork for Phase<S> {
    fn fork(&self) -> Self {
        match self {
            Self::Due(session) => Self::Due(session.fork()),
            Self::InFlight(id, exchange) => Self::InFlight(*id, exchange.fork()),
        }
    }

    fn fingerprint(&self, mut hasher: &mut dyn Hasher) {
        self.in_flight().map(|id| id.number).hash(&mut hasher);
        match self {
            Self::Due(session) => session.fingerprint(hasher),
            Self::InFlight(_, exchange) => exchange.fingerprint(hasher),
        }
    }
}

impl Fork for Superseded {
    fn fork(&self) -> Self {
        Self {
            next: match &self.next {
                Next::Login(session) => Next::Login(session.fork()),
                Next::ReLogin(session) => Next::ReLogin(session.fork()),
            },
            sent: self.sent.fork(),
        }
    }

    fn fingerprint(&self, mut hasher: &mut dyn Hasher) {
        mem::discriminant(&self.next).hash(&mut hasher);
        match &self.next {
            Next::Login(session) => session.fingerprint(hasher),
            Next::ReLogin(session) => session.fingerprint(hasher),
        }
        self.sent.fingerprint(hasher);
    }
}
