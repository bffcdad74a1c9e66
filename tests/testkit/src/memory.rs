//! A store in memory, whose steps go wrong as a test says.

mod locked;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use simacan_auth::{StoreFailure, Timestamp};

/// A [`SessionStore`](simacan_auth::SessionStore) in memory, shared by its clones, with faults by script.
///
/// It keeps the [contract](crate::StoreContract) as long as none is scripted. Each process of a test has a handle of
/// its own, with a number: see [`process`](Self::process).
///
/// ```
/// use simacan_auth::{LockRequest, SessionStore, StoreFailure};
/// use simacan_auth_testkit::{MemoryStore, StoreFault, StoreStep};
/// use std::time::Duration;
///
/// let here = MemoryStore::new();
/// let there = here.process(1);
/// let request = LockRequest { patience: Duration::ZERO, hold: Duration::from_secs(30) };
///
/// // The save is done, and nobody is told.
/// here.script(StoreStep::Save, StoreFault::AnswerLost);
/// let mut locked = here.lock(request)?;
/// assert!(locked.save(b"a session").is_err());
/// assert_eq!(here.record().unwrap(), b"a session");
///
/// // It is still here that the lock is held. A driver that leaves it so keeps all others out.
/// assert!(matches!(there.lock(request), Err(StoreFailure::Locked)));
/// assert_eq!(there.holder().unwrap().process, 0);
///
/// // It is taken away, as from a process that was stopped for too long.
/// there.lose_lock();
/// let next = there.lock(request)?;
/// assert_eq!(locked.save(b"an old session"), Err(StoreFailure::Superseded));
/// next.unlock()?;
/// assert!(here.holder().is_none());
///
/// // A backup is restored, the record is damaged, it is removed.
/// let backup = here.record();
/// here.set_record(b"a sess".to_vec());
/// here.set_record(None);
/// here.set_record(backup);
/// # Ok::<_, StoreFailure>(())
/// ```
///
/// Whoever waits, for the lock or in a step that is slow or hangs, sleeps in the store's time: the system's,
/// or [another](Self::in_time). On an executor that has one thread nobody else goes on meanwhile; there a
/// driver asks for the lock without patience, and again later.
#[derive(Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
    process: usize,
}

/// A step at a store: a method of [`SessionStore`](simacan_auth::SessionStore) or
/// [`LockedStore`](simacan_auth::LockedStore).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "these are the methods of the traits"
)]
pub enum StoreStep {
    /// A call of [`lock`](simacan_auth::SessionStore::lock).
    Lock,
    /// A call of [`look`](simacan_auth::SessionStore::look).
    Look,
    /// A call of [`load`](simacan_auth::LockedStore::load).
    Load,
    /// A call of [`save`](simacan_auth::LockedStore::save).
    Save,
    /// A call of [`renew`](simacan_auth::LockedStore::renew).
    Renew,
    /// A call of [`mark`](simacan_auth::LockedStore::mark).
    Mark,
    /// A call of [`marked`](simacan_auth::LockedStore::marked).
    Marked,
    /// A call of [`unlock`](simacan_auth::LockedStore::unlock). A lock that is dropped is free all the same.
    Unlock,
}

/// A fault of one step at a store, by [`MemoryStore::script`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreFault {
    /// The step is not done, and the store says this.
    Fails(StoreFailure),
    /// The step is done, and the store says [`Unreachable`](StoreFailure::Unreachable).
    AnswerLost,
    /// The step takes so long, and is done.
    Slow(Duration),
    /// The step does not end before [`release`](MemoryStore::release), and is done then.
    Hangs,
    /// The step is not done, and panics.
    Panics,
    /// The lock is lost before the step; another may have it by then. At [`Lock`](StoreStep::Lock): right after.
    LockLost,
}

/// The handle that has the lock of a [`MemoryStore`], and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// The number of the handle that the lock was taken with: [`MemoryStore::process`].
    pub process: usize,
    /// When the lock was taken.
    pub since: Timestamp,
}

