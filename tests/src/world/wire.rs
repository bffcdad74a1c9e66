//! The exchanges on their way, and the auth server's side of them.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderValue, Request, Response, StatusCode};
use simacan_auth::{JobId, Timestamp, TransportFailure};

use super::answer::{Meaning, life, member};
use super::ghost::{Carried, Held, NEVER, Standing};
use super::step::{AtServer, Body};
use super::{Subject, World};

/// The exchange that the driver carries.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    pub(super) exchange: JobId,
    carried: Carried,
    request: Arc<Request<Vec<u8>>>,
    emitted: u64,
    /// Other credentials have come since: its answer is discarded.
    pub(super) is_void: bool,
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
    pub(super) fn new(
        exchange: JobId,
        carried: Carried,
        request: Request<Vec<u8>>,
        emitted: u64,
    ) -> Self {
        Self {
            exchange,
            carried,
            request: Arc::new(request),
            emitted,
            is_void: false,
            answer: None,
        }
    }

    /// The exchange's number is the machine's business, and in its fingerprint.
    pub(super) fn fingerprint(&self, mut hasher: &mut dyn Hasher) {
        (self.carried, self.emitted, self.is_void).hash(&mut hasher);
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
        let serial =
            member(&response, "access_token").and_then(|access| self.emulator.serial_of(&access));
        if let Some(secrets) = &mut self.secrets {
            let names = ["access_token", "refresh_token"];
            secrets.extend(names.iter().filter_map(|name| member(&response, name)));
        }
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

    /// What it means is noted, and the machine gets it.
    fn receive(&mut self, wire: &Wire, response: Response<Vec<u8>>) {
        self.ended = Some(wire.exchange);
        let (now, ghost) = (self.now, &mut self.ghost);
        let meaning = Meaning::of(self.dialect, wire.carried, &response);
        match (wire.carried, meaning) {
            (Carried::Password(login), Meaning::Tokens) => ghost.trust(login),
            (Carried::Password(login), Meaning::Refused { by_gateway }) => {
                ghost.refuse(now, login, by_gateway);
            }
            (Carried::Password(login), Meaning::Unclear | Meaning::Other) => {
                ghost.words.doubt(ghost.elapsed, login);
            }
            (Carried::Password(_), Meaning::Outage) | (Carried::Refresh, Meaning::Tokens) => {}
            (Carried::Refresh, _) if wire.is_void => {}
            (Carried::Refresh, Meaning::Refused { .. }) => ghost.door_open = true,
            (Carried::Refresh, _) => ghost.answer_refresh(now, meaning == Meaning::Unclear),
        }
        if meaning == Meaning::Tokens && !wire.is_void {
            self.hold(wire, &response);
        }
        let now = Timestamp::from_millis(self.now);
        self.subject.handle_response(now, wire.exchange, response);
    }

    fn hold(&mut self, wire: &Wire, response: &Response<Vec<u8>>) {
        let kept = self.ghost.held.take().and_then(|held| held.refresh);
        let kept = kept.filter(|_| wire.carried == Carried::Refresh);
        let made = wire.answer.as_ref().and_then(|answer| answer.made);
        let until = |life: u64| (wire.emitted.min(self.now) + life * 1000).max(self.now + 1000);
        self.ghost.held = Some(Held {
            access: member(response, "access_token").unwrap_or_default(),
            refresh: member(response, "refresh_token").or(kept),
            made: made.unwrap_or_default(),
            received: self.now,
            received_after: self.ghost.elapsed,
            has_sent_password: false,
            expires: life(response).map_or(NEVER, until),
            standing: Standing::Good,
            answered: None,
            unclear: (0, None),
            has_ended: false,
            was_condemned: false,
        });
        self.ghost.door_open = false;
    }

    /// No answer comes, and the driver says so.
    pub(super) fn lose(&mut self, is_answer: bool) {
        if let Some(wire) = self.wire.take_if(|wire| wire.answer.is_some() == is_answer) {
            self.ended = Some(wire.exchange);
            let failure = TransportFailure::abandoned();
            let now = Timestamp::from_millis(self.now);
            self.subject.handle_failure(now, wire.exchange, failure);
        }
    }

    pub(super) fn time_out(&mut self) {
        if let Some(wire) = self.wire.take_if(|wire| wire.answer.is_none()) {
            self.ended = Some(wire.exchange);
            self.strays.push(wire.request);
            let now = Timestamp::from_millis(self.now);
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
