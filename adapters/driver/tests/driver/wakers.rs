//! Wakers are an executor's, and what they do is its own affair.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

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
