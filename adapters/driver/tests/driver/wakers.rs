//! Wakers are an executor's, and what they do is its own affair.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use simacan_auth_driver::Driver;
use simacan_auth_driver::simacan_auth::{Config, Event, TransportFailure};
use simacan_auth_testkit::MemoryStore;

use crate::emulated::{Gate, World, eventually, settle};

/// As those of an executor that is gone, or whose queue is full.
struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        std::panic::resume_unwind(Box::new("nobody is there to be woken"));
    }
}

/// Neither the carrier nor the time-keeper, which is everybody's, ends of it.
#[test]
fn i6_a_waker_that_panics_is_its_own_executors_affair() {
    let (world, gate) = (World::new(), Gate::closed());
    let driver = world.settings().build(world.exchange_behind(&gate));
    let waker = Waker::from(Arc::new(Panics));
    let mut unlucky = pin!(driver.log_in());
    let mut poll = || unlucky.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(poll().is_pending());
    world.skip(1); // the time-keeper wakes it
    assert!(poll().is_pending());
    let caller = world.sending(&driver);
    gate.open(); // the carrier does
    eventually("the other is served", || caller.is_finished());
    caller.join().unwrap().unwrap();
    world.assert_exchanges(1, 0);
    assert!(matches!(poll(), Poll::Ready(Ok(_))));
}

/// Looks at once, in the thread that wakes.
struct LooksAtOnce(Driver, Mutex<mpsc::Sender<()>>);

impl Wake for LooksAtOnce {
    fn wake(self: Arc<Self>) {
        let _ = self.0.status();
        let _ = self.1.lock().unwrap().send(());
    }
}

/// Whoever is given up has others woken: not under the lock that they need.
#[test]
fn nobody_is_woken_under_the_lock() {
    let (world, gate, store) = (World::new(), Gate::closed(), MemoryStore::new());
    let settings = world.settings().store(store);
    let settings = settings.token_timeout(Duration::from_secs(600));
    let driver = settings.build(world.exchange_behind(&gate));
    let caller = world.sending(&driver);
    eventually("it hangs", || gate.waiting() == 1);
    let (sender, woken) = mpsc::channel();
    let waker = Waker::from(Arc::new(LooksAtOnce(driver.clone(), Mutex::new(sender))));
    let mut settled = pin!(driver.settle(Duration::from_secs(600)));
    let mut poll = || settled.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(poll().is_pending());
    let mut has_settled = false;
    world.pass_until("the exchange is given up", || {
        while woken.try_recv().is_ok() && !has_settled {
            has_settled = poll().is_ready(); // until it is tried again, nothing is under way
        }
        gate.waiting() == 2
    });
    gate.open();
    world.pass_until("the caller is served", || caller.is_finished());
    caller.join().unwrap().unwrap();
}

/// Gives up its task when it is woken, with the last client in it.
struct GivesUp(Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>);

impl Wake for GivesUp {
    fn wake(self: Arc<Self>) {
        drop(self.0.lock().unwrap().take());
    }
}

/// So the time-keeper is the last that has the session. What is dropped with it is the user's, and may block.
#[test]
fn the_time_keeper_waits_for_no_client_and_drops_nothing_of_a_users() {
    struct Named(Arc<Mutex<Option<String>>>);

    impl Drop for Named {
        fn drop(&mut self) {
            let name = thread::current().name().map(str::to_owned);
            *self.0.lock().unwrap() = name;
        }
    }

    for has_store in [false, true] {
        let (world, dropped_by) = (World::new(), Arc::default());
        let named = Named(Arc::clone(&dropped_by));
        let mut config = Config::default();
        config.backoff.first = Duration::from_secs(20);
        let mut settings = world.settings().config(config);
        if has_store {
            settings = settings.store(MemoryStore::new());
        }
        let driver = settings.build(move |_| {
            let _ = &named;
            Err(TransportFailure::timed_out())
        });
        let task = Arc::new(GivesUp(Mutex::default()));
        let waker = Waker::from(task.clone());
        let mut asked: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin({
            let driver = driver.clone();
            async move { drop(driver.log_in().await) }
        });
        let poll = |asked: &mut Pin<Box<dyn Future<Output = ()> + Send>>| {
            asked.as_mut().poll(&mut Context::from_waker(&waker))
        };
        assert!(poll(&mut asked).is_pending());
        let failed = |event: &Event| matches!(event, Event::AttemptFailed { .. });
        eventually("it has failed", || world.count(failed) == 1);
        settle(&driver);
        assert!(poll(&mut asked).is_pending());
        drop(driver);
        *task.0.lock().unwrap() = Some(asked);
        world.skip(1);
        assert!(task.0.lock().unwrap().is_none());
        eventually("it is gone", || dropped_by.lock().unwrap().is_some());
        let dropped_by = dropped_by.lock().unwrap();
        assert_eq!(dropped_by.as_deref(), Some("simacan-auth"));
    }
}
