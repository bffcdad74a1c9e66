//! The exchanges on their way, and the auth server's side of them.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderValue, Request, Response, StatusCode};
use simacan_auth::{JobId, Timestamp, TransportFailure};

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
        let Some(answer) = wire.answer else {
            return;
        };
        self.ended = Some(wire.exchange);
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
        if let (true, Carried::Password(login)) = (response.status().is_success(), wire.carried) {
            match how {
                Body::Intact | Body::Created => self.ghost.trust(login),
                Body::Truncated | Body::Garbage => self.ghost.doubt(login),
            }
        }
        if response.status() == StatusCode::UNAUTHORIZED {
            match wire.carried {
                Carried::Password(login) => self.ghost.refuse(self.now, login),
                Carried::Refresh if !wire.is_void => self.ghost.door_open = true,
                Carried::Refresh => {}
            }
        } else if matches!(how, Body::Intact | Body::Created)
            && !wire.is_void
            && let (Some(made), Some(access)) = (answer.made, member(&response, "access_token"))
        {
            let life: u64 = number(&response, "expires_in").unwrap_or(0) * 1000;
            let expires = (wire.emitted.min(self.now) + life).max(self.now + 1000);
            let kept = self.ghost.held.take().and_then(|held| held.refresh);
            let kept = kept.filter(|_| wire.carried == Carried::Refresh);
            self.ghost.held = Some(Held {
                access,
                refresh: member(&response, "refresh_token").or(kept),
                made,
                received: self.now,
                received_after: self.ghost.elapsed,
                has_sent_password: false,
                expires: if life == 0 { NEVER } else { expires },
                standing: Standing::Good,
                answered: None,
                unclear: (0, None),
                has_ended: false,
                was_condemned: false,
            });
            self.ghost.door_open = false;
        } else if wire.carried == Carried::Refresh && !wire.is_void {
            self.ghost.answer_refresh(self.now);
        }
        let now = Timestamp::from_millis(self.now);
        self.subject.handle_response(now, wire.exchange, response);
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
        self.ended = Some(wire.exchange);
        if wire.carried == Carried::Refresh && !wire.is_void {
            self.ghost.answer_refresh(self.now);
            if how == AtServer::Unclear {
                self.ghost.answer_unclearly(self.now);
            }
        }
        let passes = matches!(how, AtServer::Unavailable | AtServer::TooMany(_));
        if let (false, Carried::Password(login)) = (passes, wire.carried) {
            self.ghost.doubt(login);
        }
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
        let now = Timestamp::from_millis(self.now);
        self.subject.handle_response(now, wire.exchange, response);
    }
}

/// A member of an answer, as the emulator writes it: without spaces and escapes.
fn member(response: &Response<Vec<u8>>, name: &str) -> Option<Arc<str>> {
    let value = after(response, name)?.strip_prefix('"')?;
    Some(value[..value.find('"')?].into())
}

fn number(response: &Response<Vec<u8>>, name: &str) -> Option<u64> {
    let value = after(response, name)?;
    value[..value.find([',', '}'])?].parse().ok()
}

fn after<'a>(response: &'a Response<Vec<u8>>, name: &str) -> Option<&'a str> {
    let text = std::str::from_utf8(response.body()).ok()?;
    let name = format!("\"{name}\":");
    Some(&text[text.find(&name)? + name.len()..])
}
