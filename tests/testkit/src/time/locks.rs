//! A lock and a condition variable for threads of this time.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::{self, Arc, LockResult, PoisonError, TryLockError};
use std::task::{Poll, Waker};
use std::time::Duration;

use super::threads::current;

/// A stand-in for [`std::sync::Mutex`] in [threads](super::Time::spawn_thread) of a time.
///
/// Where it is taken, and where it is given free, others may go on first; who waits for it lets others go on. It is
/// never poisoned.
#[derive(Debug, Default)]
pub struct Mutex<T> {
    value: sync::Mutex<T>,
    waiting: Waiting,
}

/// A [`Mutex`] that is held, until this is dropped.
#[derive(Debug)]
pub struct MutexGuard<'a, T> {
    mutex: &'a Mutex<T>,
    /// `None` while it is given free.
    guard: Option<sync::MutexGuard<'a, T>>,
}

/// A stand-in for [`std::sync::Condvar`], with a [`Mutex`] of this module.
///
/// ```
/// use simacan_auth_testkit::time::{Condvar, Mutex, Time};
/// use std::sync::Arc;
///
/// let time = Time::new(1);
/// let shared = Arc::new((Mutex::new(false), Condvar::new()));
/// let waits = time.spawn_thread("who waits", {
///     let shared = shared.clone();
///     move || {
///         let (is_there, changed) = &*shared;
///         let mut is_there = is_there.lock().unwrap();
///         while !*is_there {
///             is_there = changed.wait(is_there).unwrap();
///         }
///     }
/// });
/// time.spawn_thread("who brings it", move || {
///     *shared.0.lock().unwrap() = true;
///     shared.1.notify_all();
/// });
/// time.run(waits).unwrap();
/// ```
#[derive(Debug, Default)]
pub struct Condvar(Waiting);

/// The end of [`Condvar::wait_timeout`]: whether it has [timed out](Self::timed_out).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// Returns whether nobody has notified the waiting thread in time.
    pub fn timed_out(self) -> bool {
        self.0
    }
}

impl<T> Mutex<T> {
    /// Makes a lock that is free.
    pub fn new(value: T) -> Self {
        Self {
            value: sync::Mutex::new(value),
            waiting: Waiting::default(),
        }
    }

    /// Waits until the lock is free, and takes it.
    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        others_may_go_on();
        Ok(self.take())
    }

    fn take(&self) -> MutexGuard<'_, T> {
        loop {
            let guard = match (self.value.try_lock(), current()) {
                (Ok(guard), _) => guard,
                (Err(TryLockError::Poisoned(poisoned)), _) => poisoned.into_inner(),
                (Err(TryLockError::WouldBlock), Some(time)) => {
                    time.block_on(self.waiting.listen());
                    continue;
                }
                (Err(TryLockError::WouldBlock), None) => {
                    (self.value.lock()).unwrap_or_else(PoisonError::into_inner)
                }
            };
            return MutexGuard {
                mutex: self,
                guard: Some(guard),
            };
        }
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.guard.as_ref().expect("it is held")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.guard.as_mut().expect("it is held")
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        drop(self.guard.take());
        self.mutex.waiting.wake(1);
        if !std::thread::panicking() {
            others_may_go_on();
        }
    }
}

impl Condvar {
    /// Makes one that nobody waits for yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets go of the lock until this is notified, and takes it again.
    ///
    /// # Panics
    ///
    /// Outside of a [time](super::Time), as all that waits for it.
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        Ok(self.wait_for(guard, None).0)
    }

    /// Waits as [`wait`](Self::wait) does, but no longer than this.
    pub fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        longest: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        Ok(self.wait_for(guard, Some(longest)))
    }

    fn wait_for<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        longest: Option<Duration>,
    ) -> (MutexGuard<'a, T>, WaitTimeoutResult) {
        let time = current().expect("it is waited for in a time");
        let (notified, mutex) = (self.0.listen(), guard.mutex);
        drop(guard);
        let is_over = time.block_on(async {
            match longest {
                None => {
                    notified.await;
                    false
                }
                Some(longest) => time.timeout(longest, notified).await.is_none(),
            }
        });
        (mutex.take(), WaitTimeoutResult(is_over))
    }

    /// Wakes the thread that has waited longest.
    pub fn notify_one(&self) {
        self.0.wake(1);
    }

    /// Wakes all threads that wait.
    pub fn notify_all(&self) {
        self.0.wake(usize::MAX);
    }
}

/// Those who wait for one thing. First come, first served; who has gone away is passed over.
#[derive(Debug, Default)]
struct Waiting(sync::Mutex<VecDeque<sync::Weak<Waiter>>>);

#[derive(Debug, Default)]
struct Waiter(sync::Mutex<(bool, Option<Waker>)>);

impl Waiting {
    /// Ready after the next wake-up that is meant for it.
    fn listen(&self) -> impl Future<Output = ()> + use<> {
        let waiter = Arc::new(Waiter::default());
        lock(&self.0).push_back(Arc::downgrade(&waiter));
        std::future::poll_fn(move |context| {
            let mut state = lock(&waiter.0);
            state.1 = Some(context.waker().clone());
            if state.0 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
    }

    fn wake(&self, most: usize) {
        for _ in 0..most {
            let waiter = loop {
                let Some(next) = lock(&self.0).pop_front() else {
                    return;
                };
                if let Some(waiter) = next.upgrade() {
                    break waiter;
                }
            };
            let mut state = lock(&waiter.0);
            state.0 = true;
            let waker = state.1.take();
            drop(state);
            waker.into_iter().for_each(Waker::wake);
        }
    }
}

fn others_may_go_on() {
    if let Some(time) = current() {
        time.yield_now();
    }
}

fn lock<T>(mutex: &sync::Mutex<T>) -> sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
