//! Futures that are started, and dropped where they are.

use std::task::Waker;

use super::state::{Actor, Body};
use super::{JoinHandle, Time, join};

impl Time {
    /// Starts a task, which goes on while something [runs](Self::run), whether its handle is kept or not.
    ///
    /// # Panics
    ///
    /// If it needs a thread and the system has none to give.
    pub fn spawn<T: Send + 'static>(
        &self,
        name: impl Into<String>,
        future: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        let (sender, handle) = join::channel();
        let task = Box::pin(async move { sender.send(future.await) });
        let mut state = self.lock();
        if state.are_tasks_threads {
            drop(state);
            let id = self.start_task_thread(name.into(), task);
            return handle.of_task(self, id.expect("the system has a thread to give"));
        }
        let id = state.add(name.into(), Body::Task(Some(task)));
        handle.of_task(self, id)
    }

    /// Drops a task: at once, or when its own thread has its turn.
    pub(super) fn cancel(&self, id: u64) {
        let mut state = self.lock();
        let (task, waker) = match state.actors.get_mut(&id).map(|actor| &mut actor.body) {
            Some(Body::Task(_)) => (state.remove(id), None),
            Some(Body::Thread(_)) => {
                state.cancelled.insert(id);
                (None, state.task_threads.get(&id).cloned().flatten())
            }
            Some(Body::Here) | None => (None, None),
        };
        drop(state);
        drop(task);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Drops all tasks, whatever they wait for, as a runtime that is shut down. Threads stay as they are.
    pub fn drop_tasks(&self) {
        let state = self.lock();
        let is_task = |(id, actor): &(&u64, &Actor)| match actor.body {
            Body::Here => false,
            Body::Task(_) => true,
            Body::Thread(_) => state.task_threads.contains_key(*id),
        };
        let tasks: Vec<_> = (state.actors.iter())
            .filter(is_task)
            .map(|(id, _)| *id)
            .collect();
        drop(state);
        for id in tasks {
            self.cancel(id);
        }
    }
}
