//! Waiting for a time.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::Time;

impl Time {
    /// Waits until so much time has gone by, and others had a turn. Dropped before, it leaves no timer.
    pub fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send + use<> {
        self.sleep_until(self.elapsed().saturating_add(duration))
    }

    /// Waits until so much time has gone by since the beginning.
    pub fn sleep_until(&self, at: Duration) -> impl Future<Output = ()> + Send + use<> {
        let id = self.lock().new_id();
        let time = self.clone();
        Sleep {
            time,
            key: (at, id),
            has_waited: false,
        }
    }

    /// Waits for a future, and returns what it gives, or `None` if it takes longer than this; it is dropped then.
    pub async fn timeout<T>(
        &self,
        longest: Duration,
        future: impl Future<Output = T>,
    ) -> Option<T> {
        let (mut future, mut sleep) = (pin!(future), pin!(self.sleep(longest)));
        std::future::poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => sleep.as_mut().poll(context).map(|()| None),
        })
        .await
    }
}

struct Sleep {
    time: Time,
    key: (Duration, u64),
    has_waited: bool,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let has_waited = std::mem::replace(&mut self.has_waited, true);
        let waker = context.waker().clone();
        let mut state = self.time.lock();
        let is_over = self.key.0 <= state.elapsed;
        if is_over && has_waited {
            return Poll::Ready(());
        }
        let former = if is_over {
            Some(waker)
        } else {
            state.timers.insert(self.key, waker)
        };
        drop(state);
        former.into_iter().filter(|_| is_over).for_each(Waker::wake);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let waker = self.time.lock().timers.remove(&self.key);
        drop(waker);
    }
}
