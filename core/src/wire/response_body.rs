//! Where a driver collects an answer.

use std::fmt;

use zeroize::Zeroizing;

/// More than any token response has; nothing above it is parsed.
pub(super) const MAX_BODY: usize = 1 << 20;

/// The body of an answer, as it arrives: bounded, and wiped when dropped, with every buffer that
/// it has outgrown.
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
pub struct ResponseBody(Zeroizing<Vec<u8>>);

impl ResponseBody {
    /// Empty, with room for a usual token response.
    pub fn new() -> Self {
        Self(Zeroizing::new(Vec::with_capacity(8 << 10)))
    }

    /// Adds what has arrived. `Break`: it is too large by now, so stop reading.
    pub fn push(&mut self, chunk: &[u8]) -> std::ops::ControlFlow<()> {
        let room = (MAX_BODY + 1).saturating_sub(self.0.len());
        let chunk = &chunk[..chunk.len().min(room)];
        let needed = self.0.len() + chunk.len();
        if needed > self.0.capacity() {
            // Not `reserve`: it would leave the old buffer behind unwiped.
            let mut larger = Zeroizing::new(Vec::with_capacity(needed.next_power_of_two()));
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
}
