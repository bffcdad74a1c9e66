//! What an answer means (`manual::rules`, *How an answer is read*), as far as the emulator's go. The core is not
//! asked.

use std::sync::Arc;

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, Response};

use super::dialect::Dialect;
use super::ghost::Carried;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Tokens,
    /// A gateway's word is not the API's own.
    Refused {
        by_gateway: bool,
    },
    Unclear,
    /// It may be over in a moment.
    Outage,
    /// The client's own fault, or a 2xx without tokens.
    Other,
}

impl Meaning {
    /// What the server says decides, if its body is whole; then its status.
    pub(super) fn of(dialect: Dialect, carried: Carried, response: &Response<Vec<u8>>) -> Self {
        let status = response.status().as_u16();
        if response.status().is_success() && member(response, "access_token").is_some() {
            return Self::Tokens;
        }
        let is_word = matches!(status, 200..=299 | 400..=499);
        match member(response, "error").as_deref() {
            Some("invalid_grant") if is_word => return Self::Refused { by_gateway: false },
            Some("invalid_client") if is_word => return Self::Other,
            _ => {}
        }
        let by_gateway = is_gateways(response.headers(), response.body());
        match (dialect, status) {
            (Dialect::Simacan, 401) => Self::Refused { by_gateway },
            (Dialect::OAuth2, 400 | 401 | 403) if carried == Carried::Refresh && !by_gateway => {
                Self::Refused { by_gateway }
            }
            (_, 408 | 425 | 429 | 500..) => Self::Outage,
            (_, 404 | 405 | 407 | 411 | 413..=415 | 417 | 421 | 426 | 431) => Self::Other,
            (_, 400..=499) => Self::Unclear,
            _ => Self::Other,
        }
    }
}

fn is_gateways(headers: &HeaderMap, body: &[u8]) -> bool {
    let challenge = headers.get(WWW_AUTHENTICATE);
    let is_challenge = challenge.is_some_and(|value| value.as_bytes().starts_with(b"Basic"));
    !body.starts_with(b"{") && (is_challenge || body.starts_with(b"<"))
}

/// A member of an answer, as the emulator writes it: without spaces and escapes. An empty one is none.
pub(super) fn member(response: &Response<Vec<u8>>, name: &str) -> Option<Arc<str>> {
    let value = after(response, name)?.strip_prefix('"')?;
    let value = &value[..value.find('"')?];
    (!value.is_empty()).then(|| value.into())
}

/// In seconds, as a number or in a string. What else there may be is unknown, and so is a life of zero.
pub(super) fn life(response: &Response<Vec<u8>>) -> Option<u64> {
    let value = after(response, "expires_in")?;
    let text = &value[..value.find([',', '}'])?];
    text.trim_matches('"').parse().ok().filter(|life| *life > 0)
}

/// What follows on the name, if the body is whole.
fn after<'a>(response: &'a Response<Vec<u8>>, name: &str) -> Option<&'a str> {
    let text = std::str::from_utf8(response.body()).ok()?;
    let is_whole = text.starts_with('{') && text.ends_with('}');
    let name = format!("\"{name}\":");
    let at = text.find(&name).filter(|_| is_whole)?;
    Some(&text[at + name.len()..])
}
