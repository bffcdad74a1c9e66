//! The contract of a store, rule by rule.

#[cfg(test)]
mod broken;
mod holder;
mod locks;
mod lost;
mod records;

use std::fmt;
use std::process::{self, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use simacan_auth::{LockRequest, LockedStore, SessionStore, StoreFailure};

pub use holder::{hold, this_test};

/// What works takes less. It is shorter than [`LEASE`]: what is free by then did not run out.
const LONG: Duration = Duration::from_secs(20);
const LEASE: Duration = Duration::from_secs(60);
const SHORT_LEASE: Duration = Duration::from_secs(1);

const AT_ONCE: LockRequest = request(Duration::ZERO, LEASE);
const PATIENTLY: LockRequest = request(LONG, LEASE);

const fn request(patience: Duration, hold: Duration) -> LockRequest {
    LockRequest { patience, hold }
}

/// A check that a [`SessionStore`] does what the library relies on.
///
/// It is made with a closure that gives a handle of the store at a *place*: a path, a row, a key, which
/// is empty when it is first asked for. The name of a place has letters, digits and hyphens; two handles
/// of one name are two programs that share a session.
///
/// - A new place is empty. What was saved is loaded, by a new handle too: all bytes, 100 KiB of them, and
///   nothing of a longer record before. There may be several saves under one lock.
/// - One at a time has the lock, whether handles, threads or processes. Who waits gets it when it is free,
///   or else [`Locked`](simacan_auth::StoreFailure::Locked) when the patience is over, no sooner and not much later.
/// - `unlock` and a drop free the lock at once. A killed process frees it when its lease runs out at the
///   latest ([`killed`](Self::killed)).
/// - `renew` keeps a lease. A mark, where there is a place for one, is seen by the next.
/// - Who has lost the lock saves nothing and is told
///   [`Superseded`](simacan_auth::StoreFailure::Superseded); nor does it free the lock of who has it now
///   ([`stolen`](Self::stolen)).
///
/// ```no_run
/// # mod app { pub fn store(_: &str) -> Box<dyn simacan_auth::SessionStore> { unimplemented!() }
/// # pub fn delete_lock(_: &str) {} }
/// use simacan_auth_testkit::{StoreContract, hold, this_test};
///
/// # const _: &str = stringify!(
/// #[test]
/// # );
/// fn the_store_keeps_the_contract() {
///     StoreContract::new(app::store)
///         .killed(|place| {
///             let mut holder = this_test("holder");
///             holder.env("PLACE", place);
///             holder
///         })
///         .stolen(app::delete_lock)
///         .check();
/// }
///
/// # const _: &str = stringify!(
/// #[test]
/// #[ignore = "a process that the contract starts and kills"]
/// # );
/// fn holder() {
///     if let Ok(place) = std::env::var("PLACE") {
///         hold(&app::store(&place));
///     }
/// }
/// # the_store_keeps_the_contract(); holder();
/// ```
pub struct StoreContract<S> {
    subject: Subject<S>,
    /// For one rule.
    limit: Duration,
}

type Make<S> = Arc<dyn Fn(&str) -> S + Send + Sync>;
type Holder = Arc<dyn Fn(&str) -> Command + Send + Sync>;
type Thief = Arc<dyn Fn(&str) + Send + Sync>;

struct Subject<S> {
    make: Make<S>,
    holder: Option<Holder>,
    thief: Option<Thief>,
}

impl<S> Clone for Subject<S> {
    fn clone(&self) -> Self {
        let Self {
            make,
            holder,
            thief,
        } = self;
        Self {
            make: make.clone(),
            holder: holder.clone(),
            thief: thief.clone(),
        }
    }
}

/// What a rule says if it is broken.
type Checked = Result<(), String>;
type Check<S> = fn(&Subject<S>, &str) -> Checked;

impl<S: SessionStore + 'static> StoreContract<S> {
    /// Makes the contract of the store that `make` gives at a place.
    ///
    /// ```
    /// use simacan_auth_testkit::{MemoryStore, StoreContract};
    /// # use std::{collections::HashMap, sync::Mutex};
    /// # struct Server(Mutex<HashMap<String, MemoryStore>>);
    /// # impl Server {
    /// #     fn at(&self, place: &str) -> MemoryStore {
    /// #         self.0.lock().unwrap().entry(place.to_owned()).or_default().clone()
    /// #     }
    /// # }
    /// # let server = Server(Mutex::default());
    /// StoreContract::new(move |place| server.at(place)).check();
    /// ```
    pub fn new(make: impl Fn(&str) -> S + Send + Sync + 'static) -> Self {
        let subject = Subject {
            make: Arc::new(make),
            holder: None,
            thief: None,
        };
        let limit = Duration::from_secs(60);
        Self { subject, limit }
    }

    /// Adds a check of what becomes of a killed process: the command that is given starts one that calls [`hold`] with
    /// the store at this place.
    #[must_use]
    pub fn killed(mut self, holder: impl Fn(&str) -> Command + Send + Sync + 'static) -> Self {
        self.subject.holder = Some(Arc::new(holder));
        self
    }

    /// Adds a check of what becomes of a lock that is lost: `thief` takes the lock at this place from whoever holds
    /// it, so that another can have it: it deletes a lease, or ends a connection.
    #[must_use]
    pub fn stolen(mut self, thief: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.subject.thief = Some(Arc::new(thief));
        self
    }

    /// Checks all rules. It takes some seconds, and leaves its places as they are in the end.
    ///
    /// # Panics
    ///
    /// With each rule that is broken, and how.
    pub fn check(self) {
        let broken = self.broken(|_| true).concat();
        assert!(broken.is_empty(), "the store breaks its contract:{broken}");
    }

    /// A line for each of these rules that is.
    fn broken(&self, which: impl Fn(&str) -> bool) -> Vec<String> {
        let rules = Self::RULES.iter().filter(|(rule, _)| which(rule));
        let broken = rules.filter_map(|(rule, check)| {
            let how = self.try_rule(rule, *check).err()?;
            Some(format!("\n- {rule}: {how}"))
        });
        broken.collect()
    }

    const RULES: &[(&'static str, Check<S>)] = &[
        // Also the names of places.
        ("a-new-place-is-empty", records::new_place),
        ("what-was-saved-is-loaded", records::loaded),
        ("any-bytes-are-kept", records::any_bytes),
        ("two-saves-under-one-lock", records::two_saves),
        ("a-mark-is-seen", records::mark),
        ("one-at-a-time", locks::exclusion),
        ("no-count-is-lost", locks::counts),
        ("places-are-apart", locks::places),
        ("patience-is-kept", locks::patience),
        ("who-waits-gets-it", locks::waiting),
        ("unlock-frees", locks::unlock),
        ("a-drop-frees", locks::drop_frees),
        ("renew-keeps-a-lease", locks::renew),
        ("a-killed-process-frees", holder::killed),
        ("a-lost-lock-saves-nothing", lost::stolen),
    ];

    /// On a thread of its own: a store may hang or panic.
    fn try_rule(&self, rule: &str, check: Check<S>) -> Checked {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let place = format!("{rule}-{}-{number}", process::id());
        let subject = self.subject.clone();
        let (ended, end) = mpsc::channel();
        thread::spawn(move || ended.send(check(&subject, &place)));
        match end.recv_timeout(self.limit) {
            Ok(checked) => checked,
            Err(RecvTimeoutError::Timeout) => Err(format!("no end within {:?}", self.limit)),
            Err(RecvTimeoutError::Disconnected) => Err("a panic".to_owned()),
        }
    }
}

impl<S> fmt::Debug for StoreContract<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreContract")
            .field("killed", &self.subject.holder.is_some())
            .field("stolen", &self.subject.thief.is_some())
            .finish_non_exhaustive()
    }
}

