//! Wakers are an executor's, and what they do is its own affair.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use simacan_auth_driver::Driver;

use crate::store::Store;
use crate::world::{Gate, World, eventually};

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
    let driver = world.settings().build({
        let (gate, exchange) = (gate.clone(), world.exchange());
        move |request| {
            gate.pass();
            exchange(request)
        }
    });
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
    let (world, gate, store) = (World::new(), Gate::closed(), Store::new(|_| Ok(())));
    let settings = world.settings().store(store);
    let settings = settings.token_timeout(Duration::from_secs(600));
    let driver = settings.build({
        let (gate, exchange) = (gate.clone(), world.exchange());
        move |request| {
            gate.pass();
            exchange(request)
        }
    });
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
