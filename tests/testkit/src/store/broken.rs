//! Stores with one defect each: the contract names it.

mod lock_file;

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant, SystemTime};

use simacan_auth::{
    InvalidSavedSession, LockRequest, LockedStore, SessionStore, StoreFailure, Timestamp, Zeroizing,
};

use super::StoreContract;
use crate::memory::{Holder, MemoryStore};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Defect {
    None,
    StartsFull,
    KeepsTheTail,
    IsText,
    SavesOnce,
    LosesTheMark,
    NoLock,
    LockOfTheThread,
    OneForAll,
    Impatient,
    Oversleeps,
    Panics,
    UnlocksNothing,
    DropsNothing,
    RunsOut,
    HasNoFence,
    FreesTheThiefs,
    RenewsTheThiefs,
}
use Defect::{
    DropsNothing, FreesTheThiefs, HasNoFence, Impatient, IsText, KeepsTheTail, LockOfTheThread,
    LosesTheMark, NoLock, OneForAll, Oversleeps, Panics, RenewsTheThiefs, RunsOut, SavesOnce,
    StartsFull, UnlocksNothing,
};

/// A store in memory, but for its defect.
#[derive(Clone)]
struct Store {
    memory: MemoryStore,
    defect: Defect,
    holder: Arc<Mutex<Option<ThreadId>>>,
}

impl Store {
    fn has(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    fn try_lock(&self) -> Result<Box<dyn LockedStore>, StoreFailure> {
        let me = thread::current().id();
        let is_ours = || *self.holder.lock().expect("no panic inside") == Some(me);
        let ran_out = |holder: Holder| {
            let now = Timestamp::from(SystemTime::now());
            now.saturating_since(holder.since) > super::SHORT_LEASE
        };
        if let Some(holder) = self.memory.holder() {
            assert!(!self.has(Panics), "as it should");
            let is_free = self.has(NoLock)
                || self.has(LockOfTheThread) && is_ours()
                || self.has(RunsOut) && ran_out(holder);
            if is_free {
                self.memory.lose_lock();
            }
        }
        let inner = Some(self.memory.lock(super::AT_ONCE)?);
        *self.holder.lock().expect("no panic inside") = Some(me);
        let (store, saves) = (self.clone(), 0);
        Ok(Box::new(Locked {
            store,
            inner,
            saves,
        }))
    }
}

impl SessionStore for Store {
    fn lock(&self, request: LockRequest) -> Result<Box<dyn LockedStore>, StoreFailure> {
        let started = Instant::now();
        loop {
            match self.try_lock() {
                Err(StoreFailure::Locked)
                    if started.elapsed() < request.patience && !self.has(Impatient) => {}
                locked => return locked,
            }
            let is_awake = !self.has(Oversleeps);
            let pause = Duration::from_millis(2);
            thread::sleep(if is_awake { pause } else { request.patience });
        }
    }
}

struct Locked {
    store: Store,
    /// Until it is dropped.
    inner: Option<Box<dyn LockedStore>>,
    saves: u32,
}

impl Locked {
    fn inner(&mut self) -> &mut dyn LockedStore {
        &mut **self.inner.as_mut().expect("it is held")
    }
}

impl LockedStore for Locked {
    fn load(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, StoreFailure> {
        self.inner().load()
    }

    fn save(&mut self, session: &[u8]) -> Result<(), StoreFailure> {
        if self.store.has(IsText) && std::str::from_utf8(session).is_err() {
            return Err(InvalidSavedSession::Truncated.into());
        }
        self.saves += 1;
        if self.store.has(SavesOnce) && self.saves > 1 {
            return Err(StoreFailure::new("the transaction has ended"));
        }
        let mut session = session.to_vec();
        if self.store.has(HasNoFence) {
            self.store.memory.set_record(session);
            return Ok(());
        }
        if self.store.has(KeepsTheTail) {
            let old = self.store.memory.record().unwrap_or_default();
            session.extend(old.iter().skip(session.len()));
        }
        self.inner().save(&session)
    }

    fn renew(&mut self) -> Result<(), StoreFailure> {
        match self.inner().renew() {
            Err(_) if self.store.has(RenewsTheThiefs) => Ok(()),
            renewed => renewed,
        }
    }

    fn mark(&mut self, until: Timestamp) -> Result<(), StoreFailure> {
        if self.store.has(LosesTheMark) {
            return Ok(());
        }
        self.inner().mark(until)
    }

    fn marked(&mut self) -> Result<Option<Timestamp>, StoreFailure> {
        self.inner().marked()
    }

    fn unlock(self: Box<Self>) -> Result<(), StoreFailure> {
        if self.store.has(UnlocksNothing) {
            mem::forget(self);
        }
        Ok(())
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        if self.store.has(DropsNothing) {
            mem::forget(self.inner.take());
        }
        if self.store.has(FreesTheThiefs) {
            self.store.memory.lose_lock();
        }
    }
}

fn contract(defect: Defect) -> StoreContract<Store> {
    let places = Arc::<Mutex<HashMap<String, Store>>>::default();
    let at = move |place: &str| {
        let place = if defect == OneForAll { "one" } else { place };
        let mut places = places.lock().expect("no panic inside");
        let new = || {
            let (memory, holder) = (MemoryStore::new(), Arc::default());
            memory.set_record((defect == StartsFull).then(|| b"old".to_vec()));
            Store {
                memory,
                defect,
                holder,
            }
        };
        places.entry(place.to_owned()).or_insert_with(new).clone()
    };
    let thief = at.clone();
    StoreContract::new(at).stolen(move |place| thief(place).memory.lose_lock())
}

#[test]
fn a_store_that_keeps_the_contract_passes() {
    contract(Defect::None).check();
}

#[test]
fn each_defect_breaks_the_rule_that_is_about_it() {
    let cases = [
        (StartsFull, "a-new-place-is-empty"),
        (KeepsTheTail, "what-was-saved-is-loaded"),
        (IsText, "any-bytes-are-kept"),
        (SavesOnce, "two-saves-under-one-lock"),
        (LosesTheMark, "a-mark-is-seen"),
        (NoLock, "one-at-a-time"),
        (NoLock, "no-count-is-lost"),
        (LockOfTheThread, "one-at-a-time"),
        (OneForAll, "places-are-apart"),
        (Impatient, "patience-is-kept"),
        (Oversleeps, "who-waits-gets-it"),
        (Panics, "one-at-a-time"),
        (UnlocksNothing, "unlock-frees"),
        (DropsNothing, "a-drop-frees"),
        (RunsOut, "renew-keeps-a-lease"),
        (HasNoFence, "a-lost-lock-saves-nothing"),
        (FreesTheThiefs, "a-lost-lock-saves-nothing"),
        (RenewsTheThiefs, "a-lost-lock-saves-nothing"),
    ];
    thread::scope(|scope| {
        for (defect, rule) in cases {
            scope.spawn(move || {
                let mut contract = contract(defect);
                contract.limit = Duration::from_secs(4); // what hangs has hung by then
                let broken = contract.broken(|name| name == rule);
                assert_eq!(broken.len(), 1, "{defect:?} does not break {rule}");
            });
        }
    });
}

#[test]
#[should_panic(
    expected = "the store breaks its contract:\n- a-new-place-is-empty: nothing was saved, a record of 3 bytes (old) was loaded"
)]
fn what_is_broken_is_told() {
    contract(StartsFull).check();
}
