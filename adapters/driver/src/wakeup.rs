//! One wake-up for threads that block and tasks that await.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::sync::{Mutex, caught, lock};

/// Wakes everyone who listens. One listens first and looks then, so that nothing is missed in between.
#[derive(Default)]
pub(crate) struct Wakeup(Mutex<Listeners>);

#[derive(Default)]
struct Listeners {
    wakes: u64,
    next_key: u64,
    wakers: BTreeMap<u64, Waker>,
}

impl Wakeup {
    pub(crate) fn wake_all(&self) {
        let mut listeners = lock(&self.0);
        listeners.wakes += 1;
        let wakers = std::mem::take(&mut listeners.wakers);
        drop(listeners);
        for waker in wakers.into_values() {
            // It is an executor's, which may be gone. The others are woken all the same.
            caught(|| waker.wake());
        }
    }

    /// Ready after the next [`wake_all`](Self::wake_all).
    pub(crate) fn listen(&self) -> Listener<'_> {
        Listener {
            wakeup: self,
            seen: lock(&self.0).wakes,
            key: None,
        }
    }
}

pub(crate) struct Listener<'a> {
    wakeup: &'a Wakeup,
    seen: u64,
    key: Option<u64>,
}

impl Future for Listener<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // Nothing of an executor's is called under the lock: a waker may be the last that holds a task.
        let waker = context.waker().clone();
        let mut listeners = lock(&self.wakeup.0);
        if listeners.wakes != self.seen {
            return Poll::Ready(());
        }
        let key = self.key.unwrap_or_else(|| {
            listeners.next_key += 1;
            listeners.next_key
        });
        let former = listeners.wakers.insert(key, waker);
        drop(listeners);
        self.key = Some(key);
        drop(former);
        Poll::Pending
    }
}

impl Drop for Listener<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            let former = lock(&self.wakeup.0).wakers.remove(&key);
            drop(former);
        }
    }
}
