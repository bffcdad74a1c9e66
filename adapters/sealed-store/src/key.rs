use std::fmt;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use chacha20poly1305::aead::{Aead, Generate, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use simacan_auth::Zeroizing;

const LENGTH: usize = 32;
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// No record has it: theirs are random.
const NONCE_OF_ID: [u8; 24] = *b"simacan-auth: the key id";

/// A secret that sessions are sealed with: 32 random bytes, from a keychain, a key management service or a secret of
/// the orchestrator.
///
/// It is wiped when dropped and prints its [`KeyId`] only. A password is no key.
#[derive(Clone)]
pub struct Key {
    /// In a place of its own: where the key is moved to, no copy is left behind.
    bytes: Box<Zeroizing<[u8; LENGTH]>>,
}

impl Key {
    /// Makes a key of 32 random bytes.
    pub fn from_bytes(bytes: [u8; LENGTH]) -> Self {
        let bytes = Zeroizing::new(bytes);
        Self {
            bytes: Box::new(bytes),
        }
    }

    /// Reads a key of 32 random bytes in base64, as `openssl rand -base64 32` prints them. White space around it is
    /// ignored.
    ///
    /// ```
    /// use simacan_auth_sealed_store::Key;
    ///
    /// let key = Key::generate();
    /// assert_eq!(Key::from_base64(&key.to_base64())?.id(), key.id());
    /// assert!(Key::from_base64("a password").is_err());
    /// # Ok::<(), simacan_auth_sealed_store::InvalidKey>(())
    /// ```
    pub fn from_base64(text: &str) -> Result<Self, InvalidKey> {
        let mut key = Self::from_bytes([0; LENGTH]);
        // The decoder asks for some room more.
        let mut decoded = Zeroizing::new([0; LENGTH + 4]);
        match BASE64.decode_slice(text.trim(), &mut *decoded) {
            Ok(LENGTH) => key.bytes.copy_from_slice(&decoded[..LENGTH]),
            _ => return Err(InvalidKey),
        }
        Ok(key)
    }

    /// Makes a new key of the system's randomness. Keep its [`to_base64`](Self::to_base64) where keys are kept.
    ///
    /// # Panics
    ///
    /// If the system has no randomness to give.
    pub fn generate() -> Self {
        Self::from_bytes(Generate::generate())
    }

    /// Writes the key in base64, for the place where keys are kept.
    pub fn to_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64.encode(**self.bytes))
    }

    /// Returns the name of the key, which may be shown.
    #[expect(clippy::missing_panics_doc, reason = "it never does")]
    pub fn id(&self) -> KeyId {
        let tag = self.cipher().encrypt(&XNonce::from(NONCE_OF_ID), &[][..]);
        let tag = tag.expect("nothing is not too long");
        let (id, _) = tag.split_first_chunk().expect("a tag has 16 bytes");
        KeyId(*id)
    }

    pub(crate) fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&**self.bytes).into())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(&self.id()).finish()
    }
}

/// The name of a [`Key`]: 64 bits that are derived from it and tell nothing of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId(pub(crate) [u8; 8]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// The error of a text that is no [`Key`].
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("that is no key: give 32 random bytes in base64, as `openssl rand -base64 32` prints them")]
#[non_exhaustive]
pub struct InvalidKey;

/// The text of `Display`: what a `main` prints that returns this error.
impl fmt::Debug for InvalidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
