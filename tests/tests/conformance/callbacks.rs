//! Callbacks of the user's that panic at any point, or use the client themselves.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use simacan_auth::{Credentials, Status};

use crate::platform::{PATIENCE, USERNAME, WRONG_PASSWORD, World, assert_accepted, within};
use crate::subject::{Plan, Subject};

conformance! {
    i6_i14_a_clock_that_panics_at_any_point_costs_nothing,
    i6_i14_a_callback_that_panics_at_any_point_costs_nothing,
    i6_callbacks_may_look_at_the_client,
}

/// Goes off in the nth call after it was armed.
#[derive(Clone, Default)]
struct Bomb(Arc<AtomicUsize>);

impl Bomb {
    fn arm(&self, n: usize) {
        self.0.store(n, Ordering::SeqCst);
    }

    /// Whether it had gone off by then.
    fn disarm(&self) -> bool {
        self.0.swap(0, Ordering::SeqCst) == 0
    }

    fn tick(&self) {
        let less = |n: usize| n.checked_sub(1);
        let before = self
            .0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
        if before == Ok(1) {
            // Not a panic with a message, which would clutter the output of a test that succeeds.
            std::panic::resume_unwind(Box::new("a callback that panics"));
        }
    }
}

/// The first caller meets a panic, which in a task is nobody's matter; the others are served at once, long
/// before anyone could think that an exchange takes too long. All share one exchange all the same: what was
/// received is not lost. For each point at which there can be a panic.
fn others_go_on<S: Subject>(with: impl Fn(Plan, Bomb) -> Plan) {
    for is_logged_in in [false, true] {
        let mut n = 1;
        loop {
            let (world, bomb) = (World::new(), Bomb::default());
            let subject = S::build(with(world.plan(), bomb.clone()));
            if is_logged_in {
                subject.log_in().expect("logged in");
                world.forget();
                world.revoke();
            }
            bomb.arm(n);
            let first = AssertUnwindSafe(|| subject.send(world.post("/first", "first")));
            drop(catch_unwind(first));
            let has_gone_off = bomb.disarm();
            let outcomes = within(PATIENCE / 3, "callers after a panic", {
                let (subject, crowd) = (subject.clone(), world.crowd(20));
                move || subject.send_all(crowd)
            });
            assert_accepted(&outcomes);
            let refreshes = u64::from(is_logged_in);
            world.assert_exchanges(1 - refreshes, refreshes);
            if !has_gone_off {
                assert!(n > 2, "it is called");
                break;
            }
            n += 1;
        }
    }
}

fn i6_i14_a_clock_that_panics_at_any_point_costs_nothing<S: Subject>() {
    others_go_on::<S>(|plan, bomb| {
        let clock = plan.clock;
        Plan {
            clock: Box::new(move || {
                bomb.tick();
                clock()
            }),
            ..plan
        }
    });
}

fn i6_i14_a_callback_that_panics_at_any_point_costs_nothing<S: Subject>() {
    others_go_on::<S>(|plan, bomb| {
        let on_event = plan.on_event;
        Plan {
            on_event: Box::new(move |event| {
                on_event(event);
                bomb.tick();
            }),
            ..plan
        }
    });
}

/// Neither is called with a lock held.
fn i6_callbacks_may_look_at_the_client<S: Subject>() {
    let world = World::new();
    let itself = Arc::new(OnceLock::<S>::new());
    let look = {
        let itself = itself.clone();
        move || {
            let subject = itself.get().expect("nothing happens before it is built");
            assert_ne!(subject.status(), Status::Interrupted);
        }
    };
    let plan = world.plan();
    let (clock, look_too) = (plan.clock, look.clone());
    let plan = Plan {
        clock: Box::new(move || {
            look();
            clock()
        }),
        on_event: Box::new(move |_| look_too()),
        ..plan
    };
    // The callbacks keep their own client alive, so this leaks. Tests may.
    let subject = itself.get_or_init(|| S::build(plan)).clone();
    for _ in 0..2 {
        let (subject, crowd) = (subject.clone(), world.crowd(20));
        let outcomes = within(PATIENCE, "callbacks that look at the client", move || {
            subject.send_all(crowd)
        });
        assert_accepted(&outcomes);
        world.revoke();
    }
    subject.set_credentials(Credentials::new(USERNAME, WRONG_PASSWORD));
    world.assert_exchanges(1, 1);
}
