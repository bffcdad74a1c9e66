//! What can go wrong on the way to a server, in it, and on the way back.

use std::fmt;
use std::time::Duration;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Response, StatusCode};

use crate::mix::mix;
use crate::model::{Outcome, Reply};

/// The endpoint that a request goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// The login, `/api/v1/auth/password`, or `grant_type=password` at `/oauth2/token`.
    Password,
    /// The refresh, `/api/v1/auth/refresh`, or `grant_type=refresh_token` at `/oauth2/token`.
    Refresh,
    /// A target API.
    Target,
    /// Another endpoint: an unknown path beside the first two, or an unknown grant type.
    Other,
}

impl Endpoint {
    pub(crate) const COUNT: usize = 4;
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Password => "password",
            Self::Refresh => "refresh",
            Self::Target => "target",
            Self::Other => "other",
        })
    }
}

/// A fault that strikes one request.
///
/// Set with [`Emulator::script`](crate::Emulator::script), or drawn from [`FaultRates`]. Neither its
/// `Debug` nor its `Display` form shows bodies and headers, which may hold tokens.
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The connection is lost before the request is handled.
    RequestLost,
    /// The request is handled; then the connection is lost, and the answer with it.
    AnswerLost,
    /// The request is handled at once, but the answer takes this long to arrive.
    Delay(Duration),
    /// The request is not handled but answered with this status, without a body.
    Status(StatusCode),
    /// The request is not handled but answered with this status, and with a `Retry-After` of seconds (`60.into()`) or
    /// a date.
    RetryAfter(StatusCode, HeaderValue),
    /// The request is handled; the answer has only the first half of its body, and a
    /// `Content-Length` that agrees with that.
    Truncated,
    /// The request is handled; the answer breaks off half-way through its body
    /// ([`Outcome::CutShort`]).
    CutShort,
    /// The request is handled; the answer breaks off behind all of its body, as with a
    /// `Content-Length` that is too large or a last chunk that is lost ([`Outcome::CutShort`]).
    CutAtEnd,
    /// The request is handled; the answer is a 200 with these bytes.
    Garbage(Vec<u8>),
    /// The request is not handled but answered with this. `From<http::Response<_>>` makes one.
    Replaced {
        /// The status of the answer.
        status: StatusCode,
        /// The headers of the answer.
        headers: Vec<(HeaderName, HeaderValue)>,
        /// The body of the answer.
        body: Vec<u8>,
    },
    /// The request is not handled but sent elsewhere, by this status and `Location`.
    Redirect(StatusCode, HeaderValue),
}

impl Fault {
    /// The reply in place of handling the request, if this fault strikes before that.
    pub(crate) fn instead(&self) -> Option<Reply> {
        let answer = |status: StatusCode, headers: &[(HeaderName, HeaderValue)], body: &[u8]| {
            let mut response = Response::new(body.to_vec());
            *response.status_mut() = status;
            response.headers_mut().extend(headers.iter().cloned());
            Some(Reply::from(response))
        };
        match self {
            Self::RequestLost => Some(Reply::lost()),
            Self::Status(status) => answer(*status, &[], &[]),
            Self::RetryAfter(status, when) => answer(*status, &[(RETRY_AFTER, when.clone())], &[]),
            Self::Redirect(status, to) => answer(*status, &[(LOCATION, to.clone())], &[]),
            Self::Replaced {
                status,
                headers,
                body,
            } => answer(*status, headers, body),
            Self::AnswerLost
            | Self::Delay(_)
            | Self::Truncated
            | Self::CutShort
            | Self::CutAtEnd
            | Self::Garbage(_) => None,
        }
    }

    /// What becomes of the answer to a request that was handled.
    pub(crate) fn spoil(&self, mut answer: Response<Vec<u8>>) -> Reply {
        let full = answer.body().len();
        match self {
            Self::AnswerLost => return Reply::lost(),
            Self::Delay(delay) => {
                return Reply {
                    delay: *delay,
                    outcome: Outcome::Answer(answer),
                };
            }
            Self::Truncated => answer.body_mut().truncate(full / 2),
            // Something is missing of an empty body, too.
            Self::CutShort => return cut(answer, full / 2, full.max(1)),
            Self::CutAtEnd => return cut(answer, full, full + 1),
            Self::Garbage(bytes) => {
                *answer.status_mut() = StatusCode::OK;
                answer.body_mut().clone_from(bytes);
                answer
                    .headers_mut()
                    .insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
            }
            // These strike before the request is handled: see `instead`.
            Self::RequestLost
            | Self::Status(_)
            | Self::RetryAfter(..)
            | Self::Replaced { .. }
            | Self::Redirect(..) => {}
        }
        answer.into()
    }
}

