//! What the driver needs of a runtime: tokio, or with `--cfg shuttle` the checker that tries the
//! interleavings of its tasks.

use std::time::Duration;

#[cfg(shuttle)]
pub(crate) use checked::Notify;
#[cfg(shuttle)]
pub(crate) use shuttle::future::JoinHandle;
#[cfg(shuttle)]
pub(crate) use shuttle::sync::{Mutex, MutexGuard};
#[cfg(not(shuttle))]
pub(crate) use std::sync::{Mutex, MutexGuard};
#[cfg(not(shuttle))]
pub(crate) use tokio::{sync::Notify, task::JoinHandle};

/// Lets the task live as long as the runtime, and no longer.
pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    #[cfg(not(shuttle))]
    return tokio::spawn(task);
    #[cfg(shuttle)]
    return shuttle::future::spawn(task);
}

/// In a thread where blocking is allowed. `None` after so long, after a panic, and if the runtime is shut
/// down.
pub(crate) async fn blocking<T: Send + 'static>(
    longest: Duration,
    operate: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    #[cfg(not(shuttle))]
    return wait(longest, tokio::task::spawn_blocking(operate))
        .await?
        .ok();
    #[cfg(shuttle)]
    return wait(longest, shuttle::future::spawn(async { operate() }))
        .await?
        .ok();
}

/// The same, without waiting for it.
pub(crate) fn leave_alone(operate: impl FnOnce() + Send + 'static) {
    #[cfg(not(shuttle))]
    drop(tokio::task::spawn_blocking(operate));
    #[cfg(shuttle)]
    operate();
}

/// Waits for it, but no longer than this. The checker never gives up, so that it finds a wake-up that is
/// lost.
pub(crate) async fn wait<T>(longest: Duration, awaited: impl Future<Output = T>) -> Option<T> {
    #[cfg(not(shuttle))]
    return tokio::time::timeout(longest, awaited).await.ok();
    #[cfg(shuttle)]
    {
        let _ = longest;
        return Some(awaited.await);
    }
}

#[cfg(shuttle)]
mod checked {
    use shuttle::thread;
    use tokio::sync::futures::Notified;

    /// tokio's, where another task may go on before each call.
    #[derive(Default)]
    pub(crate) struct Notify(tokio::sync::Notify);

    impl Notify {
        pub(crate) fn notified(&self) -> Notified<'_> {
            thread::yield_now();
            self.0.notified()
        }

        pub(crate) fn notify_waiters(&self) {
            thread::yield_now();
            self.0.notify_waiters();
        }
    }
}
