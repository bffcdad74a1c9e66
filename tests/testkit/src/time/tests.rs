use std::future::poll_fn;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::time::Duration;

use super::{Condvar, Stopped, Time};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn it_goes_by_when_nothing_else_can_happen() {
    let time = Time::new(1);
    let told = Arc::new(Mutex::new(Vec::new()));
    let sleeper = |name: &'static str, seconds: u32| {
        let (time, told) = (time.clone(), told.clone());
        move || {
            time.block_on(time.sleep(seconds * SECOND));
            told.lock().unwrap().push((name, time.elapsed()));
        }
    };
    let thread = time.spawn_thread("thread", sleeper("thread", 3));
    let task = time.spawn("task", {
        let (time, done) = (time.clone(), sleeper("task", 0));
        async move {
            time.sleep(5 * SECOND).await;
            done();
        }
    });
    time.run(async { (task.await, thread.await) }).unwrap();
    let told = told.lock().unwrap();
    assert_eq!(*told, [("thread", 3 * SECOND), ("task", 5 * SECOND)]);
}

#[test]
fn what_can_go_on_at_once_does_so_in_an_order_of_the_seed() {
    let order = |seed| {
        let time = Time::new(seed);
        let told = Arc::new(Mutex::new(Vec::new()));
        let tell = |n| {
            let told = told.clone();
            move || told.lock().unwrap().push(n)
        };
        let threads: Vec<_> = (0..4)
            .map(|n| time.spawn_thread("thread", tell(n)))
            .collect();
        let tasks: Vec<_> = (4..8)
            .map(tell)
            .map(|tell| time.spawn("task", async move { tell() }))
            .collect();
        let joined = async {
            for handle in threads.into_iter().chain(tasks) {
                handle.await;
            }
        };
        time.run(joined).unwrap();
        let told = told.lock().unwrap();
        told.clone()
    };
    assert_eq!(order(7), order(7));
    let others = (0..20).filter(|seed| order(*seed) != order(7)).count();
    assert!(others >= 19, "{others} of 20");
}

#[test]
fn who_is_never_woken_hangs_and_is_named_with_since_when() {
    let time = Time::new(1);
    time.spawn("caller 1", {
        let time = time.clone();
        async move {
            time.sleep(2 * SECOND).await;
            std::future::pending::<()>().await;
        }
    });
    let thread = time.spawn_thread("caller 2", move || {
        let never = super::Mutex::new(());
        drop(Condvar::new().wait(never.lock().unwrap()));
    });
    let stopped = time.run(thread).unwrap_err();
    assert_eq!(
        stopped.to_string(),
        "it hangs, after 2s: `caller 1` waits since 2s, `caller 2` waits since 0ns"
    );
}

#[test]
fn who_sets_a_timer_for_ever_hangs_at_the_limit() {
    let time = Time::new(1);
    time.set_limit(60 * SECOND);
    let clock = time.clone();
    time.spawn("again", async move {
        loop {
            clock.sleep(SECOND).await;
        }
    });
    let stopped = time.run(std::future::pending::<()>()).unwrap_err();
    assert!(matches!(stopped, Stopped::Hangs { .. }), "{stopped}");
    assert_eq!(time.elapsed(), 60 * SECOND);
}

#[test]
fn who_wakes_itself_again_and_again_spins() {
    let time = Time::new(1);
    let busy = time.spawn("busy", {
        poll_fn(|context| {
            context.waker().wake_by_ref();
            Poll::<()>::Pending
        })
    });
    let stopped = time.run(busy).unwrap_err();
    assert!(matches!(stopped, Stopped::Spins { name, .. } if name == "busy"));
}

#[test]
#[should_panic(expected = "`busy` spins")]
fn who_looks_at_the_clock_again_and_again_spins() {
    let time = Time::new(1);
    let clock = time.clone();
    let busy = time.spawn_thread("busy", move || while clock.elapsed() < SECOND {});
    let _ = time.run(busy);
}

