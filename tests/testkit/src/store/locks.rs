//! Who has the lock, and for how long.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use simacan_auth::{LockedStore, SessionStore, StoreFailure};

use super::{
    AT_ONCE, Checked, LONG, PATIENTLY, SHORT_LEASE, Subject, done, expect, expect_record, request,
};

const PATIENCE: Duration = Duration::from_millis(300);
/// A busy computer takes its time.
const LATE: Duration = Duration::from_secs(10);

pub(super) fn exclusion<S: SessionStore>(subject: &Subject<S>, place: &str) -> Checked {
    let store = (subject.make)(place);
    let held = done("lock", store.lock(PATIENTLY))?;
    is_locked(&store, "the handle that holds it")?;
    is_locked(&(subject.make)(place), "another handle")?;
    let in_a_thread = || is_locked(&store, "another thread");
    thread::scope(|scope| scope.spawn(in_a_thread).join()).map_err(|_| "a panic")??;
    drop(held);
    Ok(())
}

pub(super) fn is_locked(store: &impl SessionStore, who: &str) -> Checked {
    match store.lock(AT_ONCE) {
        Err(StoreFailure::Locked) => Ok(()),
        Err(failure) => Err(format!("{who} was told no `Locked` but: {failure}")),
        Ok(_) => Err(format!("the lock is held, and {who} got it, too")),
    }
}

pub(super) fn counts<S: SessionStore>(subject: &Subject<S>, place: &str) -> Checked {
    const THREADS: u8 = 4;
    const EACH: u8 = 5;
    let inside = AtomicBool::new(false);
    let count = || {
        for _ in 0..EACH {
            let mut locked = subject.lock(place)?;
            let overlaps = inside.swap(true, Ordering::SeqCst);
            expect(!overlaps, || "two threads had the lock".to_owned())?;
            let counted = done("load", locked.load())?.map_or(0, |record| record[0]);
            thread::sleep(Duration::from_millis(1)); // others get a chance to do wrong
            done("save", locked.save(&[counted + 1]))?;
            inside.store(false, Ordering::SeqCst);
            done("unlock", locked.unlock())?;
        }
        Ok::<_, String>(())
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(count)).collect();
        let mut counted = threads.into_iter().map(ScopedJoinHandle::join);
        counted.try_for_each(|counted| counted.map_err(|_| "a panic".to_owned())?)
    })?;
    subject.expect_record(place, Some(&[THREADS * EACH]))
}

pub(super) fn places<S: SessionStore>(subject: &Subject<S>, place: &str) -> Checked {
    let mut here = subject.lock(place)?;
    done("save", here.save(b"here"))?;
    let mut there = subject.lock(&format!("{place}-other"))?;
    expect_record(&mut *there, None)?;
    done("save", there.save(b"there"))?;
    expect_record(&mut *here, Some(b"here"))
}

pub(super) fn patience<S: SessionStore>(subject: &Subject<S>, place: &str) -> Checked {
    let held = subject.lock(place)?;
    let waited = waits_in_vain(&(subject.make)(place))?;
    expect((PATIENCE..PATIENCE + LATE).contains(&waited), || {
        format!("gave up after {waited:?} of {PATIENCE:?}")
    })?;
    drop(held);
    Ok(())
}

/// It most likely waits by then; whether it does can't be seen.
pub(super) fn waiting<S: SessionStore>(subject: &Subject<S>, place: &str) -> Checked {
    let held = subject.lock(place)?;
    thread::scope(|scope| {
        let waiter = scope.spawn(|| subject.lock(place).map(drop));
        waits_in_vain(&(subject.make)(place))?;
        done("unlock", held.unlock())?;
        let freed = Instant::now();
        waiter.join().map_err(|_| "a panic")??;
        let late = freed.elapsed();
        expect(late < LATE, || {
            format!("it was free for {late:?} before that")
        })
    })
}

fn waits_in_vain(store: &impl SessionStore) -> Result<Duration, String> {
    let started = Instant::now();
    match store.lock(request(PATIENCE, LONG)) {
        Err(StoreFailure::Locked) => Ok(started.elapsed()),
        Err(failure) => Err(format!("whoever waits was told no `Locked` but: {failure}")),
        Ok(_) => Err("the lock is held, and whoever waits got it, too".to_owned()),
    }
}

pub(super) fn unlock<S: SessionStore>(subject: &Subject<S>, place: &str) -> Checked {
    done("unlock", subject.lock(place)?.unlock())?;
    subject.lock(place).map(drop)
}

pub(super) fn drop_frees<S: SessionStore>(subject: &Subject<S>, place: &str) -> Checked {
    drop(subject.lock(place)?);
    subject.lock(place).map(drop)
}

/// Where a step took so long that the lease may have run out, it shows nothing, and all is tried again.
pub(super) fn renew<S: SessionStore>(subject: &Subject<S>, place: &str) -> Checked {
    let mut checked = Ok(());
    for _ in 0..5 {
        let held = (subject.make)(place).lock(request(LONG, SHORT_LEASE));
        let mut held = done("lock", held)?;
        let slowest;
        (checked, slowest) = renew_for_two_leases(&mut *held, &(subject.make)(place));
        if slowest < SHORT_LEASE / 2 {
            break;
        }
    }
    checked
}

fn renew_for_two_leases(
    held: &mut dyn LockedStore,
    other: &impl SessionStore,
) -> (Checked, Duration) {
    let mut slowest = Duration::ZERO;
    for _ in 0..8 {
        let started = Instant::now();
        let checked = done("renew", held.renew()).and_then(|()| {
            thread::sleep(SHORT_LEASE / 4);
            is_locked(other, "another handle")
        });
        slowest = slowest.max(started.elapsed());
        if checked.is_err() {
            return (checked, slowest);
        }
    }
    (Ok(()), slowest)
}
