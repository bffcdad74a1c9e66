//! A target API, as far as tokens are concerned.

use http::header::{AUTHORIZATION, HOST, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::Serialize;

use crate::auth::{bare, json};
use crate::body::Body;
use crate::entry::{Presented, Refusal, What};
use crate::model::{Answer, Emulator};
use crate::route::Head;
use crate::token::{Kind, Token};

/// The requests to target APIs that [`Emulator::answer_targets`](crate::Emulator::answer_targets) answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// All requests.
    Anywhere,
    /// The requests to this host, given without a port.
    Host(String),
    /// The requests to paths that begin like this.
    PathPrefix(String),
}

/// The number of requests that [`Emulator::answer_targets`](crate::Emulator::answer_targets) answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Times {
    /// All requests, until the order is ended.
    Always,
    /// The next so many requests.
    Next(u32),
}

/// A status that the target APIs answer whatever the token.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Decree {
    pub(crate) place: Place,
    pub(crate) status: StatusCode,
    pub(crate) times: Times,
}

impl Emulator {
    /// Any request to a target API.
    pub(crate) fn target(&mut self, now: u64, head: &Head<'_>, body: &Body) -> (Answer, What) {
        let token = self.presented(now, head.headers);
        let decreed = self.take_decree(head);
        let status = decreed.unwrap_or(match (token, head.method) {
            (Presented::Valid { .. }, &(Method::GET | Method::HEAD)) => StatusCode::OK,
            (Presented::Valid { .. }, _) => StatusCode::NO_CONTENT,
            _ => StatusCode::UNAUTHORIZED,
        });
        let mut answer = match status {
            StatusCode::OK => json(
                status,
                &Document {
                    path: head.uri.path(),
                    ok: true,
                },
            ),
            _ => bare(status),
        };
        if status == StatusCode::UNAUTHORIZED {
            // RFC 6750, section 3.1: no error code for a request without a token.
            let challenge = match token {
                Presented::Nothing => r#"Bearer realm="simacan""#,
                _ => r#"Bearer realm="simacan", error="invalid_token""#,
            };
            answer
                .headers_mut()
                .insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        let what = What::Target {
            method: head.method.clone(),
            path: head.uri.path().to_owned(),
            token,
            status,
            body_len: body.len(),
        };
        (answer, what)
    }

    /// Answers requests to target APIs with this status, whatever their token.
    ///
    /// Of several such orders, the oldest that fits a request and isn't used up decides. A 401
    /// ordered like this looks to a client as if its token had died early; one at a [`Place`] only,
    /// as if that target never took it.
    pub fn answer_targets(&mut self, place: Place, status: StatusCode, times: Times) {
        if times != Times::Next(0) {
            self.decrees.push(Decree {
                place,
                status,
                times,
            });
        }
    }

    /// Ends all orders of [`answer_targets`](Self::answer_targets).
    pub fn answer_targets_as_usual(&mut self) {
        self.decrees.clear();
    }

    fn presented(&self, now: u64, headers: &HeaderMap) -> Presented {
        let Some(value) = headers.get(AUTHORIZATION) else {
            return Presented::Nothing;
        };
        let unknown = Presented::Refused {
            serial: None,
            why: Refusal::Unknown,
        };
        if headers.get_all(AUTHORIZATION).iter().count() > 1 {
            return unknown;
        }
        let Some(token) =
            bearer(value).and_then(|text| Token::read(self.settings.seed, Kind::Access, text))
        else {
            return unknown;
        };
        match self.sessions.check_access(&self.settings, now, &token) {
            Ok(()) => Presented::Valid {
                serial: token.serial,
            },
            Err(why) => Presented::Refused {
                serial: Some(token.serial),
                why,
            },
        }
    }

    fn take_decree(&mut self, head: &Head<'_>) -> Option<StatusCode> {
        let position = self
            .decrees
            .iter()
            .position(|decree| decree.place.includes(head))?;
        let decree = &mut self.decrees[position];
        let status = decree.status;
        if let Times::Next(left) = &mut decree.times {
            *left -= 1;
            if *left == 0 {
                self.decrees.remove(position);
            }
        }
        Some(status)
    }
}

impl Place {
    fn includes(&self, head: &Head<'_>) -> bool {
        match self {
            Self::Anywhere => true,
            Self::Host(host) => head_host(head).is_some_and(|h| h.eq_ignore_ascii_case(host)),
            Self::PathPrefix(prefix) => head.uri.path().starts_with(prefix),
        }
    }
}

/// What a GET gets.
#[derive(Serialize)]
struct Document<'a> {
    path: &'a str,
    ok: bool,
}

fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, text) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(text)
}

/// The host a request is for, without the port.
fn head_host<'a>(head: &Head<'a>) -> Option<&'a str> {
    head.uri.host().or_else(|| {
        let host = head.headers.get(HOST)?.to_str().ok()?;
        Some(host.rsplit_once(':').map_or(host, |(name, _)| name))
    })
}