#[test]
fn a_thread_that_blocks_in_something_else_is_named() {
    let time = Time::new(1);
    let (_sender, receiver) = mpsc::channel::<()>();
    let thread = time.spawn_thread("stuck", move || receiver.recv().is_ok());
    let stopped = time.run(thread).unwrap_err();
    assert!(matches!(stopped, Stopped::Blocks { name, .. } if name == "stuck"));
}

#[test]
#[should_panic(expected = "as it should")]
fn a_panic_of_a_thread_is_the_panic_of_the_run() {
    let time = Time::new(1);
    let thread = time.spawn_thread("thread", || panic!("as it should"));
    let _ = time.run(thread);
}

/// In the drop of a client, say.
#[test]
fn a_task_that_blocks_lets_others_go_on() {
    let time = Time::new(1);
    let clock = time.clone();
    let task = time.spawn("task", async move {
        let thread = clock.spawn_thread("thread", || 1);
        clock.block_on(thread)
    });
    assert_eq!(time.run(task).unwrap(), 1);
}

#[test]
fn a_cancelled_task_is_dropped_at_once_and_leaves_no_timer() {
    struct Bomb(Arc<Mutex<bool>>);
    impl Drop for Bomb {
        fn drop(&mut self) {
            *self.0.lock().unwrap() = true;
        }
    }
    let (time, gone) = (Time::new(1), Arc::new(Mutex::new(false)));
    let (clock, bomb) = (time.clone(), Bomb(gone.clone()));
    let task = time.spawn("task", async move {
        let _bomb = bomb;
        clock.sleep(60 * SECOND).await;
    });
    time.run(time.sleep(SECOND)).unwrap();
    task.cancel();
    assert!(*gone.lock().unwrap());
    let stopped = time.run(std::future::pending::<()>()).unwrap_err();
    assert_eq!(stopped.to_string(), "it hangs, after 1s");
}

#[test]
fn a_condition_is_waited_for_no_longer_than_that() {
    let time = Time::new(1);
    let shared = Arc::new((super::Mutex::new(()), Condvar::new()));
    let waits = |longest| {
        let shared = shared.clone();
        time.spawn_thread("waits", move || {
            let locked = shared.0.lock().unwrap();
            let (_locked, result) = shared.1.wait_timeout(locked, longest).unwrap();
            result.timed_out()
        })
    };
    let (short, long) = (waits(SECOND), waits(60 * SECOND));
    time.run(time.sleep(2 * SECOND)).unwrap();
    shared.1.notify_one();
    assert_eq!(
        time.run(async { (short.await, long.await) }).unwrap(),
        (true, false)
    );
    assert_eq!(time.elapsed(), 2 * SECOND);
}

/// Who looks under one lock and waits under the next misses what comes between.
#[test]
fn a_wake_up_that_is_lost_between_two_locks_is_found_by_some_seed() {
    let is_found = |seed| {
        let time = Time::new(seed);
        let shared = Arc::new((super::Mutex::new(false), Condvar::new()));
        let waits = time.spawn_thread("waits", {
            let shared = shared.clone();
            move || {
                let is_there = *shared.0.lock().unwrap();
                if !is_there {
                    drop(shared.1.wait(shared.0.lock().unwrap()));
                }
            }
        });
        time.spawn_thread("brings", move || {
            *shared.0.lock().unwrap() = true;
            shared.1.notify_all();
        });
        time.run(waits).is_err()
    };
    let found = (0..50).filter(|seed| is_found(*seed)).count();
    assert!((5..45).contains(&found), "{found} of 50");
}

/// Others go on, and the lock is not free for them.
#[test]
fn a_lock_that_is_held_where_its_thread_sleeps_is_waited_for() {
    let (time, shared) = (Time::new(1), Arc::new(super::Mutex::new(())));
    let holds = |seconds: u32| {
        let (time, shared) = (time.clone(), shared.clone());
        move || {
            let _locked = shared.lock().unwrap();
            time.block_on(time.sleep(seconds * SECOND));
            time.elapsed()
        }
    };
    let threads = [1, 2, 3].map(|n| time.spawn_thread("holds", holds(n)));
    for thread in threads {
        time.run(thread).unwrap();
    }
    assert_eq!(time.elapsed(), 6 * SECOND);
}

