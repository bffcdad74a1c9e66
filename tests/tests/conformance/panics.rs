//! Panics and standstills in what the user brings along: the others go on.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use ::ureq::middleware::MiddlewareNext;
use http::Request;
use simacan_auth::Event;
use simacan_auth_ureq::Body;

use crate::platform::{PATIENCE, World, assert_accepted, eventually, within};
use crate::subject::{Plan, Subject, Trouble, Ureq};

conformance! {
    i6_a_callback_that_panics_when_an_exchange_starts_holds_up_nobody,
    i6_a_callback_that_panics_when_an_exchange_ends_holds_up_nobody,
}

type Which = fn(&Event) -> bool;

/// A callback that panics the first time that it is told of such an event.
fn panicking_once(world: &World, which: Which) -> Plan {
    let plan = world.plan();
    let (inner, panicked) = (plan.on_event, AtomicBool::new(false));
    Plan {
        on_event: Box::new(move |event| {
            inner(event);
            if which(event) && !panicked.swap(true, Ordering::SeqCst) {
                // Not a panic with a message, which would clutter the output of a test that succeeds.
                std::panic::resume_unwind(Box::new("a callback that panics"));
            }
        }),
        ..plan
    }
}

/// Others are served at once: long before anyone could think that the exchange takes too long.
fn others_go_on<S: Subject>(which: Which) {
    let world = World::new();
    let subject = S::build(panicking_once(&world, which));
    // It hits whoever has drained the event; in a task that is nobody's matter.
    let first = catch_unwind(AssertUnwindSafe(|| {
        subject.send(world.post("/first", "first"))
    }));
    drop(first);
    let outcomes = within(PATIENCE / 3, "callers after a callback has panicked", {
        let (subject, crowd) = (subject.clone(), world.crowd(20));
        move || subject.send_all(crowd)
    });
    assert_accepted(&outcomes);
    assert!(world.events.count(which) > 0);
    let passwords = world.counters().passwords_received;
    assert!(passwords <= 2, "{passwords}");
}

fn i6_a_callback_that_panics_when_an_exchange_starts_holds_up_nobody<S: Subject>() {
    others_go_on::<S>(|event| matches!(event, Event::ExchangeStarted { .. }));
}

fn i6_a_callback_that_panics_when_an_exchange_ends_holds_up_nobody<S: Subject>() {
    others_go_on::<S>(|event| matches!(event, Event::LoggedIn { .. }));
}

struct Panicking;

impl Body for Panicking {
    type Send<'a> = &'a [u8];

    fn to_send(&mut self) -> io::Result<&[u8]> {
        std::panic::resume_unwind(Box::new("a body that panics"))
    }
}

struct Failing;

impl Body for Failing {
    type Send<'a> = &'a [u8];

    fn to_send(&mut self) -> io::Result<&[u8]> {
        Err(io::Error::other("a body that fails"))
    }
}

#[test]
fn a_body_that_panics_or_fails_is_its_senders_matter_alone() {
    let (world, subject) = World::around::<Ureq>();
    for _ in 0..3 {
        let request = Request::post(world.uri("/x")).body(Panicking).unwrap();
        assert!(catch_unwind(AssertUnwindSafe(|| subject.0.send(request))).is_err());
        let request = Request::post(world.uri("/x")).body(Failing).unwrap();
        let error = subject.0.send(request).unwrap_err();
        let trouble = Trouble::from(error);
        assert!(
            trouble.to_string().contains("a body that fails"),
            "{trouble}"
        );
        assert_accepted(&subject.send_all(world.crowd(20)));
        world.revoke();
    }
    world.assert_exchanges(1, 2);
}

/// Gives a few bytes and then panics.
struct Unlucky(&'static [u8]);

impl io::Read for Unlucky {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match io::Read::read(&mut self.0, buffer)? {
            0 => std::panic::resume_unwind(Box::new("a reader that panics")),
            n => Ok(n),
        }
    }
}

