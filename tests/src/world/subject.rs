//! The machine under test, or one that is broken on purpose.

use std::fmt;
use std::hash::Hasher;

use http::{Request, Response, StatusCode};
use simacan_auth::{
    Authorization, Event, JobId, Machine, Output, Pending, Review, Sent, Timestamp,
    TransportFailure,
};

/// A [`Machine`], or something around one. The methods do what those of the same name do.
#[expect(missing_docs, reason = "they are the machine's")]
pub trait Subject: fmt::Debug + Sized + Send + Sync + 'static {
    fn machine(&self) -> &Machine;
    fn machine_mut(&mut self) -> &mut Machine;
    #[must_use]
    fn fork(&self) -> Self;

    fn fingerprint(&self, hasher: &mut dyn Hasher) {
        self.machine().fingerprint(hasher);
    }

    fn authorize(
        &mut self,
        now: Timestamp,
        pending: Pending,
        request: &mut Request<()>,
    ) -> Authorization {
        self.machine_mut().authorize(now, pending, request)
    }

    fn review(&mut self, now: Timestamp, sent: Sent, status: StatusCode) -> Review {
        self.machine_mut().review(now, sent, status)
    }

    fn handle_response(&mut self, now: Timestamp, id: JobId, response: Response<Vec<u8>>) {
        self.machine_mut().handle_response(now, id, response);
    }

    fn handle_failure(&mut self, now: Timestamp, id: JobId, failure: TransportFailure) {
        self.machine_mut().handle_failure(now, id, failure);
    }

    fn poll(&mut self, now: Timestamp) -> Out {
        self.machine_mut().poll(now).into()
    }
}

impl Subject for Machine {
    fn machine(&self) -> &Machine {
        self
    }

    fn machine_mut(&mut self) -> &mut Machine {
        self
    }

    fn fork(&self) -> Self {
        Self::fork(self)
    }
}

/// [`Output`], with a body that a broken machine can write.
#[derive(Debug)]
#[expect(missing_docs, reason = "they are the machine's")]
#[expect(clippy::large_enum_variant, reason = "it is taken apart at once")]
pub enum Out {
    Transmit(JobId, Request<Vec<u8>>),
    Event(Event),
    Wait(Option<Timestamp>),
}

impl From<Output> for Out {
    fn from(output: Output) -> Self {
        match output {
            Output::Transmit(transmit) => Self::Transmit(
                transmit.exchange,
                transmit.request.map(|body| body.as_ref().to_vec()),
            ),
            Output::Event(event) => Self::Event(event),
            Output::Store(_) | Output::Credentials(_) => panic!("it has neither"),
            Output::Wait(until) => Self::Wait(until),
        }
    }
}
