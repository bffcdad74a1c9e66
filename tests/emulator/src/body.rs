//! Request bodies, whole or too big to keep.

/// The body of a request: its length, its digest and as much of it as was kept.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    kept: Vec<u8>,
    keep_at_most: usize,
    len: u64,
    digest: u64,
}

impl Body {
    /// An empty body that [`push`](Self::push) fills, of which at most `keep_at_most` bytes stay
    /// in memory.
    pub(crate) fn new(keep_at_most: usize) -> Self {
        Self {
            kept: Vec::new(),
            keep_at_most,
            len: 0,
            digest: 0xcbf2_9ce4_8422_2325,
        }
    }

    pub(crate) fn whole_of(bytes: &[u8]) -> Self {
        let mut body = Self::new(bytes.len());
        body.push(bytes);
        body
    }

    /// Appends to the body.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let room = self.keep_at_most - self.kept.len();
        self.kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.len += bytes.len() as u64;
        // FNV-1a goes byte by byte, so the digest does not depend on how the body was cut up.
        for byte in bytes {
            self.digest = (self.digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn digest(&self) -> u64 {
        self.digest
    }

    /// The bytes, if all of them were kept.
    pub(crate) fn whole(&self) -> Option<&[u8]> {
        (self.kept.len() as u64 == self.len).then_some(&self.kept)
    }
}