/// As on a runtime of many threads: there is a moment between looking and waiting.
#[test]
fn a_wake_up_that_a_task_loses_is_found_where_tasks_are_threads() {
    let is_found = |seed| {
        let time = Time::new(seed);
        time.set_tasks_are_threads(true);
        let shared = Arc::new((super::Mutex::new(false), tokio::sync::Notify::new()));
        let waits = time.spawn("waits", {
            let shared = shared.clone();
            async move {
                let is_there = *shared.0.lock().unwrap();
                if !is_there {
                    shared.1.notified().await;
                }
            }
        });
        time.spawn("brings", async move {
            *shared.0.lock().unwrap() = true;
            shared.1.notify_waiters();
        });
        time.run(waits).is_err()
    };
    let found = (0..200).filter(|seed| is_found(*seed)).count();
    assert!((3..100).contains(&found), "{found} of 200");
}

#[test]
fn a_cancelled_task_that_has_a_thread_is_dropped_when_it_has_its_turn() {
    let (time, alive) = (Time::new(1), Arc::new(()));
    time.set_tasks_are_threads(true);
    let held = alive.clone();
    let task = time.spawn("task", async move {
        std::future::pending::<()>().await;
        drop(held);
    });
    time.run(time.sleep(SECOND)).unwrap();
    task.cancel();
    time.run(time.sleep(SECOND)).unwrap();
    assert_eq!(Arc::strong_count(&alive), 1);
    assert_eq!(
        time.run(std::future::pending::<()>())
            .unwrap_err()
            .to_string(),
        "it hangs, after 2s"
    );
}

/// Waiting for a lock, or letting others go on there, uses up a turn of the thread, not the wake-up of the future.
#[test]
fn a_wake_up_that_comes_while_a_task_waits_for_a_lock_is_not_lost() {
    for seed in 0..200 {
        let time = Time::new(seed);
        time.set_tasks_are_threads(true);
        let shared = Arc::new(super::Mutex::new((false, None::<Waker>)));
        let other = Arc::new(super::Mutex::new(()));
        let waits = time.spawn("waits", {
            let (shared, other) = (shared.clone(), other.clone());
            poll_fn(move |context| {
                let mut state = shared.lock().unwrap();
                if state.0 {
                    return Poll::Ready(());
                }
                state.1 = Some(context.waker().clone());
                drop(state);
                drop(other.lock().unwrap());
                Poll::Pending
            })
        });
        time.spawn("brings", async move {
            let _held = other.lock().unwrap();
            let mut state = shared.lock().unwrap();
            state.0 = true;
            let waker = state.1.take();
            drop(state);
            waker.into_iter().for_each(Waker::wake);
        });
        let waited = time.run(waits);
        waited.unwrap_or_else(|stopped| panic!("{stopped} (seed {seed})"));
    }
}

#[test]
fn a_task_that_waits_for_a_lock_when_it_is_cancelled_is_dropped() {
    let (time, alive) = (Time::new(1), Arc::new(()));
    time.set_tasks_are_threads(true);
    let lock = Arc::new(super::Mutex::new(()));
    let task = time.spawn("task", {
        let (lock, held, time) = (lock.clone(), alive.clone(), time.clone());
        async move {
            time.sleep(SECOND).await;
            drop(lock.lock().unwrap());
            std::future::pending::<()>().await;
            drop(held);
        }
    });
    time.spawn("holds the lock", {
        let time = time.clone();
        async move {
            let _locked = lock.lock().unwrap();
            time.block_on(time.sleep(3 * SECOND));
        }
    });
    time.run(time.sleep(2 * SECOND)).unwrap();
    task.cancel();
    time.run(time.sleep(2 * SECOND)).unwrap();
    assert_eq!(Arc::strong_count(&alive), 1);
}
