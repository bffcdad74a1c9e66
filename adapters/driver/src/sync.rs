//! With `--cfg shuttle`, what the checker of interleavings has in place of the standard library's.

#[cfg(shuttle)]
pub(crate) use shuttle::{
    future::block_on,
    sync::{Mutex, MutexGuard},
    thread_local,
};
use std::time::Duration;
#[cfg(not(shuttle))]
pub(crate) use std::{
    sync::{Mutex, MutexGuard},
    thread_local,
};

#[cfg(not(shuttle))]
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    block_on_for(future, || None).expect("it has no end")
}

/// No time goes by there.
#[cfg(shuttle)]
pub(crate) fn block_on_for<F: Future>(
    future: F,
    _rest: impl Fn() -> Option<Duration>,
) -> Option<F::Output> {
    Some(block_on(future))
}

/// Parks this thread until the future is ready, or there is no rest of the time any more.
#[cfg(not(shuttle))]
pub(crate) fn block_on_for<F: Future>(
    future: F,
    rest: impl Fn() -> Option<Duration>,
) -> Option<F::Output> {
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{Context, Poll, Wake, Waker};
    use std::thread::{self, Thread};

    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let mut future = pin!(future);
    // Most have their answer at once: for those there is nothing to be made.
    if let Poll::Ready(output) = future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        return Some(output);
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(output);
        }
        // Whatever becomes of the time-keeper, who waits looks at the time once a second.
        let rest = rest().unwrap_or(Duration::from_secs(1));
        if rest.is_zero() {
            return None;
        }
        thread::park_timeout(rest);
    }
}

/// A panic under a lock leaves nothing half done: what moves there knows what an interruption means.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// `None` after a panic, which ends nothing but what it happened in.
pub(crate) fn caught<T>(run: impl FnOnce() -> T) -> Option<T> {
    let caught =
        |run: &mut dyn FnMut()| std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
    let (mut run, mut result) = (Some(run), None);
    if let Err(payload) = caught(&mut || result = run.take().map(|run| run())) {
        // Its drop is the user's, too.
        let mut payload = Some(payload);
        if let Err(another) = caught(&mut || drop(payload.take())) {
            std::mem::forget(another);
        }
    }
    result
}
