//! Stores with one defect each: the contract names it.

mod lock_file;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use simacan_auth::{
    InvalidSavedSession, LockRequest, LockedStore, SessionStore, StoreFailure, Timestamp, Zeroizing,
};

use super::StoreContract;

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

#[derive(Default)]
struct Place {
    /// Who holds it, by number, and whose thread that is.
    owner: Option<(u32, thread::ThreadId, Instant)>,
    owners: u32,
    record: Option<Vec<u8>>,
    mark: Option<Timestamp>,
}

#[derive(Clone)]
struct Memory {
    defect: Defect,
    places: Arc<Mutex<HashMap<String, Place>>>,
}

impl Memory {
    fn new(defect: Defect) -> Self {
        let places = Arc::default();
        Self { defect, places }
    }

    fn at(&self, name: &str) -> Store {
        let is_one = self.defect == OneForAll;
        let name = if is_one { "one" } else { name }.to_owned();
        let memory = self.clone();
        Store { memory, name }
    }

    fn with<T>(&self, name: &str, f: impl FnOnce(&mut Place) -> T) -> T {
        let mut places = self.places.lock().expect("no panic inside");
        f(places.entry(name.to_owned()).or_insert_with(|| Place {
            record: (self.defect == StartsFull).then(|| b"old".to_vec()),
            ..Place::default()
        }))
    }
}

#[derive(Clone)]
struct Store {
    memory: Memory,
    name: String,
}

impl Store {
    fn has(&self, defect: Defect) -> bool {
        self.memory.defect == defect
    }

    fn try_lock(&self) -> Option<Locked> {
        let me = thread::current().id();
        self.memory.with(&self.name, |place| {
            let is_free = place.owner.is_none_or(|(_, thread, since)| {
                let ran_out = self.has(RunsOut) && since.elapsed() > super::SHORT_LEASE;
                ran_out || (self.has(LockOfTheThread) && thread == me)
            });
            (is_free || self.has(NoLock)).then(|| {
                place.owners += 1;
                place.owner = Some((place.owners, me, Instant::now()));
                let (store, number) = (self.clone(), place.owners);
                let saves = 0;
                Locked {
                    store,
                    number,
                    saves,
                }
            })
        })
    }
}

impl SessionStore for Store {
    fn lock(&self, request: LockRequest) -> Result<Box<dyn LockedStore>, StoreFailure> {
        let started = Instant::now();
        loop {
            if let Some(locked) = self.try_lock() {
                return Ok(Box::new(locked));
            }
            assert!(!self.has(Panics), "as it should");
            if started.elapsed() >= request.patience || self.has(Impatient) {
                return Err(StoreFailure::Locked);
            }
            let is_awake = !self.has(Oversleeps);
            let pause = if is_awake {
                Duration::from_millis(2)
            } else {
                request.patience
            };
            thread::sleep(pause);
        }
    }
}

struct Locked {
    store: Store,
    number: u32,
    saves: u32,
}

impl Locked {
    fn with<T>(&self, f: impl FnOnce(&mut Place) -> T) -> T {
        self.store.memory.with(&self.store.name, f)
    }

    fn free(&self) {
        let frees_all = self.store.has(FreesTheThiefs);
        self.with(|place| {
            if place
                .owner
                .is_some_and(|(number, ..)| number == self.number || frees_all)
            {
                place.owner = None;
            }
        });
    }
}

impl LockedStore for Locked {
    fn load(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, StoreFailure> {
        let record = self.with(|place| place.record.clone());
        Ok(record.map(Zeroizing::new))
    }

    fn save(&mut self, session: &[u8]) -> Result<(), StoreFailure> {
        if self.store.has(IsText) && std::str::from_utf8(session).is_err() {
            return Err(InvalidSavedSession::Truncated.into());
        }
        self.saves += 1;
        if self.store.has(SavesOnce) && self.saves > 1 {
            return Err(StoreFailure::new("the transaction has ended"));
        }
        let (number, is_fenced) = (self.number, !self.store.has(HasNoFence));
        let keeps = self.store.has(KeepsTheTail);
        self.with(|place| {
            if is_fenced && place.owner.is_none_or(|(owner, ..)| owner != number) {
                return Err(StoreFailure::Superseded);
            }
            let mut new = session.to_vec();
            if keeps && let Some(old) = &place.record {
                new.extend(old.iter().skip(session.len()));
            }
            place.record = Some(new);
            Ok(())
        })
    }

    fn renew(&mut self) -> Result<(), StoreFailure> {
        let (number, is_fenced) = (self.number, !self.store.has(RenewsTheThiefs));
        let is_ours = self.with(|place| place.owner.is_some_and(|(owner, ..)| owner == number));
        if is_ours || !is_fenced {
            return Ok(());
        }
        Err(StoreFailure::Superseded)
    }

    fn mark(&mut self, until: Timestamp) -> Result<(), StoreFailure> {
        let lost = self.store.has(LosesTheMark);
        self.with(|place| place.mark = Some(until).filter(|_| !lost));
        Ok(())
    }

    fn marked(&mut self) -> Result<Option<Timestamp>, StoreFailure> {
        let now = std::time::SystemTime::now().into();
        Ok(self.with(|place| place.mark.filter(|until| *until > now)))
    }

    fn unlock(self: Box<Self>) -> Result<(), StoreFailure> {
        if self.store.has(UnlocksNothing) {
            std::mem::forget(self);
        }
        Ok(())
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        if !self.store.has(DropsNothing) {
            self.free();
        }
    }
}

fn contract(defect: Defect) -> StoreContract<Store> {
    let memory = Memory::new(defect);
    let thief = memory.clone();
    StoreContract::new(move |place| memory.at(place))
        .stolen(move |place| thief.with(&thief.at(place).name, |place| place.owner = None))
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
