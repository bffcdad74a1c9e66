//! What an answer of the auth server means: the table of `simacan_auth::manual::rules`, *How an answer is read*,
//! once more and from its words, so that a mistake of the library is not repeated here.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, header};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Tokens(Answer),
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

/// A set of tokens as it is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) access: Arc<str>,
    pub(super) refresh: Option<Arc<str>>,
    /// In milliseconds. What is odd or zero is unknown.
    pub(super) life: Option<u64>,
}

impl Meaning {
    pub(super) fn of(
        is_simacan: bool,
        is_refresh: bool,
        status: u16,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Self {
        let body = body.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(body);
        let object: Option<Members> = serde_json::from_slice(body).ok();
        let text = |name| {
            object
                .as_ref()?
                .get(name)?
                .as_str()
                .filter(|text| !text.is_empty())
        };
        let is_success = (200..300).contains(&status);
        let kind = text("token_type").map(str::to_ascii_lowercase);
        let is_bearer = !matches!(kind.as_deref(), Some("mac" | "dpop" | "pop"));
        let is_token = |token: &&str| token.bytes().all(|byte| byte.is_ascii_graphic());
        if let Some(access) = text("access_token").filter(is_token)
            && is_success
            && is_bearer
        {
            return Self::Tokens(Answer {
                access: access.into(),
                refresh: text("refresh_token").map(Arc::from),
                life: object
                    .as_ref()
                    .and_then(|object| life(object.get("expires_in")?)),
            });
        }
        let code = text("error").filter(|_| is_success || (400..500).contains(&status));
        match code {
            Some("invalid_grant") => return Self::Refused { by_gateway: false },
            Some(
                "invalid_client"
                | "unauthorized_client"
                | "unsupported_grant_type"
                | "invalid_scope",
            ) => {
                return Self::Other;
            }
            _ => {}
        }
        let by_gateway = object.is_none() && is_gateways(headers, body);
        match status {
            401 if is_simacan => Self::Refused { by_gateway },
            400 | 401 | 403 if !is_simacan && is_refresh && !by_gateway => {
                Self::Refused { by_gateway }
            }
            408 | 425 | 429 | 500.. => Self::Outage,
            404 | 405 | 407 | 411 | 413..=415 | 417 | 421 | 426 | 431 => Self::Other,
            400..=499 => Self::Unclear,
            _ => Self::Other,
        }
    }
}

/// In seconds, as a number or in a string.
fn life(value: &Value) -> Option<u64> {
    let seconds = match value {
        Value::String(text) => text.trim().parse().ok(),
        value => value.as_f64(),
    };
    let seconds = seconds.filter(|seconds: &f64| *seconds >= 1.0 && *seconds < 1e12)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is in range"
    )]
    Some(seconds as u64 * 1000)
}

fn is_gateways(headers: &HeaderMap, body: &[u8]) -> bool {
    let says = |name, words: &[&str]| {
        headers.get_all(name).iter().any(|value| {
            let value = value
                .to_str()
                .unwrap_or_default()
                .trim_start()
                .to_ascii_lowercase();
            words.iter().any(|word| value.starts_with(word))
        })
    };
    says(header::CONTENT_TYPE, &["text/html", "application/xhtml"])
        || says(header::WWW_AUTHENTICATE, &["basic", "digest", "negotiate"])
        || body.trim_ascii_start().starts_with(b"<")
}

/// The members of an object. One that stands there twice with two values says nothing.
struct Members(Vec<(String, Value)>);

impl Members {
    fn get(&self, name: &str) -> Option<&Value> {
        let mut all = self.0.iter().filter(|(found, _)| found == name);
        let (_, first) = all.next()?;
        all.all(|(_, other)| other == first).then_some(first)
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Members, M::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}