impl<S: SessionStore> Subject<S> {
    /// The lock, which is free, of a new handle.
    fn lock(&self, place: &str) -> Result<Box<dyn LockedStore>, String> {
        let locked = (self.make)(place).lock(PATIENTLY);
        locked.map_err(|failure| format!("the lock is free, but {failure}"))
    }

    fn save(&self, place: &str, record: &[u8]) -> Checked {
        done("save", self.lock(place)?.save(record))
    }

    fn expect_record(&self, place: &str, record: Option<&[u8]>) -> Checked {
        expect_record(&mut *self.lock(place)?, record)
    }
}

fn done<T>(what: &str, result: Result<T, StoreFailure>) -> Result<T, String> {
    result.map_err(|failure| format!("{what} failed: {failure}"))
}

fn expect_record(locked: &mut dyn LockedStore, record: Option<&[u8]>) -> Checked {
    let loaded = done("load", locked.load())?;
    let loaded = loaded.as_deref().map(Vec::as_slice);
    expect(loaded == record, || {
        format!("{} was saved, {} was loaded", told(record), told(loaded))
    })
}

fn told(record: Option<&[u8]>) -> String {
    record.map_or("nothing".to_owned(), |record| {
        let begins = record[..record.len().min(30)].escape_ascii();
        format!("a record of {} bytes ({begins})", record.len())
    })
}

fn expect(holds: bool, else_broken: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(else_broken()) }
}