/// What a process has done at the store, or what has become of it there.
pub(crate) enum Done<'a> {
    Locked,
    /// It has let go of the lock, or has lost it.
    Unlocked,
    Saved(&'a [u8]),
    SaveFailed,
    Marked,
}

struct Shared {
    place: Mutex<Place>,
    now: Box<dyn Fn() -> SystemTime + Send + Sync>,
    /// How much time has gone by, whatever the time of day is set to.
    elapsed: Box<dyn Fn() -> Duration + Send + Sync>,
    sleep: Box<dyn Fn(Duration) + Send + Sync>,
    before: Box<dyn Fn(StoreStep) + Send + Sync>,
    watch: Box<dyn Fn(usize, Done<'_>) + Send + Sync>,
}

#[derive(Default)]
struct Place {
    record: Option<Vec<u8>>,
    mark: Option<Timestamp>,
    lock: Option<Lock>,
    locks: u64,
    script: [VecDeque<Option<StoreFault>>; 8],
    always: [Option<StoreFault>; 8],
    steps: Vec<(usize, StoreStep)>,
    hanging: usize,
    releases: u64,
    longest_hold: Duration,
}

struct Lock {
    number: u64,
    holder: Holder,
    /// When, by the time that has gone by.
    taken: Duration,
    /// Of a lock that is in nobody's hands: whoever had it could not give it free, or never knew.
    runs_out: Option<Duration>,
}

impl MemoryStore {
    /// Makes an empty store, in the system's time.
    pub fn new() -> Self {
        let place = Mutex::default();
        let (now, began) = (Box::new(SystemTime::now), Instant::now());
        let shared = Arc::new(Shared {
            place,
            now,
            elapsed: Box::new(move || began.elapsed()),
            sleep: Box::new(thread::sleep),
            before: Box::new(|_| ()),
            watch: Box::new(|_, _| ()),
        });
        Self { shared, process: 0 }
    }

    /// Puts the store into the time that `now` tells. Whoever waits calls `sleep`, again and again: it blocks for so
    /// long, or moves that time on.
    ///
    /// # Panics
    ///
    /// If it has been cloned.
    #[must_use]
    pub fn in_time(
        mut self,
        now: impl Fn() -> SystemTime + Send + Sync + 'static,
        sleep: impl Fn(Duration) + Send + Sync + 'static,
    ) -> Self {
        let now = Arc::new(now);
        let shared = self.unshared();
        shared.now = {
            Box::new({
                let now = now.clone();
                move || now()
            })
        };
        shared.elapsed = Box::new(move || now().duration_since(UNIX_EPOCH).unwrap_or_default());
        shared.sleep = Box::new(sleep);
        self
    }

    /// By this clock locks are held and waited for, since that of [`in_time`](Self::in_time) is set at times.
    pub(crate) fn by_clock(
        mut self,
        elapsed: impl Fn() -> Duration + Send + Sync + 'static,
    ) -> Self {
        self.unshared().elapsed = Box::new(elapsed);
        self
    }

