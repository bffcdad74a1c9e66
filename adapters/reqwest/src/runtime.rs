//! What the driver needs of a runtime: tokio, or with `--cfg shuttle` the checker that tries the
//! interleavings of its tasks.

use std::time::Duration;

#[cfg(shuttle)]
pub(crate) use checked::Notify;
#[cfg(shuttle)]
pub(crate) use shuttle::sync::{Mutex, MutexGuard};
#[cfg(not(shuttle))]
pub(crate) use std::sync::{Mutex, MutexGuard};
#[cfg(not(shuttle))]
pub(crate) use tokio::sync::Notify;

/// Lets the task live as long as the runtime, and no longer.
pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    #[cfg(not(shuttle))]
    tokio::spawn(task);
    #[cfg(shuttle)]
    drop(shuttle::future::spawn(task));
}

/// In a thread where blocking is allowed. `None` if the runtime is shut down, or after a panic.
pub(crate) async fn blocking<T: Send + 'static>(
    operate: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    #[cfg(not(shuttle))]
    return tokio::task::spawn_blocking(operate).await.ok();
    #[cfg(shuttle)]
    return Some(operate());
}

/// Until woken, but no longer than this. The checker never gives up, so that it finds a wake-up that is
/// lost.
pub(crate) async fn wait(longest: Duration, woken: impl Future<Output = ()>) {
    #[cfg(not(shuttle))]
    let _ = tokio::time::timeout(longest, woken).await;
    #[cfg(shuttle)]
    {
        let _ = longest;
        woken.await;
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
