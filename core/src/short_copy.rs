//! What a second try takes of a request that is short.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

/// A copy of a request's target, headers and body, in place, if they have no more than `N` bytes: for a second
/// try after a 401. Whoever sends a request has to keep a copy of it, and seldom needs it.
///
/// For drivers; both adapters use it. A clone of a [`HeaderMap`] allocates for the map and for each value, and
/// what it holds until the answer is there is in the way of what the client allocates meanwhile.
///
/// ```
/// use http::HeaderMap;
/// use simacan_auth::ShortCopy;
///
/// let mut headers = HeaderMap::new();
/// headers.insert("content-type", "application/json".parse()?);
/// let mut copy = ShortCopy::<256>::new();
/// copy.keep("https://example.com/positions", &headers, br#"{"speed":80}"#).expect("it is short");
/// assert_eq!(copy.target(), "https://example.com/positions");
/// assert_eq!((copy.headers(), copy.body()), (headers, &br#"{"speed":80}"#[..]));
/// # Ok::<(), http::header::InvalidHeaderValue>(())
/// ```
pub struct ShortCopy<const N: usize> {
    /// The target, a line for each header as in HTTP/1.1, and the body.
    text: [u8; N],
    /// Where each of them ends.
    target: usize,
    headers: usize,
    body: usize,
}

/// Between the name and the value of a header, where no name has either (RFC 9110, section 5.1).
const PLAIN: u8 = b':';
const SENSITIVE: u8 = b';';
/// In no value (RFC 9110, section 5.5).
const END: u8 = b'\n';

impl<const N: usize> ShortCopy<N> {
    /// Of nothing.
    pub fn new() -> Self {
        Self {
            text: [0; N],
            target: 0,
            headers: 0,
            body: 0,
        }
    }

    /// Copies them. `None` if they are too long together; then what is kept is not said.
    #[must_use = "it may be too long"]
    pub fn keep(&mut self, target: &str, headers: &HeaderMap, body: &[u8]) -> Option<()> {
        let mut end = target.len();
        self.text.get_mut(..end)?.copy_from_slice(target.as_bytes());
        self.target = end;
        for (name, value) in headers {
            let between = if value.is_sensitive() {
                SENSITIVE
            } else {
                PLAIN
            };
            let (name, value) = (name.as_str().as_bytes(), value.as_bytes());
            let line = self.text.get_mut(end..)?;
            end += name.len() + value.len() + 2;
            let (to_name, line) = line.split_at_mut_checked(name.len())?;
            let (to_between, line) = line.split_first_mut()?;
            let (to_value, line) = line.split_at_mut_checked(value.len())?;
            to_name.copy_from_slice(name);
            *to_between = between;
            to_value.copy_from_slice(value);
            *line.first_mut()? = END;
        }
        self.headers = end;
        self.body = end + body.len();
        self.text.get_mut(end..self.body)?.copy_from_slice(body);
        Some(())
    }

    /// Where the request goes, as it was given.
    pub fn target(&self) -> &str {
        let target = self.text.get(..self.target).unwrap_or_default();
        str::from_utf8(target).unwrap_or_default()
    }

    /// The headers; those of a name in their order, sensitive where they were.
    pub fn headers(&self) -> HeaderMap {
        let lines = self.text.get(self.target..self.headers).unwrap_or_default();
        let headers = lines.split(|byte| *byte == END).filter_map(|line| {
            let is_between = |byte: &u8| matches!(*byte, PLAIN | SENSITIVE);
            let (name, value) = line.split_at_checked(line.iter().position(is_between)?)?;
            let (between, value) = value.split_first()?;
            let mut value = HeaderValue::from_bytes(value).ok()?;
            value.set_sensitive(*between == SENSITIVE);
            Some((HeaderName::from_bytes(name).ok()?, value))
        });
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value);
        }
        map
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        self.text.get(self.headers..self.body).unwrap_or_default()
    }
}

impl<const N: usize> Default for ShortCopy<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// Neither the headers' values nor the body, which are the user's to show.
impl<const N: usize> fmt::Debug for ShortCopy<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShortCopy")
            .field("target", &self.target())
            .finish_non_exhaustive()
    }
}