/// In the middle of its request, with the head and half of the body on their way.
#[test]
fn a_reader_that_panics_while_it_is_sent_is_its_senders_matter_alone() {
    let (world, subject) = World::around::<Ureq>();
    for _ in 0..3 {
        let body = ::ureq::SendBody::from_owned_reader(Unlucky(b"half of it"));
        let request = Request::post(world.uri("/x")).body(body).unwrap();
        assert!(catch_unwind(AssertUnwindSafe(|| subject.0.send_once(request))).is_err());
        assert_accepted(&subject.send_all(world.crowd(20)));
        world.revoke();
    }
    world.assert_exchanges(1, 2);
    let unhandled = |entry: &&simacan_auth_emulator::Entry| {
        matches!(entry.what, simacan_auth_emulator::What::Unhandled)
    };
    assert_eq!(world.entries().iter().filter(unhandled).count(), 0);
}

/// Which the user's agent brings along: before the request is sent, and with its 401 in hand.
#[test]
fn a_middleware_that_panics_is_its_senders_matter_alone() {
    for is_after in [false, true] {
        let world = World::new();
        let unlucky = Arc::new(AtomicBool::new(false));
        let agent = ::ureq::Agent::config_builder().proxy(None).middleware({
            let unlucky = unlucky.clone();
            move |request: Request<::ureq::SendBody<'_>>, next: MiddlewareNext<'_>| {
                let panics = || {
                    if unlucky.swap(false, Ordering::SeqCst) {
                        std::panic::resume_unwind(Box::new("a middleware that panics"));
                    }
                };
                if !is_after {
                    panics();
                }
                let answer = next.handle(request);
                panics();
                answer
            }
        });
        let builder = Ureq::builder(world.plan()).agent(agent.build().into());
        let subject = Ureq(builder.build().expect("a client"));
        assert_accepted(&subject.send_all(world.crowd(5)));
        world.revoke();
        unlucky.store(true, Ordering::SeqCst);
        let request = Request::post(world.uri("/x")).body("x").unwrap();
        assert!(catch_unwind(AssertUnwindSafe(|| subject.0.send(request))).is_err());
        world.assert_served(&subject, 20, (1, 1));
    }
}

/// The callback for events, in the middle of an early refresh, for which nobody waits.
#[test]
fn a_callback_that_panics_ends_nothing() {
    let world = World::new();
    let plan = panicking_once(&world, |event| {
        matches!(
            event,
            Event::ExchangeStarted {
                purpose: simacan_auth::Purpose::Refresh,
                ..
            }
        )
    });
    let subject = Ureq::build(plan);
    subject.log_in().unwrap();
    world.skip(crate::platform::REFRESH_IS_DUE);
    subject.log_in().unwrap();
    assert!(subject.settle());
    let refreshed = |event: &Event| matches!(event, Event::Refreshed { .. });
    assert_eq!(world.events.count(refreshed), 1);
    world.assert_exchanges(1, 1);
}

/// A callback for events does not return, in the thread that is about to make an exchange. Those who wait go on
/// without that after some seconds.
#[test]
fn i6_a_carrier_that_stands_still_does_not_freeze_the_others() {
    let world = World::new();
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(Some(released));
    let plan = world.plan();
    let inner = plan.on_event;
    // The clock looks at the client: a lock that were held by who reads it would be the end.
    let (clock, itself) = (plan.clock, Arc::new(OnceLock::<Ureq>::new()));
    let subject = Ureq::build(Plan {
        exchange_timeout: Duration::from_millis(200),
        clock: {
            let itself = itself.clone();
            Box::new(move || {
                let _ = itself.get().map(Ureq::status);
                clock()
            })
        },
        on_event: Box::new(move |event| {
            inner(event);
            if matches!(event, Event::ExchangeStarted { .. }) {
                let first = released.lock().unwrap().take();
                let _ = first.map(|released| released.recv_timeout(2 * PATIENCE));
            }
        }),
        ..plan
    });
    assert!(itself.set(subject.clone()).is_ok());
    let standing = thread::spawn({
        let (subject, request) = (subject.clone(), world.post("/standing", "standing"));
        move || subject.send(request)
    });
    eventually("the first exchange is started", || {
        world.events.exchanges() == 1
    });
    let outcomes = within(PATIENCE, "callers of an exchange that stands still", {
        let (subject, crowd) = (subject.clone(), world.crowd(20));
        move || subject.send_all(crowd)
    });
    assert_accepted(&outcomes);
    world.assert_exchanges(1, 0);
    assert_accepted(&[standing.join().unwrap()]);
    // When it goes on, its exchange is not made any more.
    drop(release);
    world.assert_served(&subject, 20, (1, 0));
}
