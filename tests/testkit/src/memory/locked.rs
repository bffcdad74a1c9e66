//! What the store does at each step.

use std::panic::resume_unwind;
use std::sync::MutexGuard;
use std::time::Duration;

use simacan_auth::{LockRequest, LockedStore, SessionStore, StoreFailure, Timestamp, Zeroizing};

use super::{Done, Holder, Lock, MemoryStore, Place, StoreFault, StoreStep};

impl MemoryStore {
    /// What is left to go wrong once the step is done.
    fn begin(&self, step: StoreStep) -> Result<Option<StoreFault>, StoreFailure> {
        (self.shared.before)(step);
        let mut place = self.place();
        place.steps.push((self.process, step));
        let next = place.script[step as usize].pop_front();
        let fault = next.unwrap_or_else(|| place.always[step as usize].clone());
        match fault {
            Some(StoreFault::Fails(failure)) => return Err(failure),
            Some(StoreFault::Slow(time)) => {
                drop(place);
                let _ = self.wait_while(time, |_| true);
            }
            Some(StoreFault::Hangs) => {
                place.hanging += 1;
                let goes_on = place.releases + 1;
                drop(place);
                let still = |place: &Place| place.releases < goes_on;
                if let Some(mut place) = self.wait_while(Duration::MAX, still) {
                    place.hanging -= 1;
                }
            }
            Some(StoreFault::Panics) => {
                drop(place);
                if step == StoreStep::Save {
                    (self.shared.watch)(self.process, Done::SaveFailed);
                }
                resume_unwind(Box::new("a panic by script")) // without a message on the terminal
            }
            Some(StoreFault::LockLost) if step != StoreStep::Lock => self.free(&mut place),
            at_its_end => return Ok(at_its_end),
        }
        Ok(None)
    }

    /// Does it at once, between the faults that strike before and after.
    fn step<T>(
        &self,
        step: StoreStep,
        act: impl FnOnce(&mut Place) -> Result<T, StoreFailure>,
    ) -> Result<T, StoreFailure> {
        let late = self.begin(step)?;
        let done = act(&mut self.place())?;
        late.map_or(Ok(done), |_| Err(answer_lost()))
    }

    /// `None` if it is so for all that time. Whoever has waited long looks seldom.
    fn wait_while(
        &self,
        limit: Duration,
        is_so: impl Fn(&Place) -> bool,
    ) -> Option<MutexGuard<'_, Place>> {
        const SHORTEST: Duration = Duration::from_millis(1);
        let began = (self.shared.elapsed)();
        loop {
            let place = self.place();
            if !is_so(&place) {
                return Some(place);
            }
            drop(place);
            let waited = (self.shared.elapsed)().saturating_sub(began);
            let rest = limit.saturating_sub(waited);
            if rest.is_zero() {
                return None;
            }
            (self.shared.sleep)(rest.min(SHORTEST.max(waited / 8)));
        }
    }
}

fn answer_lost() -> StoreFailure {
    StoreFailure::unreachable("the answer was lost")
}

impl SessionStore for MemoryStore {
    fn lock(&self, request: LockRequest) -> Result<Box<dyn LockedStore>, StoreFailure> {
        let late = self.begin(StoreStep::Lock)?;
        let is_held = |place: &Place| {
            let lock = place.lock.as_ref();
            lock.is_some_and(|lock| {
                lock.runs_out
                    .is_none_or(|end| (self.shared.elapsed)() < end)
            })
        };
        let free = self.wait_while(request.patience, is_held);
        let mut place = free.ok_or(StoreFailure::Locked)?;
        let taken = (self.shared.elapsed)();
        place.locks += 1;
        let number = place.locks;
        let lost = late == Some(StoreFault::AnswerLost);
        place.lock = (late != Some(StoreFault::LockLost)).then(|| Lock {
            number,
            holder: Holder {
                process: self.process,
                since: self.now(),
            },
            taken,
            runs_out: lost.then(|| taken.saturating_add(request.hold)),
        });
        if lost {
            return Err(answer_lost());
        }
        (self.shared.watch)(self.process, Done::Locked);
        if place.lock.is_none() {
            (self.shared.watch)(self.process, Done::Unlocked);
        }
        let (store, hold) = (self.clone(), request.hold);
        Ok(Box::new(Locked {
            store,
            number,
            hold,
        }))
    }

    fn look(&self) -> Result<Option<Zeroizing<Vec<u8>>>, StoreFailure> {
        let look = |place: &mut Place| Ok(place.record.clone().map(Zeroizing::new));
        self.step(StoreStep::Look, look)
    }
}

struct Locked {
    store: MemoryStore,
    number: u64,
    hold: Duration,
}

impl Locked {
    /// The lock, if it has not been lost.
    fn own<'a>(&self, place: &'a mut Place) -> Option<&'a mut Lock> {
        place
            .lock
            .as_mut()
            .filter(|lock| lock.number == self.number)
    }

    fn tell(&self, done: Done<'_>) {
        (self.store.shared.watch)(self.store.process, done);
    }

    fn fenced(&self, step: StoreStep, act: impl FnOnce(&mut Place)) -> Result<(), StoreFailure> {
        self.store.step(step, |place| {
            self.own(place).ok_or(StoreFailure::Superseded)?;
            act(place);
            Ok(())
        })
    }
}

impl LockedStore for Locked {
    fn load(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, StoreFailure> {
        let load = |place: &mut Place| Ok(place.record.clone().map(Zeroizing::new));
        self.store.step(StoreStep::Load, load)
    }

    fn save(&mut self, session: &[u8]) -> Result<(), StoreFailure> {
        let mut is_saved = false;
        let saved = self.fenced(StoreStep::Save, |place| {
            place.record = Some(session.to_vec());
            is_saved = true;
            self.tell(Done::Saved(session));
        });
        if !is_saved {
            self.tell(Done::SaveFailed);
        }
        saved
    }

    fn renew(&mut self) -> Result<(), StoreFailure> {
        self.fenced(StoreStep::Renew, |_| ())
    }

    fn mark(&mut self, until: Timestamp) -> Result<(), StoreFailure> {
        self.fenced(StoreStep::Mark, |place| {
            place.mark = Some(until);
            self.tell(Done::Marked);
        })
    }

    fn marked(&mut self) -> Result<Option<Timestamp>, StoreFailure> {
        let now = self.store.now();
        let marked = |place: &mut Place| Ok(place.mark.filter(|until| *until > now));
        self.store.step(StoreStep::Marked, marked)
    }

    fn unlock(self: Box<Self>) -> Result<(), StoreFailure> {
        let late = self.store.begin(StoreStep::Unlock).inspect_err(|_| {
            let mut place = self.store.place();
            self.store.note_hold(&mut place);
            if let Some(lock) = self.own(&mut place) {
                let now = (self.store.shared.elapsed)();
                lock.runs_out = Some(now.saturating_add(self.hold));
                self.tell(Done::Unlocked);
            }
        })?;
        late.map_or(Ok(()), |_| Err(answer_lost()))
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        let mut place = self.store.place();
        let own = self.own(&mut place);
        if own.is_some_and(|lock| lock.runs_out.is_none()) {
            self.store.free(&mut place);
        }
    }
}
