//! Machines that are broken on purpose, to see that the checks catch them.
//!
//! Each has one defect that a client of this kind is known to have. They stand around a [`Machine`],
//! since nothing in the core can be made to misbehave.

use std::hash::{Hash, Hasher};

use http::{Request, Response, StatusCode};
use simacan_auth::{
    Clearance, Event, ExchangeId, Machine, Permit, Status, Ticket, Timestamp, TransportFailure,
    Verdict,
};

use crate::world::{Out, Subject};

/// A machine with a defect.
#[derive(Debug)]
pub struct Broken {
    machine: Machine,
    defect: Defect,
    /// The first refresh that was sent.
    first_refresh: Option<Vec<u8>>,
}

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Defect {
    /// Takes every 401 for one on the current token (I5).
    ForgetsGeneration,
    /// Takes the refusal of a password for a failure (I2).
    RepeatsRefusedPassword,
    /// Sends the first refresh token for ever (I3).
    KeepsOldRefreshToken,
    /// Does not say that there are tokens (I6).
    LosesWakeUp,
    /// Takes every answer but a good one for a reason to send the request again (I7).
    RetriesAgain,
    /// Serves nobody while a refresh is under way (I14).
    DropsGoodToken,
    /// Begins another exchange when one has taken long (I4).
    BeginsTwice,
    /// Logs in when a refresh has failed (I1).
    LogsInTooSoon,
}

impl Broken {
    /// Breaks a machine.
    pub fn new(machine: Machine, defect: Defect) -> Self {
        Self {
            machine,
            defect,
            first_refresh: None,
        }
    }
}

impl Subject for Broken {
    fn machine(&self) -> &Machine {
        &self.machine
    }

    fn machine_mut(&mut self) -> &mut Machine {
        &mut self.machine
    }

    fn fork(&self) -> Self {
        Self {
            machine: self.machine.fork(),
            defect: self.defect,
            first_refresh: self.first_refresh.clone(),
        }
    }

    fn fingerprint(&self, mut hasher: &mut dyn Hasher) {
        self.machine.fingerprint(hasher);
        self.first_refresh.hash(&mut hasher);
    }

    fn authorize(
        &mut self,
        now: Timestamp,
        permit: Permit,
        request: &mut Request<()>,
    ) -> Clearance {
        if self.defect == Defect::DropsGoodToken && self.machine.in_flight().is_some() {
            return Clearance::Wait(permit);
        }
        self.machine.authorize(now, permit, request)
    }

    fn review(&mut self, now: Timestamp, ticket: Ticket, status: StatusCode) -> Verdict {
        let is_401 = status == StatusCode::UNAUTHORIZED;
        match self.defect {
            Defect::ForgetsGeneration if is_401 => {
                let mut request = Request::new(());
                *request.uri_mut() =
                    http::Uri::from_static("https://tracking.services.simacan.com/");
                let permit = self.machine.permit();
                match self.machine.authorize(now, permit, &mut request) {
                    Clearance::Go(current) => self.machine.review(now, current, status),
                    _ => self.machine.review(now, ticket, status),
                }
            }
            Defect::RetriesAgain if is_401 => match self.machine.review(now, ticket, status) {
                Verdict::Deliver => Verdict::Retry(self.machine.permit()),
                retry @ Verdict::Retry(_) => retry,
            },
            _ => self.machine.review(now, ticket, status),
        }
    }

    fn handle_response(&mut self, now: Timestamp, id: ExchangeId, response: Response<Vec<u8>>) {
        if self.defect == Defect::RepeatsRefusedPassword
            && response.status() == StatusCode::UNAUTHORIZED
        {
            let failure = TransportFailure::timed_out();
            return self.machine.handle_failure(now, id, failure);
        }
        self.machine.handle_response(now, id, response);
    }

    fn handle_failure(&mut self, now: Timestamp, id: ExchangeId, failure: TransportFailure) {
        if self.defect == Defect::LogsInTooSoon && self.machine.status() == Status::Refreshing {
            let mut refused = Response::new(Vec::new());
            *refused.status_mut() = StatusCode::UNAUTHORIZED;
            return self.machine.handle_response(now, id, refused);
        }
        self.machine.handle_failure(now, id, failure);
    }

    fn poll(&mut self, now: Timestamp) -> Out {
        if self.defect == Defect::BeginsTwice
            && let Some(id) = self.machine.in_flight()
        {
            let failure = TransportFailure::timed_out();
            self.machine.handle_failure(now, id, failure);
        }
        match self.machine.poll(now).into() {
            Out::Transmit(id, mut request) if self.defect == Defect::KeepsOldRefreshToken => {
                if request.uri().path().ends_with("refresh") {
                    let body = std::mem::take(request.body_mut());
                    let first = self.first_refresh.get_or_insert(body);
                    request.body_mut().clone_from(first);
                }
                Out::Transmit(id, request)
            }
            Out::Event(Event::LoggedIn { .. } | Event::Refreshed { .. })
                if self.defect == Defect::LosesWakeUp =>
            {
                self.poll(now)
            }
            out => out,
        }
    }
}