    /// This is told which process has done what, in that order.
    pub(crate) fn watched(
        mut self,
        watch: impl Fn(usize, Done<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.unshared().watch = Box::new(watch);
        self
    }

    /// Calls this before each step, on the thread that takes it. It may look, block or panic.
    ///
    /// # Panics
    ///
    /// If the store has been cloned.
    #[must_use]
    pub fn before(mut self, look: impl Fn(StoreStep) + Send + Sync + 'static) -> Self {
        self.unshared().before = Box::new(look);
        self
    }

    fn unshared(&mut self) -> &mut Shared {
        Arc::get_mut(&mut self.shared).expect("it has no clones yet")
    }

    /// Returns a handle of the process of this number. A new store's is of process 0, a clone is of the same.
    #[must_use]
    pub fn process(&self, number: usize) -> Self {
        let shared = self.shared.clone();
        Self {
            shared,
            process: number,
        }
    }

    /// Lets this fault strike the next such step that no fault is scripted for yet, of whichever process. `None` lets
    /// that one go well.
    pub fn script(&self, step: StoreStep, fault: impl Into<Option<StoreFault>>) {
        self.script_n(step, fault, 1);
    }

    /// Lets this fault strike `n` steps: [`script`](Self::script), `n` times.
    pub fn script_n(&self, step: StoreStep, fault: impl Into<Option<StoreFault>>, n: usize) {
        let fault = fault.into();
        self.place().script[step as usize].extend(std::iter::repeat_n(fault, n));
    }

    /// Lets this fault strike each such step that no other is scripted for, until the script is
    /// [cleared](Self::clear_script).
    pub fn script_always(&self, step: StoreStep, fault: StoreFault) {
        self.place().always[step as usize] = Some(fault);
    }

    /// Forgets the scripted faults that have not struck yet. What hangs goes on hanging.
    pub fn clear_script(&self) {
        let mut place = self.place();
        (place.script, place.always) = Default::default();
    }

    /// Lets all steps go on that hang by now.
    pub fn release(&self) {
        self.place().releases += 1;
    }

    /// Returns how many steps hang.
    pub fn hanging(&self) -> usize {
        self.place().hanging
    }

    /// Returns which process has begun which step, in their order.
    pub fn steps(&self) -> Vec<(usize, StoreStep)> {
        self.place().steps.clone()
    }

    /// Returns what was saved last.
    pub fn record(&self) -> Option<Vec<u8>> {
        self.place().record.clone()
    }

    /// Replaces what was saved last, whoever has the lock: by an old [`record`](Self::record), half of one, or `None`.
    pub fn set_record(&self, record: impl Into<Option<Vec<u8>>>) {
        self.place().record = record.into();
    }

    /// Returns who has the lock in hand: has taken it, knows it, and has neither unlocked nor dropped it.
    ///
    /// If this is somebody when nothing is under way any more, a driver has kept the lock. A lock whose
    /// taker was not told, or whose `unlock` has failed, is in nobody's hands. It is free when the request's
    /// `hold` is over, as a lease would be.
    pub fn holder(&self) -> Option<Holder> {
        let place = self.place();
        let held = place.lock.as_ref().filter(|lock| lock.runs_out.is_none());
        held.map(|lock| lock.holder)
    }

    /// Takes the lock from whoever has it, as from a process that was killed, or stopped for longer than a
    /// lease. What that one saves is [`Superseded`](StoreFailure::Superseded).
    pub fn lose_lock(&self) {
        self.free(&mut self.place());
    }

    /// Returns for how long the lock was in one hand at most, by now.
    ///
    /// A visit has one exchange in it, or none: a driver that gives up what hangs has the lock for little longer
    /// than an exchange may take.
    pub fn longest_hold(&self) -> Duration {
        let mut place = self.place();
        self.note_hold(&mut place);
        place.longest_hold
    }

    /// Before the lock goes from hand to hand.
    fn note_hold(&self, place: &mut Place) {
        if let Some(lock) = place.lock.as_ref().filter(|lock| lock.runs_out.is_none()) {
            let hold = (self.shared.elapsed)().saturating_sub(lock.taken);
            place.longest_hold = place.longest_hold.max(hold);
        }
    }

    fn free(&self, place: &mut Place) {
        self.note_hold(place);
        if let Some(lock) = place.lock.take().filter(|lock| lock.runs_out.is_none()) {
            (self.shared.watch)(lock.holder.process, Done::Unlocked);
        }
    }

    fn now(&self) -> Timestamp {
        (self.shared.now)().into()
    }

    /// A panic under this lock leaves nothing half done.
    fn place(&self) -> MutexGuard<'_, Place> {
        let place = self.shared.place.lock();
        place.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("process", &self.process)
            .field("holder", &self.holder())
            .finish_non_exhaustive()
    }
}
