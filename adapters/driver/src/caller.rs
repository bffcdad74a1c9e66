//! What a caller does: asks the machine, and waits if it is told to. Written once: in async code it is
//! awaited, in blocking code a thread is parked on it.

use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use simacan_auth::{Authorization, Machine, Pending, Sent, Timestamp};

use crate::carrier;
use crate::driver::Wait;
use crate::error::Error;
use crate::session::{SECOND, Session, Task};

/// What a look at the machine gives.
enum Look {
    Go(Sent),
    /// For so long at most, or until woken.
    Wait(Pending, Duration),
}

impl Session {
    /// Asks until there is a token on the request, or it is certain that there is none, or its time is over.
    /// What can be sent only once waits for a better token than one that is about to end, if it can.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        mut pending: Option<Pending>,
        wait: Wait,
        mut question: impl FnMut(&mut Machine, Timestamp, Pending) -> Authorization,
    ) -> Result<Sent, Error> {
        let timeout = wait
            .timeout
            .unwrap_or(Duration::MAX)
            .min(self.token_timeout);
        let deadline = self.process.monotonic().saturating_add(timeout);
        let mut is_once = wait.is_once && pending.is_none();
        loop {
            self.check_process()?; // before the wakeup, which has a lock, too
            // Before looking, so that nothing is missed in between.
            let woken = self.woken.listen();
            let (given_back, longest) = match self.look(pending, is_once, &mut question)? {
                Look::Go(sent) => return Ok(sent),
                Look::Wait(pending, longest) => (pending, longest),
            };
            pending = Some(given_back);
            let left = deadline.saturating_sub(self.process.monotonic());
            let waited = if left.is_zero() {
                Err(self.timed_out(timeout))
            } else {
                self.wait(woken, longest.min(left)).await
            };
            if let Err(error) = waited
                && !mem::take(&mut is_once)
            {
                return Err(error);
            }
        }
    }

    fn look(
        self: &Arc<Self>,
        pending: Option<Pending>,
        is_once: bool,
        question: impl FnOnce(&mut Machine, Timestamp, Pending) -> Authorization,
    ) -> Result<Look, Error> {
        let now = self.now();
        let mut shared = self.lock();
        let pending = pending.unwrap_or_default();
        shared.note_end();
        let mut ending = None;
        let authorization = match question(&mut shared.machine, now, pending) {
            Authorization::Ready(sent)
                if is_once && !carrier::is_here() && shared.is_ending(now) =>
            {
                ending = Some(sent);
                Authorization::Wait(Pending::new())
            }
            authorization => authorization,
        };
        self.cached.keep(shared.machine.cached_bearer());
        let answer = match authorization {
            Authorization::Ready(sent) => Ok(Look::Go(sent)),
            Authorization::Denied(denied) => Err(denied.into()),
            Authorization::Foreign(foreign) => Err(foreign.into()),
            Authorization::Wait(pending) => {
                let longest = self.watch(&mut shared).min(SECOND);
                if let Err(error) = self.ensure_carrier(shared, now, true) {
                    return ending.map(Look::Go).ok_or(error);
                }
                if carrier::is_here() {
                    return Err(Error::InCallback);
                }
                return Ok(Look::Wait(pending, longest));
            }
        };
        // What is due is done, and this caller does not wait for it: if it can't be, the next one hears of it.
        let _ = self.ensure_carrier(shared, now, false);
        answer
    }

    fn timed_out(&self, after: Duration) -> Error {
        let now = self.now();
        let mut shared = self.lock();
        let task = shared.carrier.map(|carrier| carrier.task.as_str());
        let provider = shared.machine.provider();
        Error::TimedOut {
            origin: provider
                .map_or_else(String::new, |provider| provider.auth_origin().to_string()),
            after,
            waited_for: task.unwrap_or("the next attempt is not due yet"),
            failure: shared.machine.health(now).failure,
        }
    }

    /// Waits until nothing is under way and all is saved. Whether that is so by now.
    pub(crate) async fn settle(self: &Arc<Self>, timeout: Duration) -> bool {
        let deadline = self.process.monotonic().saturating_add(timeout);
        while let Ok(settled) = self.check_process().map(|()| self.settled.listen()) {
            let Some(longest) = self.until_settled() else {
                return true;
            };
            let left = deadline.saturating_sub(self.process.monotonic());
            if left.is_zero() || carrier::is_here() {
                return false;
            }
            if self.wait(settled, longest.min(left)).await.is_err() {
                return false;
            }
        }
        false
    }

    /// How long to wait at most until one looks again; `None` if nothing is under way.
    fn until_settled(self: &Arc<Self>) -> Option<Duration> {
        let now = self.now();
        let mut shared = self.lock();
        if shared.carrier.is_none() && !shared.wants(now) && shared.machine.is_saved() {
            return None;
        }
        let longest = self.watch(&mut shared).min(SECOND);
        let _ = self.ensure_carrier(shared, now, true);
        Some(longest)
    }

    /// What the drop of the last client waits for: that what is in flight is saved, or that the store is let
    /// go. Not for a callback, nor for a carrier that is given up, nor for a thread if nothing is to be saved.
    /// It needs no time-keeper: it blocks, and looks once a second.
    pub(crate) async fn end(self: &Arc<Self>) {
        let deadline = self.process.monotonic().saturating_add(self.drop_timeout);
        loop {
            let listener = self.settled.listen();
            let is_busy = {
                let shared = self.lock();
                shared.carrier.is_some_and(|carrier| match carrier.task {
                    Task::Start => !shared.machine.is_saved(),
                    Task::Tell | Task::Credentials => false,
                    Task::Store | Task::Exchange => true,
                })
            };
            if !is_busy || self.process.monotonic() >= deadline {
                return;
            }
            self.until(listener, deadline).await;
        }
    }

    /// Until the wakeup rings, but no longer than this. Async callers have no timer but the time-keeper.
    async fn wait(
        self: &Arc<Self>,
        listener: impl Future<Output = ()>,
        longest: Duration,
    ) -> Result<(), Error> {
        let end = self.process.monotonic().saturating_add(longest);
        self.schedule(&mut self.lock(), end)?;
        self.until(listener, end).await;
        Ok(())
    }

    async fn until(&self, listener: impl Future<Output = ()>, end: Duration) {
        let mut listener = pin!(listener);
        std::future::poll_fn(|context| match listener.as_mut().poll(context) {
            Poll::Pending if self.process.monotonic() < end => Poll::Pending,
            _ => Poll::Ready(()),
        })
        .await;
    }
}
