//! A condition variable for threads of this time.

use std::fmt;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use super::Time;

/// Stands for [`std::sync::Condvar`] in [threads](Time::spawn_thread) of this time. It is given the mutex beside
/// its guard, and says nothing of poison.
///
/// ```
/// use simacan_auth_testkit::time::{Condvar, Time};
/// use std::sync::{Arc, Mutex};
///
/// let time = Time::new(1);
/// let shared = Arc::new((Mutex::new(false), Condvar::new(&time)));
/// let waits = time.spawn_thread("who waits", {
///     let shared = shared.clone();
///     move || {
///         let (is_there, changed) = &*shared;
///         let mut locked = is_there.lock().unwrap();
///         while !*locked {
///             locked = changed.wait(is_there, locked);
///         }
///     }
/// });
/// time.spawn_thread("who brings it", move || {
///     *shared.0.lock().unwrap() = true;
///     shared.1.notify_all();
/// });
/// time.run(waits).unwrap();
/// ```
pub struct Condvar {
    time: Time,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    next: u64,
    /// First come, first served.
    wakers: Vec<(u64, Option<Waker>)>,
}

impl Condvar {
    /// Nobody waits for it yet.
    pub fn new(time: &Time) -> Self {
        Self {
            time: time.clone(),
            waiting: Mutex::default(),
        }
    }

    /// Lets go of the lock until it is notified, and takes it again.
    pub fn wait<'a, T>(&self, mutex: &'a Mutex<T>, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.wait_timeout(mutex, guard, Duration::MAX).0
    }

    /// As [`wait`](Self::wait), but no longer than this. Whether it was notified.
    pub fn wait_timeout<'a, T>(
        &self,
        mutex: &'a Mutex<T>,
        guard: MutexGuard<'a, T>,
        longest: Duration,
    ) -> (MutexGuard<'a, T>, bool) {
        let mut waiting = self.lock();
        waiting.next += 1;
        let key = waiting.next;
        waiting.wakers.push((key, None));
        drop(waiting);
        drop(guard);
        let notified = std::future::poll_fn(|context| {
            let mut waiting = self.lock();
            match waiting.wakers.iter_mut().find(|(other, _)| *other == key) {
                Some((_, waker)) => {
                    *waker = Some(context.waker().clone());
                    Poll::Pending
                }
                None => Poll::Ready(()),
            }
        });
        let is_notified = self.time.block_on(async {
            if longest == Duration::MAX {
                notified.await;
                return true;
            }
            self.time.timeout(longest, pin!(notified)).await.is_some()
        });
        self.lock().wakers.retain(|(other, _)| *other != key);
        let locked = mutex.lock().unwrap_or_else(PoisonError::into_inner);
        (locked, is_notified)
    }

    /// Wakes who has waited longest.
    pub fn notify_one(&self) {
        self.notify(1);
    }

    /// Wakes everyone who waits.
    pub fn notify_all(&self) {
        self.notify(usize::MAX);
    }

    fn notify(&self, most: usize) {
        let mut waiting = self.lock();
        let n = waiting.wakers.len().min(most);
        let notified: Vec<_> = waiting.wakers.drain(..n).collect();
        drop(waiting);
        let wakers = notified.into_iter().filter_map(|(_, waker)| waker);
        wakers.for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").finish_non_exhaustive()
    }
}
