//! Forms: `application/x-www-form-urlencoded`.

use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};

use crate::body::Body;
use crate::entry::What;
use crate::route::Head;

/// The fields of a form, decoded, in order.
#[derive(Default)]
pub(crate) struct Form(Vec<(String, String)>);

/// Why a request does not carry a form.
#[derive(Clone, Copy)]
pub(crate) struct Malformed {
    pub(crate) status: StatusCode,
    pub(crate) why: &'static str,
}

impl Form {
    /// The form that a request posts.
    pub(crate) fn posted(head: &Head<'_>, body: &Body) -> Result<Self, Malformed> {
        let malformed = |status, why| Err(Malformed { status, why });
        if *head.method != Method::POST {
            return malformed(StatusCode::METHOD_NOT_ALLOWED, "not a POST");
        }
        let content_type = head
            .headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let media_type = content_type
            .and_then(|value| value.split(';').next())
            .unwrap_or_default();
        if !media_type
            .trim()
            .eq_ignore_ascii_case("application/x-www-form-urlencoded")
        {
            return malformed(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not a form");
        }
        let Some(bytes) = body.whole() else {
            return malformed(StatusCode::PAYLOAD_TOO_LARGE, "too long a form");
        };
        match Self::parse(bytes) {
            Some(form) if form.has_duplicates() => {
                malformed(StatusCode::BAD_REQUEST, "a field stands in the form twice")
            }
            Some(form) => Ok(form),
            None => malformed(StatusCode::BAD_REQUEST, "undecodable form"),
        }
    }

    /// The value of a field. RFC 6749 wants a field without a value treated as if it were missing.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(field, _)| field == name)?;
        (!value.is_empty()).then_some(value)
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let fields = bytes
            .split(|byte| *byte == b'&')
            .filter(|field| !field.is_empty());
        let decoded = fields.map(|field| {
            let mut sides = field.splitn(2, |byte| *byte == b'=');
            Some((
                decode(sides.next()?)?,
                decode(sides.next().unwrap_or_default())?,
            ))
        });
        decoded.collect::<Option<_>>().map(Self)
    }

    fn has_duplicates(&self) -> bool {
        let names = || self.0.iter().map(|(name, _)| name);
        names()
            .enumerate()
            .any(|(i, name)| names().take(i).any(|earlier| earlier == name))
    }
}

impl From<Malformed> for What {
    fn from(malformed: Malformed) -> Self {
        Self::Rejected { why: malformed.why }
    }
}

/// Undoes the form encoding of a name or value.
///
/// Not `form_urlencoded`, which lets a stray `%` and broken UTF-8 pass: here, a client that encodes
/// wrongly is to hear of it.
pub(crate) fn decode(encoded: &[u8]) -> Option<String> {
    let mut bytes = encoded.iter();
    let mut decoded = Vec::with_capacity(encoded.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => hex_digit(*bytes.next()?)? << 4 | hex_digit(*bytes.next()?)?,
            plain => *plain,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex_digit(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}
