use std::sync::Arc;

use simacan_auth::{
    InvalidSavedSession, LockRequest, LockedStore, SessionStore, StoreFailure, Timestamp, Zeroizing,
};

use crate::Key;
use crate::seal::Keys;

/// A [`SessionStore`] over another one, whose session it encrypts.
#[derive(Clone, Debug)]
pub struct SealedStore<S> {
    store: S,
    keys: Arc<Keys>,
}

impl<S> SealedStore<S> {
    /// Makes a store that seals with `key` what is saved in `store`, and opens with it what is loaded.
    pub fn new(store: S, key: Key) -> Self {
        let keys = Arc::new(Keys {
            key,
            others: Vec::new(),
            opens_plaintext: false,
        });
        Self { store, keys }
    }

    /// Opens sessions that are sealed with this key, too: an old key, or one that others will soon seal with.
    #[must_use]
    pub fn also_opens(mut self, key: Key) -> Self {
        Arc::make_mut(&mut self.keys).others.push(key);
        self
    }

    /// Takes over a session that is not sealed, and seals it with the next save.
    ///
    /// While this is set, whoever can write to the store can make this program use their tokens.
    #[must_use]
    pub fn also_opens_plaintext(mut self) -> Self {
        Arc::make_mut(&mut self.keys).opens_plaintext = true;
        self
    }
}

impl<S: SessionStore> SessionStore for SealedStore<S> {
    fn place(&self) -> String {
        self.store.place()
    }

    fn look(&self) -> Result<Option<Zeroizing<Vec<u8>>>, StoreFailure> {
        let record = self.store.look()?;
        record.map(|record| self.keys.open(&record)).transpose()
    }

    fn lock(&self, request: LockRequest) -> Result<Box<dyn LockedStore>, StoreFailure> {
        Ok(Box::new(Locked {
            store: self.store.lock(request)?,
            keys: self.keys.clone(),
            may_replace: None,
        }))
    }
}

/// A newer program's, which is not replaced.
const fn is_newer(defect: &InvalidSavedSession) -> bool {
    matches!(defect, InvalidSavedSession::UnknownVersion(_))
}

struct Locked {
    store: Box<dyn LockedStore>,
    keys: Arc<Keys>,
    /// Whether what is there may be replaced, once it was looked at.
    may_replace: Option<Result<(), StoreFailure>>,
}

impl LockedStore for Locked {
    fn load(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, StoreFailure> {
        let record = self.store.load();
        let opened = record.and_then(|record| {
            let opened = record.map(|record| self.keys.open(&record));
            opened.transpose()
        });
        self.may_replace = match &opened {
            Err(StoreFailure::Damaged(defect)) if !is_newer(defect) => Some(Ok(())),
            Ok(_) => Some(Ok(())),
            Err(kept @ (StoreFailure::Denied(_) | StoreFailure::Damaged(_))) => {
                Some(Err(kept.clone()))
            }
            Err(_) => None,
        };
        opened
    }

    fn save(&mut self, session: &[u8]) -> Result<(), StoreFailure> {
        let may_replace = match self.may_replace.clone() {
            Some(may_replace) => may_replace,
            None => self.load().map(drop),
        };
        match may_replace {
            Err(StoreFailure::Damaged(defect)) if !is_newer(&defect) => {}
            may_replace => may_replace?,
        }
        self.store.save(&self.keys.seal(session)?)
    }

    fn renew(&mut self) -> Result<(), StoreFailure> {
        self.store.renew()
    }

    fn mark(&mut self, until: Timestamp) -> Result<(), StoreFailure> {
        self.store.mark(until)
    }

    fn marked(&mut self) -> Result<Option<Timestamp>, StoreFailure> {
        self.store.marked()
    }

    fn unlock(self: Box<Self>) -> Result<(), StoreFailure> {
        self.store.unlock()
    }
}
