//! Whoever can go on does; when nobody can, time goes by.

use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use super::state::{Body, Task};
use super::threads::Runs;
use super::{Stopped, Time};

enum Turn {
    Here,
    Task(u64, Task),
}

impl Time {
    /// Runs all tasks and threads until this future is ready, or [`Stopped`] says why it can't become so. What
    /// is not done by then goes on with the next call.
    ///
    /// # Panics
    ///
    /// With the panic of a task or a thread.
    pub fn run<T>(&self, future: impl Future<Output = T>) -> Result<T, Stopped> {
        let _runs = Runs::new(self);
        let mut future = pin!(future);
        let me = self.lock().add("main".into(), Body::Here);
        let waker = self.waker(me);
        let result = loop {
            match self.next(me) {
                Ok(Turn::Here) => {
                    if let Poll::Ready(output) =
                        future.as_mut().poll(&mut Context::from_waker(&waker))
                    {
                        break Ok(output);
                    }
                }
                Ok(Turn::Task(id, mut task)) => {
                    let waker = self.waker(id);
                    let is_over = task
                        .as_mut()
                        .poll(&mut Context::from_waker(&waker))
                        .is_ready();
                    let mut state = self.lock();
                    match state.actors.get_mut(&id) {
                        Some(actor) if !is_over => actor.body = Body::Task(Some(task)),
                        _ => {
                            // It is cancelled, perhaps by itself.
                            state.remove(id);
                            drop(state);
                            drop(task);
                        }
                    }
                }
                Err(stopped) => break Err(stopped),
            }
        };
        self.lock().remove(me);
        result
    }

    /// Who goes on next, after the threads whose turn comes before: they have had it when this returns.
    fn next(&self, me: u64) -> Result<Turn, Stopped> {
        let mut state = self.lock();
        loop {
            if let Some(panic) = state.panic.take() {
                drop(state);
                resume_unwind(panic);
            }
            if let Some(id) = state.choose(me) {
                state.count(id)?;
                let actor = state.actors.get_mut(&id).expect("who is chosen is there");
                match &mut actor.body {
                    Body::Here => return Ok(Turn::Here),
                    Body::Task(task) => {
                        return Ok(Turn::Task(id, task.take().expect("who is chosen is whole")));
                    }
                    Body::Thread(thread) => {
                        let thread = thread.clone();
                        state = self.give_turn(state, id, thread.as_ref())?;
                    }
                }
                continue;
            }
            // Nothing can happen before some time has gone by.
            let keepers = state.keepers.clone();
            drop(state);
            let kept = keepers.iter().filter_map(|keeper| keeper()).min();
            state = self.lock();
            if state.choosable(me).next().is_some() {
                continue;
            }
            let timer = state.timers.first_key_value().map(|((at, _), _)| *at);
            let next = timer.into_iter().chain(kept).min();
            let Some(next) = next.filter(|next| *next <= state.limit) else {
                return Err(state.hang(me));
            };
            // A keeper that is due has been called: it wants no time to go by, which would be for ever.
            let least = state.elapsed + Duration::from_millis(u64::from(timer != Some(next)));
            state.elapsed = next.max(least);
            state.looks = 0;
            let later = (state.elapsed, u64::MAX);
            let later = state.timers.split_off(&later);
            let due = std::mem::replace(&mut state.timers, later);
            drop(state); // a waker may be anybody's
            due.into_values().for_each(Waker::wake);
            state = self.lock();
        }
    }

    pub(super) fn waker(&self, id: u64) -> Waker {
        struct ActorWaker(Time, u64);
        impl Wake for ActorWaker {
            fn wake(self: Arc<Self>) {
                self.0.lock().wake(self.1);
            }
        }
        Arc::new(ActorWaker(self.clone(), id)).into()
    }

    #[cfg(feature = "driver")]
    pub(super) fn keep(&self, keeper: impl Fn() -> Option<Duration> + Send + Sync + 'static) {
        self.lock().keepers.push(Arc::new(keeper));
    }
}
