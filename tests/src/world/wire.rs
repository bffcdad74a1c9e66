//! The exchanges on their way, and the auth server's side of them.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderValue, Request, Response, StatusCode};
use simacan_auth::{JobId, Timestamp, TransportFailure};

use simacan_auth_testkit::referee::{Exchange, Held};

use super::step::{AtServer, Body};
use super::{Subject, World};

/// The exchange that the driver carries.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    pub(super) exchange: JobId,
    sent: Exchange,
    request: Arc<Request<Vec<u8>>>,
    answer: Option<Arc<Answer>>,
}

/// The server's answer, on its way back.
#[derive(Debug)]
struct Answer {
    response: Response<Vec<u8>>,
    /// The number of the tokens in it, and when they were made.
    made: Option<(u64, u64)>,
}

impl Wire {
    pub(super) fn new(exchange: JobId, sent: Exchange, request: Request<Vec<u8>>) -> Self {
        Self {
            exchange,
            sent,
            request: Arc::new(request),
            answer: None,
        }
    }

    /// The exchange's number is the machine's business, and in its fingerprint.
    pub(super) fn fingerprint(&self, mut hasher: &mut dyn Hasher) {
        self.request.body().hash(&mut hasher);
        self.answer.is_some().hash(&mut hasher);
        if let Some(answer) = &self.answer {
            (answer.response.status(), answer.made).hash(&mut hasher);
        }
    }
}

impl<S: Subject> World<S> {
    /// Whether an exchange is on its way to the server.
    pub fn is_asked(&self) -> bool {
        self.wire.as_ref().is_some_and(|wire| wire.answer.is_none())
    }

    /// Whether the server's answer is on its way back.
    pub fn is_answered(&self) -> bool {
        self.wire.as_ref().is_some_and(|wire| wire.answer.is_some())
    }

    /// Whether a request that was given up is still on its way.
    pub fn has_strays(&self) -> bool {
        !self.strays.is_empty()
    }

    /// When the machine wants to be polled, if not before.
    pub fn waits_until(&self) -> Option<Timestamp> {
        self.wait.map(Timestamp::from_millis)
    }

    pub(super) fn serve(&mut self) {
        let (now, time) = (self.now, self.time());
        let Some(wire) = self.wire.as_mut().filter(|wire| wire.answer.is_none()) else {
            return;
        };
        let Some(response) = self.emulator.respond(time, &wire.request) else {
            return;
        };
        let serial = access_token(&response).and_then(|access| self.emulator.serial_of(access));
        wire.answer = Some(Arc::new(Answer {
            made: serial.map(|serial| (serial, now)),
            response,
        }));
    }

    pub(super) fn deliver(&mut self, how: Body) {
        let Some(wire) = self.wire.take_if(|wire| wire.answer.is_some()) else {
            return;
        };
        let Some(answer) = &wire.answer else {
            return;
        };
        let mut response = answer.response.clone();
        match how {
            Body::Intact => {}
            Body::Created => {
                if response.status() == StatusCode::OK {
                    *response.status_mut() = StatusCode::CREATED;
                }
            }
            Body::Truncated => {
                let half = response.body().len() / 2;
                response.body_mut().truncate(half);
            }
            Body::Garbage => {
                *response.status_mut() = StatusCode::OK;
                *response.body_mut() = b"<html>{\"access_token\":\"x\"}".to_vec();
            }
        }
        self.receive(&wire, response);
    }

    /// The machine gets it, once the referee has seen it.
    fn receive(&mut self, wire: &Wire, response: Response<Vec<u8>>) {
        self.ended = Some(wire.exchange);
        let now = Timestamp::from_millis(self.now);
        let before = self
            .referee
            .held(0)
            .map(|held| held.access_token().to_owned());
        self.referee.answered(now, wire.sent.clone(), &response);
        if self.referee.held(0).map(Held::access_token) != before.as_deref() {
            self.made = wire.answer.as_ref().and_then(|answer| answer.made);
        }
        self.subject.handle_response(now, wire.exchange, response);
    }

    /// No answer comes, and the driver says so.
    pub(super) fn lose(&mut self, is_answer: bool) {
        if let Some(wire) = self.wire.take_if(|wire| wire.answer.is_some() == is_answer) {
            self.ended = Some(wire.exchange);
            let failure = TransportFailure::abandoned();
            let now = Timestamp::from_millis(self.now);
            self.referee.lost(now, wire.sent);
            self.subject.handle_failure(now, wire.exchange, failure);
        }
    }

    pub(super) fn time_out(&mut self) {
        if let Some(wire) = self.wire.take_if(|wire| wire.answer.is_none()) {
            self.ended = Some(wire.exchange);
            self.strays.push(wire.request);
            let now = Timestamp::from_millis(self.now);
            self.referee.lost(now, wire.sent);
            self.subject
                .handle_failure(now, wire.exchange, TransportFailure::timed_out());
        }
    }

    pub(super) fn stray_arrives(&mut self) {
        if !self.strays.is_empty() {
            let request = self.strays.remove(0);
            let time = self.time();
            // There is nobody left to read the answer.
            let _ = self.emulator.respond(time, &request);
        }
    }

    pub(super) fn refuse(&mut self, how: AtServer) {
        let Some(wire) = self.wire.take_if(|wire| wire.answer.is_none()) else {
            return;
        };
        let mut response = Response::new(match how {
            AtServer::NotTheClient => br#"{"error":"invalid_client"}"#.to_vec(),
            _ => Vec::new(),
        });
        *response.status_mut() = match how {
            AtServer::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            AtServer::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            AtServer::NotFound => StatusCode::NOT_FOUND,
            AtServer::Redirect => StatusCode::FOUND,
            AtServer::Unclear => StatusCode::BAD_REQUEST,
            AtServer::NotTheClient => StatusCode::UNAUTHORIZED,
        };
        let headers = response.headers_mut();
        match how {
            AtServer::TooMany(seconds) => {
                headers.insert(RETRY_AFTER, seconds.into());
            }
            AtServer::Redirect => {
                let elsewhere = HeaderValue::from_static("https://elsewhere.example/");
                headers.insert(LOCATION, elsewhere);
            }
            _ => {}
        }
        self.receive(&wire, response);
    }
}

/// As the emulator writes it: without spaces and escapes.
fn access_token(response: &Response<Vec<u8>>) -> Option<&str> {
    let text = std::str::from_utf8(response.body()).ok()?;
    let (_, value) = text.split_once("\"access_token\":\"")?;
    value.split_once('"').map(|(token, _)| token)
}
