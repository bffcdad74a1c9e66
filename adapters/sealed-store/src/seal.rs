//! A record and its seal.

use chacha20poly1305::XNonce;
use chacha20poly1305::aead::{Aead, Generate, Payload};
use simacan_auth::{InvalidSavedSession, StoreFailure, Zeroizing};

use crate::{Error, Key, KeyId};

const MAGIC: &[u8] = b"simacan-sealed";
const VERSION: u8 = 1;

/// The key that seals, and those that open, too.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    pub(crate) key: Key,
    pub(crate) others: Vec<Key>,
    pub(crate) opens_plaintext: bool,
}

impl Keys {
    fn all(&self) -> impl Iterator<Item = &Key> {
        [&self.key].into_iter().chain(&self.others)
    }

    pub(crate) fn seal(&self, session: &[u8]) -> Result<Vec<u8>, StoreFailure> {
        let nonce = XNonce::try_generate()
            .map_err(|_| StoreFailure::new("the system has no randomness for a nonce"))?;
        let mut record = header(self.key.id());
        let payload = Payload {
            msg: session,
            aad: &record,
        };
        let sealed = self.key.cipher().encrypt(&nonce, payload);
        let sealed = sealed.map_err(|_| InvalidSavedSession::TooLarge)?;
        record.extend_from_slice(&nonce);
        record.extend_from_slice(&sealed);
        Ok(record)
    }

    /// What was sealed. [`Error`]s are about records that are whole, as far as can be seen.
    pub(crate) fn open(&self, record: &[u8]) -> Result<Zeroizing<Vec<u8>>, StoreFailure> {
        let Some(rest) = record.strip_prefix(MAGIC) else {
            return self.open_unsealed(record);
        };
        let (&version, rest) = rest.split_first().ok_or(InvalidSavedSession::Truncated)?;
        if version != VERSION {
            return Err(InvalidSavedSession::UnknownVersion(version.into()).into());
        }
        let (id, rest) = rest
            .split_first_chunk()
            .ok_or(InvalidSavedSession::Truncated)?;
        let id = KeyId(*id);
        let key = self.all().find(|key| key.id() == id);
        let key = key.ok_or_else(|| Error::OtherKey {
            sealed_with: id,
            known: self.all().map(Key::id).collect(),
        })?;
        let (nonce, sealed) = rest
            .split_first_chunk()
            .ok_or(InvalidSavedSession::Truncated)?;
        let payload = Payload {
            msg: sealed,
            aad: &header(id),
        };
        let opened = key.cipher().decrypt(&XNonce::from(*nonce), payload);
        Ok(Zeroizing::new(
            opened.map_err(|_| InvalidSavedSession::Altered)?,
        ))
    }

    /// A session without a seal is JSON.
    fn open_unsealed(&self, record: &[u8]) -> Result<Zeroizing<Vec<u8>>, StoreFailure> {
        match record.first() {
            Some(b'{') if self.opens_plaintext => Ok(Zeroizing::new(record.to_vec())),
            Some(b'{') => Err(Error::NotSealed.into()),
            _ if MAGIC.starts_with(record) => Err(InvalidSavedSession::Truncated.into()),
            _ => Err(InvalidSavedSession::Altered.into()),
        }
    }
}

/// What is authenticated and not secret.
fn header(id: KeyId) -> Vec<u8> {
    [MAGIC, &[VERSION], &id.0].concat()
}
