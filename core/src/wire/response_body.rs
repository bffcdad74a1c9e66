//! Where a driver collects an answer.

use std::fmt;

use crate::wiped::Wiped;

/// More than any token response has; nothing above it is parsed.
pub(super) const MAX_BODY: usize = 1 << 20;

/// The body of an answer, as it arrives: bounded, and wiped when dropped, with every buffer that it has outgrown.
///
/// One that breaks off is reported as answered, with what was read: the status decides, and a whole object
/// with tokens is tokens.
///
/// ```
/// use simacan_auth::ResponseBody;
///
/// let mut body = ResponseBody::new();
/// for chunk in [&b"{\"access_"[..], b"token\": ..."] {
///     if body.push(chunk).is_break() {
///         break; // larger than anything that is read: the machine says so
///     }
/// }
/// assert_eq!(format!("{body:?}"), "ResponseBody([redacted], 20 bytes)");
/// ```
pub struct ResponseBody(Wiped<Vec<u8>>);

impl ResponseBody {
    /// Makes an empty body, with room for a usual token response.
    pub fn new() -> Self {
        Self(Wiped(Vec::with_capacity(4 << 10)))
    }

    /// Adds what has arrived. Returns `Break` if it is too large by now, so that you stop reading.
    pub fn push(&mut self, chunk: &[u8]) -> std::ops::ControlFlow<()> {
        let room = (MAX_BODY + 1).saturating_sub(self.0.len());
        let chunk = &chunk[..chunk.len().min(room)];
        let needed = self.0.len() + chunk.len();
        if needed > self.0.capacity() {
            // Not `reserve`: it would leave the old buffer behind unwiped.
            let mut larger = Wiped(Vec::with_capacity(needed.next_power_of_two()));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
        self.0.extend_from_slice(chunk);
        if self.0.len() > MAX_BODY {
            std::ops::ControlFlow::Break(())
        } else {
            std::ops::ControlFlow::Continue(())
        }
    }
}

impl Default for ResponseBody {
    fn default() -> Self {
        Self::new()
    }
}

/// The bytes are wiped.
impl From<Vec<u8>> for ResponseBody {
    fn from(bytes: Vec<u8>) -> Self {
        let mut body = Self::new();
        let _ = body.push(&Wiped(bytes));
        body
    }
}

impl AsRef<[u8]> for ResponseBody {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResponseBody([redacted], {} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_without_end_is_held_to_a_byte_more_than_is_read() {
        let chunk = vec![b' '; 100_000];
        let mut body = ResponseBody::new();
        let mut pushes = 0;
        while body.push(&chunk).is_continue() {
            pushes += 1;
        }
        assert_eq!(pushes, MAX_BODY / 100_000);
        assert_eq!(body.as_ref().len(), MAX_BODY + 1);
        assert!(body.push(b"x").is_break());
        assert_eq!(body.as_ref().len(), MAX_BODY + 1);
    }
    #[test]
    fn a_body_of_a_mebibyte_is_read_to_its_end() {
        let mut body = ResponseBody::new();
        assert!(body.push(&vec![b' '; MAX_BODY]).is_continue());
        assert!(body.push(b"").is_continue());
        assert!(body.push(b"x").is_break());
    }

    #[test]
    fn it_grows_only_when_it_is_full() {
        let mut body = ResponseBody::default();
        let room = body.0.capacity();
        let start = body.0.as_ptr();
        assert!(body.push(&vec![b'x'; room - 1]).is_continue());
        assert!(body.push(b"y").is_continue());
        assert_eq!((body.0.as_ptr(), body.0.capacity()), (start, room));
        assert!(body.push(b"z").is_continue());
        assert_eq!(body.0.capacity(), 2 * room);
        assert_eq!(body.as_ref().len(), room + 1);
        assert!(body.as_ref().ends_with(b"xyz"));
        assert_eq!(format!("{body:?}"), "ResponseBody([redacted], 4097 bytes)");
    }
}