/// The answer with so much of its body as arrives, and the length that was announced.
fn cut(mut answer: Response<Vec<u8>>, arrives: usize, announced: usize) -> Reply {
    answer.body_mut().truncate(arrives);
    answer
        .headers_mut()
        .insert(CONTENT_LENGTH, announced.into());
    Reply {
        delay: Duration::ZERO,
        outcome: Outcome::CutShort(answer),
    }
}

impl<B: Into<Vec<u8>>> From<Response<B>> for Fault {
    /// Makes a [`Fault::Replaced`] by this response.
    fn from(response: Response<B>) -> Self {
        let (head, body) = response.into_parts();
        let headers = head.headers.iter();
        Self::Replaced {
            status: head.status,
            headers: headers
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            body: body.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RequestLost => f.write_str("request lost"),
            Self::AnswerLost => f.write_str("answer lost"),
            Self::Delay(delay) => write!(f, "delay of {delay:?}"),
            Self::Status(status) => write!(f, "status {}", status.as_u16()),
            Self::RetryAfter(status, _) => write!(f, "status {} with retry-after", status.as_u16()),
            Self::Truncated => f.write_str("truncated body"),
            Self::CutShort => f.write_str("body cut short"),
            Self::CutAtEnd => f.write_str("body cut at its end"),
            Self::Garbage(bytes) => write!(f, "garbage of {} bytes", bytes.len()),
            Self::Replaced { status, .. } => write!(f, "replaced by a {}", status.as_u16()),
            Self::Redirect(status, _) => write!(f, "redirect {}", status.as_u16()),
        }
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fault({self})")
    }
}

/// The rates of faults: how many of a thousand requests each of them strikes, decided by the seed.
///
/// A request is struck by one fault at most, so the rates should add up to no more than 1000;
/// beyond that, those listed first win. Scripted faults come before these.
///
/// ```
/// use simacan_auth_emulator::{FaultRates, Settings};
///
/// let rates = FaultRates { answer_lost: 50, server_error: 100, ..FaultRates::default() };
/// let settings = Settings::new().with_fault_rates(rates).with_seed(7);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FaultRates {
    /// How many of a thousand requests meet with [`Fault::RequestLost`].
    pub request_lost: u16,
    /// How many of a thousand requests meet with [`Fault::AnswerLost`].
    pub answer_lost: u16,
    /// How many of a thousand requests meet with [`Fault::Status`] and 500, 502, 503 or 504.
    pub server_error: u16,
    /// How many of a thousand requests meet with [`Fault::RetryAfter`], 429 and 1 to 4 seconds.
    pub too_many_requests: u16,
    /// How many of a thousand requests meet with [`Fault::Garbage`].
    pub garbage: u16,
    /// How many of a thousand requests meet with [`Fault::Truncated`] or [`Fault::CutShort`].
    pub truncated: u16,
    /// How many of a thousand requests meet with [`Fault::Delay`] of [`delay`](Self::delay).
    pub delayed: u16,
    /// How long the answer to a delayed request takes.
    pub delay: Duration,
}

impl FaultRates {
    pub(crate) fn are_zero(&self) -> bool {
        *self
            == Self {
                delay: self.delay,
                ..Self::default()
            }
    }

    /// The fault that a number drawn at random stands for.
    pub(crate) fn pick(&self, random: u64) -> Option<Fault> {
        let kinds = [
            self.request_lost,
            self.answer_lost,
            self.server_error,
            self.too_many_requests,
            self.garbage,
            self.truncated,
            self.delayed,
        ];
        let mut point = random % 1000;
        let kind = kinds.iter().position(|rate| {
            let struck = point < u64::from(*rate);
            point = point.saturating_sub(u64::from(*rate));
            struck
        })?;
        // A number for the details that does not depend on where the point fell.
        let detail = mix(random);
        Some(match kind {
            0 => Fault::RequestLost,
            1 => Fault::AnswerLost,
            2 => Fault::Status(SERVER_ERRORS[(detail % 4) as usize]),
            3 => Fault::RetryAfter(StatusCode::TOO_MANY_REQUESTS, (1 + detail % 4).into()),
            4 => Fault::Garbage(b"<html><body><h1>502 Bad Gateway</h1></body></html>".to_vec()),
            5 if detail.is_multiple_of(2) => Fault::Truncated,
            5 => Fault::CutShort,
            _ => Fault::Delay(self.delay),
        })
    }
}

const SERVER_ERRORS: [StatusCode; 4] = [
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];
