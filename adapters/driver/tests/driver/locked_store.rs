//! A store in memory that does first what a test says.

use std::sync::{Arc, Condvar, Mutex};

use simacan_auth_driver::simacan_auth::{
    LockRequest, LockedStore, SessionStore, StoreFailure, Zeroizing,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Lock,
    Load,
    Save,
    Renew,
    Unlock,
}

#[derive(Clone)]
pub(crate) struct Store(Arc<Inner>);

struct Inner {
    act: Box<dyn Fn(Op) -> Result<(), StoreFailure> + Send + Sync>,
    saved: Mutex<Option<Vec<u8>>>,
    is_held: Mutex<bool>,
    freed: Condvar,
}

impl Store {
    pub(crate) fn new(
        act: impl Fn(Op) -> Result<(), StoreFailure> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Inner {
            act: Box::new(act),
            saved: Mutex::default(),
            is_held: Mutex::default(),
            freed: Condvar::new(),
        }))
    }

    pub(crate) fn is_held(&self) -> bool {
        *self.0.is_held.lock().unwrap()
    }

    pub(crate) fn saved(&self) -> Option<Vec<u8>> {
        self.0.saved.lock().unwrap().clone()
    }

    pub(crate) fn has_tokens(&self) -> bool {
        String::from_utf8(self.saved().unwrap_or_default())
            .unwrap()
            .contains(r#""access_token""#)
    }
}

impl SessionStore for Store {
    fn lock(&self, request: LockRequest) -> Result<Box<dyn LockedStore>, StoreFailure> {
        (self.0.act)(Op::Lock)?;
        let is_held = self.0.is_held.lock().unwrap();
        let waited = self
            .0
            .freed
            .wait_timeout_while(is_held, request.patience, |held| *held);
        let (mut is_held, timed_out) = waited.unwrap();
        if timed_out.timed_out() {
            return Err(StoreFailure::Locked);
        }
        *is_held = true;
        Ok(Box::new(Held(self.clone())))
    }
}

struct Held(Store);

impl LockedStore for Held {
    fn load(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, StoreFailure> {
        (self.0.0.act)(Op::Load)?;
        Ok(self.0.0.saved.lock().unwrap().clone().map(Zeroizing::new))
    }

    fn save(&mut self, session: &[u8]) -> Result<(), StoreFailure> {
        (self.0.0.act)(Op::Save)?;
        *self.0.0.saved.lock().unwrap() = Some(session.to_vec());
        Ok(())
    }

    fn renew(&mut self) -> Result<(), StoreFailure> {
        (self.0.0.act)(Op::Renew)
    }

    fn unlock(self: Box<Self>) -> Result<(), StoreFailure> {
        (self.0.0.act)(Op::Unlock)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        *self.0.0.is_held.lock().unwrap() = false;
        self.0.0.freed.notify_all();
    }
}
