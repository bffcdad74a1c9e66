//! Forked children, in a process that has no other tests: a lock that another thread holds at the fork is never
//! given free in the child, and that goes for the test harness's own, too.
#![cfg(unix)]
#![allow(dead_code, reason = "the world is that of other tests, too")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use simacan_auth_driver::simacan_auth::{Credentials, Provider, Status};
use simacan_auth_driver::{Driver, Error, block_on};
use simacan_auth_testkit::MemoryStore;

#[path = "driver/emulated.rs"]
mod emulated;

use emulated::{World, settle};

#[test]
fn what_a_forked_child_can_do() {
    a_forked_child_gets_a_typed_error();
    a_forked_child_waits_for_no_lock_of_its_parents();
    a_forked_child_may_make_clients_of_its_own();
}

/// Whatever the parent's other threads were doing just then.
fn a_forked_child_waits_for_no_lock_of_its_parents() {
    let world = World::new();
    let driver = world.driver();
    world.assert_sent(&driver);
    settle(&driver);
    let is_over = Arc::new(AtomicBool::new(false));
    let busy = thread::spawn({
        let (driver, is_over) = (driver.clone(), is_over.clone());
        move || {
            while !is_over.load(Ordering::SeqCst) {
                let _ = block_on(driver.log_in());
            }
        }
    });
    for _ in 0..100 {
        in_child(|| matches!(block_on(driver.log_in()), Err(Error::Forked)));
    }
    is_over.store(true, Ordering::SeqCst);
    busy.join().unwrap();
}

/// Although its parent's threads, which there are none of in the child, had their time-keeper.
fn a_forked_child_may_make_clients_of_its_own() {
    let settings = || Driver::settings(Provider::simacan(), Credentials::new("u", "p"));
    let parents = settings().stay_logged_in().build(World::new().exchange());
    block_on(parents.log_in()).expect("a token");
    let logs_in = || {
        struct Wakes(thread::Thread);

        impl Wake for Wakes {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }

        let settings = settings().token_timeout(Duration::from_millis(50));
        let driver = settings.build(|_| {
            loop {
                thread::park();
            }
        });
        // As an executor does, without a timer.
        let waker = Waker::from(Arc::new(Wakes(thread::current())));
        let mut asked = std::pin::pin!(driver.log_in());
        loop {
            match asked.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(answer) => return answer,
                Poll::Pending => thread::park(),
            }
        }
    };
    assert!(matches!(logs_in(), Err(Error::TimedOut { .. })));
    in_child(|| matches!(logs_in(), Err(Error::TimedOut { .. })));
}

/// Whether this is so in a forked child, which is ended if it hangs.
#[track_caller]
fn in_child(is_so: impl FnOnce() -> bool) {
    match fork::fork().expect("a child") {
        fork::Fork::Child => {
            thread::spawn(|| {
                thread::sleep(Duration::from_secs(10));
                std::process::exit(2);
            });
            std::process::exit(i32::from(!is_so()));
        }
        fork::Fork::Parent(child) => {
            let status = fork::waitpid(child).expect("its end");
            assert_eq!(status, 0, "how the child has ended");
        }
    }
}

fn a_forked_child_gets_a_typed_error() {
    let world = World::new();
    let driver = world
        .settings()
        .store(MemoryStore::new())
        .build(world.exchange());
    world.assert_sent(&driver);
    settle(&driver);
    let childs = driver.clone();
    // What this thread has cached goes on; all that needs the lock does not.
    in_child(move || {
        let is_typed = matches!(block_on(childs.log_in()), Err(Error::Forked))
            && childs.status() == Status::Interrupted
            && !block_on(childs.settle(Duration::from_secs(1)));
        drop(childs);
        is_typed
    });
    world.assert_sent(&driver);
    world.assert_exchanges(1, 0);
}
