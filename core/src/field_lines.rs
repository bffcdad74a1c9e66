//! The headers of a request that may have to be sent again.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// A copy of a request's headers in one piece, for a second try after a 401: it takes one allocation and a
/// pass over the text, where a clone of an [`HeaderMap`] takes some for the map and one for each value.
///
/// Without `Authorization`, which each try gets anew.
#[derive(Clone, Default)]
pub struct FieldLines(Vec<u8>);

impl FieldLines {
    /// As in HTTP/1.1 (RFC 9112, section 5), but for what no name and no value has in it.
    const END: u8 = b'\n';
    const PLAIN: u8 = b':';
    const SENSITIVE: u8 = b';';

    /// Copies them.
    pub fn of(headers: &HeaderMap) -> Self {
        /// Those of most requests.
        const LEN: usize = 256;
        let mut lines = Vec::with_capacity(LEN);
        for (name, value) in headers {
            if name == header::AUTHORIZATION {
                continue;
            }
            lines.extend_from_slice(name.as_str().as_bytes());
            lines.push(if value.is_sensitive() { Self::SENSITIVE } else { Self::PLAIN });
            lines.extend_from_slice(value.as_bytes());
            lines.push(Self::END);
        }
        Self(lines)
    }

    /// As they were.
    pub fn to_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in self.0.split(|&byte| byte == Self::END) {
            let Some(end) = line.iter().position(|byte| matches!(*byte, Self::PLAIN | Self::SENSITIVE)) else {
                continue;
            };
            let (name, value) = line.split_at(end);
            let (Ok(name), Ok(mut value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(&value[1..])) else {
                continue;
            };
            value.set_sensitive(line[end] == Self::SENSITIVE);
            headers.append(name, value);
        }
        headers
    }
}

impl fmt::Debug for FieldLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(&self.to_headers()).finish()
    }
}
