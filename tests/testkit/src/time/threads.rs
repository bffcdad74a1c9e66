//! Threads of the system, of which one at a time has the turn.

use std::cell::RefCell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use super::state::{Body, State, Task};
use super::{JoinHandle, Stopped, Time, join};

thread_local! {
    /// In which time this thread is, and which of its threads it is, if not the one that runs it.
    static CURRENT: RefCell<Option<(Time, Option<u64>)>> = const { RefCell::new(None) };
}

/// The time that this thread is in.
pub(super) fn current() -> Option<Time> {
    CURRENT.with_borrow(|current| Some(current.as_ref()?.0.clone()))
}

/// This thread runs the time, until this is dropped.
pub(super) struct Runs(Option<(Time, Option<u64>)>);

impl Runs {
    pub(super) fn new(time: &Time) -> Self {
        Self(CURRENT.replace(Some((time.clone(), None))))
    }
}

impl Drop for Runs {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// Wakes one wait of a thread. A thread that polls a future may wait for a lock in there, and what wakes it for
/// the lock is not to be taken for the future's wake-up, nor that one to get lost.
struct Woken(Time, u64, AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        let mut state = self.0.lock();
        self.2.store(true, Relaxed);
        state.wake(self.1);
    }
}

impl Time {
    /// Starts a thread, which goes on while something [runs](Self::run). One that is never done stays parked when the
    /// test is over.
    ///
    /// # Panics
    ///
    /// If the system has no thread to give.
    pub fn spawn_thread<T: Send + 'static>(
        &self,
        name: impl Into<String>,
        body: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let (sender, handle) = join::channel();
        let body = move || sender.send(body());
        let started = self.start_thread(name.into(), |_| body());
        started.expect("the system has a thread to give");
        handle
    }

    /// What blocks, in a task: here if this is a thread, else in one of its own.
    pub(crate) async fn spawn_blocking<T: Send + 'static>(
        &self,
        body: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        match self.own_thread() {
            Some(_) => body(),
            None => self.spawn_thread("a caller's thread", body).await,
        }
    }

    pub(super) fn start_task_thread(&self, name: String, mut task: Task) -> io::Result<u64> {
        let time = self.clone();
        let body = move |id| {
            time.block_on(std::future::poll_fn(|context| {
                let mut state = time.lock();
                if state.cancelled.contains(&id) {
                    return Poll::Ready(());
                }
                state.task_threads.insert(id, Some(context.waker().clone()));
                drop(state);
                task.as_mut().poll(context)
            }));
        };
        let id = self.start_thread(name, body)?;
        self.lock().task_threads.insert(id, None);
        Ok(id)
    }

    /// The body is told which thread it is.
    pub(super) fn start_thread(
        &self,
        name: String,
        body: impl FnOnce(u64) + Send + 'static,
    ) -> io::Result<u64> {
        let id = (self.lock()).add(name.clone(), Body::Thread(None));
        let time = self.clone();
        let life = move || {
            CURRENT.set(Some((time.clone(), Some(id))));
            time.await_turn(id);
            let ended = catch_unwind(AssertUnwindSafe(|| body(id)));
            let mut state = time.lock();
            state.remove(id);
            if let Err(panic) = ended {
                state.panic.get_or_insert(panic);
            }
            time.give_back(state);
        };
        let started = thread::Builder::new().name(name).spawn(life);
        let mut state = self.lock();
        match started {
            Ok(handle) => {
                // It is not its turn before somebody chooses it, and who chooses is here.
                if let Some(actor) = state.actors.get_mut(&id) {
                    actor.body = Body::Thread(Some(handle.thread().clone()));
                }
                Ok(id)
            }
            Err(error) => {
                state.remove(id);
                Err(error)
            }
        }
    }

    /// Waits for a future: in a [thread](Self::spawn_thread) of this time, which gives others the turn
    /// meanwhile; anywhere else it is [`run`](Self::run).
    ///
    /// # Panics
    ///
    /// Outside a thread of this time, if it can't come to its end.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        let Some(id) = self.own_thread() else {
            return self
                .run(future)
                .unwrap_or_else(|stopped| panic!("{stopped}"));
        };
        let mut future = pin!(future);
        let woken = Arc::new(Woken(self.clone(), id, AtomicBool::new(true)));
        let waker = Waker::from(woken.clone());
        loop {
            if woken.2.swap(false, Relaxed)
                && let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker))
            {
                return output;
            }
            let mut state = self.lock();
            if woken.2.load(Relaxed) {
                state.wake(id);
            }
            self.give_back(state);
            self.await_turn(id);
        }
    }

    fn give_back(&self, mut state: MutexGuard<'_, State>) {
        state.turn = None;
        drop(state);
        self.0.given_back.notify_one();
    }

    fn await_turn(&self, id: u64) {
        while self.lock().turn != Some(id) {
            thread::park();
        }
    }

    /// Until it gives back the turn.
    pub(super) fn give_turn<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        id: u64,
        thread: Option<&Thread>,
    ) -> Result<MutexGuard<'a, State>, Stopped> {
        state.turn = Some(id);
        thread.into_iter().for_each(Thread::unpark);
        // In slices: a machine that was suspended must not count as a thread that blocks.
        for _ in 0..20 {
            let slice = Duration::from_millis(500);
            let waited = (self.0.given_back).wait_timeout_while(state, slice, |s| s.turn.is_some());
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if state.turn.is_none() {
                return Ok(state);
            }
        }
        let name = (state.actors.get(&id)).map_or_else(String::new, |actor| actor.name.clone());
        let at = state.elapsed;
        Err(Stopped::Blocks { name, at })
    }

    /// Which of its threads this is.
    fn own_thread(&self) -> Option<u64> {
        CURRENT.with_borrow(|current| {
            let (time, id) = current.as_ref()?;
            id.filter(|_| Arc::ptr_eq(&time.0, &self.0))
        })
    }

    /// Others may go on before this thread does.
    pub(super) fn yield_now(&self) {
        let Some(id) = self.own_thread() else {
            return;
        };
        let mut state = self.lock();
        if !state.ready.is_empty() {
            state.wake(id);
            self.give_back(state);
            self.await_turn(id);
        }
    }
}
