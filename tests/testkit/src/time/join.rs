//! What a task or a thread gives in the end.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use super::Time;

/// A future of what a task or a thread gives in the end. It may be dropped: they go on.
pub struct JoinHandle<T> {
    slot: Arc<Mutex<Slot<T>>>,
    task: Option<(Time, u64)>,
}

struct Slot<T> {
    output: Option<T>,
    waker: Option<Waker>,
}

pub(super) struct Sender<T>(Arc<Mutex<Slot<T>>>);

pub(super) fn channel<T>() -> (Sender<T>, JoinHandle<T>) {
    let slot = Arc::new(Mutex::new(Slot {
        output: None,
        waker: None,
    }));
    let handle = JoinHandle {
        slot: slot.clone(),
        task: None,
    };
    (Sender(slot), handle)
}

impl<T> Sender<T> {
    pub(super) fn send(self, output: T) {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slot.output = Some(output);
        let waker = slot.waker.take();
        drop(slot);
        waker.into_iter().for_each(Waker::wake);
    }
}

impl<T> JoinHandle<T> {
    pub(super) fn of_task(self, time: &Time, id: u64) -> Self {
        let task = Some((time.clone(), id));
        Self { task, ..self }
    }

    /// Returns whether the task or thread is done.
    pub fn is_finished(&self) -> bool {
        let slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        slot.output.is_some()
    }

    /// Drops the task where it is, as a caller that goes away. A [thread](Time::spawn_thread) goes on.
    pub fn cancel(self) {
        if let Some((time, id)) = self.task {
            time.cancel(id);
        }
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let waker = context.waker().clone();
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(output) = slot.output.take() {
            return Poll::Ready(output);
        }
        let former = slot.waker.replace(waker);
        drop(slot);
        drop(former);
        Poll::Pending
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("is_finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}
