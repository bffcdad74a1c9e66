//! What a store asks of the driver.

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use simacan_auth::{
    ClientAuth, Config, Credentials, Event, LockedStore, Provider, SavedSession, SessionStore,
    StoreFailure,
};
use simacan_auth_ureq::Client;

#[derive(Default)]
struct Inner {
    is_locked: AtomicBool,
    saves: AtomicU32,
}

#[derive(Clone, Default)]
struct Panics(Arc<Inner>);

impl SessionStore for Panics {
    fn lock(&self, _: Duration) -> Result<Box<dyn LockedStore>, StoreFailure> {
        if self.0.is_locked.swap(true, Ordering::SeqCst) {
            return Err(StoreFailure::Locked);
        }
        Ok(Box::new(Locked(self.0.clone())))
    }
}

struct Locked(Arc<Inner>);

impl Drop for Locked {
    fn drop(&mut self) {
        self.0.is_locked.store(false, Ordering::SeqCst);
    }
}

impl LockedStore for Locked {
    fn load(&mut self) -> Result<Option<SavedSession>, StoreFailure> {
        Ok(None)
    }

    fn save(&mut self, _: &SavedSession) -> Result<(), StoreFailure> {
        assert_ne!(
            self.0.saves.fetch_add(1, Ordering::SeqCst),
            0,
            "the first save"
        );
        Ok(())
    }
}

fn two_attempts() -> Config {
    let mut config = Config::default();
    config.attempts = 2;
    config
}

/// A store's save panics while a password is announced: its carrier is gone, and so is the lock.
#[test]
fn no_exchange_starts_without_the_lock() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener); // nobody answers
    let provider = Provider::oauth2(
        format!("http://{address}/token"),
        ClientAuth::public("review"),
    )
    .allow_loopback_http()
    .build()
    .unwrap();
    let store = Panics::default();
    let (inner, started) = (store.0.clone(), Arc::new(Mutex::new(Vec::new())));
    let log = started.clone();
    let client = Client::builder(provider, Credentials::new("fleet", "p"))
        .store(store)
        .config(two_attempts())
        .on_event(move |event| {
            if matches!(event, Event::ExchangeStarted { .. }) {
                log.lock()
                    .unwrap()
                    .push(inner.is_locked.load(Ordering::SeqCst));
            }
        })
        .build();
    assert!(client.log_in().is_err()); // the second attempt, too: nobody answers
    assert_eq!(
        *started.lock().unwrap(),
        [true],
        "whether the lock was held"
    );
}
