//! Machines that are broken on purpose, to see that the checks catch them.
//!
//! Each has one defect that a client of this kind is known to have. They stand around a [`Machine`],
//! since nothing in the core can be made to misbehave.

use std::fmt;
use std::hash::{Hash, Hasher};

use http::{Request, Response, StatusCode, Uri};
use simacan_auth::{
    Authorization, Denied, Event, JobId, Machine, Pending, Review, Sent, Status, Timestamp,
    TransportFailure,
};

use crate::world::{Out, Subject, World};

/// A machine with a defect.
pub struct Broken {
    machine: Machine,
    defect: Defect,
    /// The first refresh that was sent.
    first_refresh: Option<Vec<u8>>,
    /// What was sent last.
    last_sent: Vec<u8>,
    /// What it has denied a token with.
    denied: Option<Denied>,
    /// When it was polled last.
    latest: Timestamp,
    /// How many requests were authorized.
    authorized: u32,
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
    /// Serves nobody while a refresh is under way (I16).
    DropsGoodToken,
    /// Begins another exchange when one has taken long (I4).
    BeginsTwice,
    /// Logs in when a refresh has failed (I1).
    LogsInTooSoon,
    /// Puts the token on whatever request it is given (I8).
    SendsTokenAbroad,
    /// Shows in its `Debug` what it has sent (I9).
    PrintsWhatItSends,
    /// Takes an outage for a refusal (I10).
    EndsAtOutage,
    /// Wants to be polled again at once (I11).
    Spins,
    /// Begins anew when the clock is set back (I12, by way of I1).
    ForgetsWhenSetBack,
    /// Does nothing until the clock is back where it was (I12, by way of I6).
    WaitsForTheClock,
    /// Says for ever what it has said when nothing could be done (I12).
    DeniesForEver,
    /// Takes each request for one to another target (I15).
    ForgetsTargets,
    /// Takes every report for one on the exchange in flight (I4).
    BelievesAnyReport,
    /// Shows in its `Debug` the first refresh token that it has sent, when it is long spent (I9).
    PrintsWhatIsSpent,
}

impl Broken {
    /// Breaks a machine.
    pub fn new(machine: Machine, defect: Defect) -> Self {
        Self {
            machine,
            defect,
            first_refresh: None,
            last_sent: Vec::new(),
            denied: None,
            latest: Timestamp::from_millis(0),
            authorized: 0,
        }
    }

    fn reported(&self, id: JobId) -> JobId {
        let in_flight = self.machine.in_flight();
        in_flight
            .filter(|_| self.defect == Defect::BelievesAnyReport)
            .unwrap_or(id)
    }
}

impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {:?}", self.defect, self.machine)?;
        if self.defect == Defect::PrintsWhatItSends {
            f.write_str(&String::from_utf8_lossy(&self.last_sent))?;
        }
        if self.defect == Defect::PrintsWhatIsSpent
            && let Some(first) = &self.first_refresh
            && *first != self.last_sent
        {
            f.write_str(&String::from_utf8_lossy(first))?;
        }
        Ok(())
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
            last_sent: self.last_sent.clone(),
            denied: self.denied.clone(),
            ..*self
        }
    }

    fn fingerprint(&self, mut hasher: &mut dyn Hasher) {
        self.machine.fingerprint(hasher);
        (&self.first_refresh, self.latest).hash(&mut hasher);
    }

    fn authorize(
        &mut self,
        now: Timestamp,
        pending: Pending,
        request: &mut Request<()>,
    ) -> Authorization {
        let provider = self.machine.provider();
        let is_foreign = !provider.is_some_and(|provider| provider.allows(request.uri()));
        if is_foreign && self.defect != Defect::SendsTokenAbroad {
            return self.machine.authorize(now, pending, request);
        }
        if self.defect == Defect::DropsGoodToken && self.machine.in_flight().is_some() {
            return Authorization::Wait(pending);
        }
        if self.defect == Defect::DeniesForEver {
            if let Some(denied) = &self.denied {
                return Authorization::Denied(denied.clone());
            }
            let authorization = self.machine.authorize(now, pending, request);
            if let Authorization::Denied(denied) = &authorization {
                self.denied = Some(denied.clone());
            }
            return authorization;
        }
        self.authorized += 1;
        let target = match self.defect {
            Defect::SendsTokenAbroad => "https://tracking.services.simacan.com/".to_owned(),
            Defect::ForgetsTargets => {
                format!("https://t{}.services.simacan.com/", self.authorized)
            }
            _ => return self.machine.authorize(now, pending, request),
        };
        let target = target.parse().expect("it is a URI");
        let uri = std::mem::replace(request.uri_mut(), target);
        let authorization = self.machine.authorize(now, pending, request);
        *request.uri_mut() = uri;
        authorization
    }

    fn review(&mut self, now: Timestamp, sent: Sent, status: StatusCode) -> Review {
        let is_401 = status == StatusCode::UNAUTHORIZED;
        match self.defect {
            Defect::ForgetsGeneration if is_401 => {
                let mut request = Request::new(());
                *request.uri_mut() = Uri::from_static("https://tracking.services.simacan.com/");
                let pending = Pending::new();
                match self.machine.authorize(now, pending, &mut request) {
                    Authorization::Ready(current) => self.machine.review(now, current, status),
                    _ => self.machine.review(now, sent, status),
                }
            }
            Defect::RetriesAgain if is_401 => match self.machine.review(now, sent, status) {
                Review::Deliver => Review::Retry(Pending::new()),
                retry @ Review::Retry(_) => retry,
            },
            _ => self.machine.review(now, sent, status),
        }
    }

    fn handle_response(&mut self, now: Timestamp, id: JobId, mut response: Response<Vec<u8>>) {
        let id = self.reported(id);
        if self.defect == Defect::EndsAtOutage && response.status().is_server_error() {
            *response.status_mut() = StatusCode::UNAUTHORIZED;
        }
        if self.defect == Defect::RepeatsRefusedPassword
            && response.status() == StatusCode::UNAUTHORIZED
        {
            let failure = TransportFailure::timed_out();
            return self.machine.handle_failure(now, id, failure);
        }
        self.machine.handle_response(now, id, response);
    }

    fn handle_failure(&mut self, now: Timestamp, id: JobId, failure: TransportFailure) {
        let id = self.reported(id);
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
        if now < self.latest && self.machine.in_flight().is_none() {
            match self.defect {
                Defect::ForgetsWhenSetBack => self.machine = World::<Machine>::alice(),
                Defect::WaitsForTheClock => return Out::Wait(Some(self.latest)),
                _ => {}
            }
        }
        self.latest = now;
        match self.machine.poll(now).into() {
            Out::Wait(Some(_)) if self.defect == Defect::Spins => Out::Wait(Some(now)),
            Out::Transmit(id, mut request) if self.defect == Defect::KeepsOldRefreshToken => {
                if request.uri().path().ends_with("refresh") {
                    let body = std::mem::take(request.body_mut());
                    let first = self.first_refresh.get_or_insert(body);
                    request.body_mut().clone_from(first);
                }
                Out::Transmit(id, request)
            }
            Out::Transmit(id, request) => {
                let is_refresh = request.uri().path().ends_with("refresh");
                if is_refresh && self.defect == Defect::PrintsWhatIsSpent {
                    self.first_refresh
                        .get_or_insert_with(|| request.body().clone());
                }
                self.last_sent.clone_from(request.body());
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
