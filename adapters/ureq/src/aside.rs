use std::time::Duration;

/// Does it in a thread of its own, so that one that never returns holds up nobody. `None` after so long,
/// and after a panic.
pub(crate) fn aside<T: Send + 'static>(
    longest: Duration,
    operate: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    #[cfg(not(shuttle))]
    {
        let (sender, receiver) = std::sync::mpsc::channel();
        let thread = std::thread::Builder::new().name("simacan-auth-store".into());
        // Whoever has waited for too long does not want it any more.
        let spawned = thread.spawn(move || drop(sender.send(operate())));
        spawned
            .ok()
            .and_then(|_| receiver.recv_timeout(longest).ok())
    }
    #[cfg(shuttle)]
    {
        let _ = longest; // it never gives up
        shuttle::thread::spawn(operate).join().ok()
    }
}

/// The same, without waiting for it.
pub(crate) fn leave_alone(operate: impl FnOnce() + Send + 'static) {
    #[cfg(not(shuttle))]
    drop(std::thread::Builder::new().spawn(operate));
    #[cfg(shuttle)]
    operate();
}
