//! Who lives in the time, and who of them goes on next.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, SystemTime};

use super::{Stopped, Waiting};
use crate::numbers::Numbers;

pub(super) struct State {
    pub(super) elapsed: Duration,
    /// What the time of day was at the beginning, with all that it was set by since.
    pub(super) epoch: SystemTime,
    pub(super) limit: Duration,
    pub(super) are_tasks_threads: bool,
    pub(super) numbers: Numbers,
    pub(super) timers: BTreeMap<(Duration, u64), Waker>,
    pub(super) actors: BTreeMap<u64, Actor>,
    pub(super) next_id: u64,
    /// Those who have been woken.
    pub(super) ready: Vec<u64>,
    pub(super) current: u64,
    /// The thread whose turn it is.
    pub(super) turn: Option<u64>,
    /// How often the clock was looked at since it moved.
    pub(super) looks: u32,
    pub(super) panic: Option<Box<dyn Any + Send>>,
    pub(super) keepers: Vec<Keeper>,
    /// Threads that are tasks, with what has them polled once they were; and those that are to be dropped.
    pub(super) task_threads: BTreeMap<u64, Option<Waker>>,
    pub(super) cancelled: BTreeSet<u64>,
}

/// Looks after what has timers of its own: does what is due, and says when there is more.
pub(super) type Keeper = Arc<dyn Fn() -> Option<Duration> + Send + Sync>;

pub(super) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Who lives in the time.
pub(super) struct Actor {
    pub(super) name: String,
    pub(super) rank: u64,
    /// When it had its last turn, and how many it has had then.
    pub(super) since: Duration,
    pub(super) turns: u32,
    pub(super) body: Body,
}

pub(super) enum Body {
    /// A future of the thread that runs it all.
    Here,
    /// `None` while it is polled.
    Task(Option<Task>),
    Thread(Option<std::thread::Thread>),
}

impl State {
    pub(super) fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    pub(super) fn add(&mut self, name: String, body: Body) -> u64 {
        let id = self.new_id();
        let actor = Actor {
            name,
            rank: self.numbers.below(u64::MAX),
            since: self.elapsed,
            turns: 0,
            body,
        };
        self.actors.insert(id, actor);
        self.ready.push(id);
        id
    }

    pub(super) fn remove(&mut self, id: u64) -> Option<Actor> {
        self.ready.retain(|ready| *ready != id);
        self.task_threads.remove(&id);
        self.cancelled.remove(&id);
        self.actors.remove(&id)
    }

    pub(super) fn wake(&mut self, id: u64) {
        if self.actors.contains_key(&id) && !self.ready.contains(&id) {
            self.ready.push(id);
        }
    }

    /// Of those who are ready. Where something runs within something that runs, the outer one has to wait.
    pub(super) fn choosable(&self, me: u64) -> impl Iterator<Item = u64> {
        let ready = self.ready.iter().copied();
        ready.filter(move |id| {
            (self.actors.get(id)).is_some_and(|actor| match &actor.body {
                Body::Here => *id == me,
                Body::Task(task) => task.is_some(),
                Body::Thread(_) => true,
            })
        })
    }

    /// Who ranks first, until ranks change, which they do now and then: what goes wrong only if somebody is held
    /// up for long is met with sooner than if all are alike.
    pub(super) fn choose(&mut self, me: u64) -> Option<u64> {
        let id = (self.choosable(me)).max_by_key(|id| self.actors[id].rank)?;
        self.ready.retain(|ready| *ready != id);
        if self.numbers.below(2) == 0 {
            let rank = self.numbers.below(u64::MAX);
            self.actors.get_mut(&id)?.rank = rank;
        }
        Some(id)
    }

    /// A turn of this one.
    pub(super) fn count(&mut self, id: u64) -> Result<(), Stopped> {
        const MOST: u32 = 100_000;
        self.current = id;
        let elapsed = self.elapsed;
        let actor = self.actors.get_mut(&id).expect("who is chosen is there");
        actor.turns = if actor.since == elapsed {
            actor.turns + 1
        } else {
            1
        };
        actor.since = elapsed;
        if actor.turns > MOST {
            return Err(self.spin(id));
        }
        Ok(())
    }

    pub(super) fn spin(&self, id: u64) -> Stopped {
        let name = self.actors.get(&id).map(|actor| actor.name.clone());
        Stopped::Spins {
            name: name.unwrap_or_else(|| "somebody outside".into()),
            at: self.elapsed,
        }
    }

    pub(super) fn hang(&self, me: u64) -> Stopped {
        let waiting = self.actors.iter().filter(|(id, _)| **id != me);
        let waiting = waiting.map(|(_, actor)| Waiting {
            name: actor.name.clone(),
            since: actor.since,
        });
        Stopped::Hangs {
            waiting: waiting.collect(),
            at: self.elapsed,
        }
    }
}
