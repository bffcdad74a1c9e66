//! Buffers of secrets.

use std::ops::{Deref, DerefMut};

use zeroize::Zeroize;

/// A buffer that is wiped when it is dropped.
///
/// `Zeroizing` does that byte by byte, which for the tokens of one answer takes longer than to parse it.
pub(crate) struct Wiped<B: Buffer>(pub(crate) B);

pub(crate) trait Buffer: Zeroize {
    fn clear(&mut self);
}

impl Buffer for String {
    fn clear(&mut self) {
        self.clear();
    }
}

impl Buffer for Vec<u8> {
    fn clear(&mut self) {
        self.clear();
    }
}

impl<B: Buffer> Drop for Wiped<B> {
    fn drop(&mut self) {
        // Then all of it is room to spare, and that is wiped at once.
        self.0.clear();
        self.0.zeroize();
    }
}

/// As the bytes that a `Bytes` wants to own.
impl AsRef<[u8]> for Wiped<Vec<u8>> {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl<B: Buffer> Deref for Wiped<B> {
    type Target = B;

    fn deref(&self) -> &B {
        &self.0
    }
}

impl<B: Buffer> DerefMut for Wiped<B> {
    fn deref_mut(&mut self) -> &mut B {
        &mut self.0
    }
}
