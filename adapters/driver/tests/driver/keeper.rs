//! The time-keeper, and what is done without anybody who asks.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use simacan_auth_driver::simacan_auth::{Credentials, Provider, Status};
use simacan_auth_driver::{Driver, Error, Process, System, block_on};
use simacan_auth_testkit::MemoryStore;

use crate::emulated::{Gate, REFRESH_IS_DUE, World, ask, eventually, has_tokens, settle};

/// Nobody asks any more. What hangs is given up all the same, and the lock let go.
#[test]
fn who_stays_logged_in_gives_up_what_hangs() {
    let (world, gate, store) = (World::new(), Gate::default(), MemoryStore::new());
    let settings = world.settings().store(store.clone()).stay_logged_in();
    let driver = settings.build(world.exchange_behind(&gate));
    world.assert_sent(&driver);
    settle(&driver);
    gate.close();
    world.skip(REFRESH_IS_DUE);
    eventually("the refresh hangs", || gate.waiting() == 1);
    assert!(store.holder().is_some());
    world.pass_until("it is tried again", || gate.waiting() == 2);
    gate.open();
    world.pass_until("it has a new token", || {
        world.counters().refreshes_received > 0 && store.holder().is_none()
    });
}

/// Not even the last client is there any more.
#[test]
fn what_hangs_when_the_last_client_goes_is_given_up() {
    let (world, gate, store) = (World::new(), Gate::closed(), MemoryStore::new());
    let driver = world
        .settings()
        .store(store.clone())
        .build(world.exchange_behind(&gate));
    ask(&driver);
    eventually("it hangs", || gate.waiting() == 1);
    let dropping = thread::spawn(move || drop(driver));
    world.pass_until("it is dropped", || dropping.is_finished());
    assert!(store.holder().is_some());
    world.pass_until("the lock is let go", || store.holder().is_none());
    gate.open();
}

/// Nor does it end when there was no thread for a moment.
#[test]
fn who_stays_logged_in_does_so_after_a_thread_was_not_to_be_had() {
    let world = World::new();
    let settings = world.settings().stay_logged_in();
    let driver = settings.build(world.exchange());
    world.assert_sent(&driver);
    settle(&driver);
    world.give_no_threads(true);
    driver.set_credentials(Credentials::new("u", "another one"));
    world.give_no_threads(false);
    world.skip(REFRESH_IS_DUE);
    eventually("it has a new token", || {
        world.counters().refreshes_received == 1
    });
}

/// The system's threads and clocks, but for a time-keeper that can't be started at first, which takes a while
/// to turn out.
#[derive(Clone)]
struct Hesitant {
    started: Instant,
    gate: Gate,
    refuses: Arc<AtomicBool>,
    keepers: Arc<AtomicUsize>,
}

impl Hesitant {
    fn new() -> Self {
        Self {
            started: Instant::now(),
            gate: Gate::closed(),
            refuses: Arc::new(AtomicBool::new(true)),
            keepers: Arc::default(),
        }
    }
}

impl System for Hesitant {
    fn spawn(&self, name: &str, run: Box<dyn FnOnce() + Send>) -> io::Result<()> {
        if name == "simacan-time" {
            let refuses = self.refuses.load(Ordering::SeqCst);
            self.gate.pass();
            if refuses {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.keepers.fetch_add(1, Ordering::SeqCst);
        }
        thread::Builder::new()
            .name(name.into())
            .spawn(run)
            .map(drop)
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }

    fn time(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// One session's is not to be had, and another has relied on it.
#[test]
fn i6_nobody_relies_on_a_time_keeper_that_could_not_be_started() {
    let (world, system) = (World::new(), Hesitant::new());
    let process = Process::new(system.clone());
    let (hangs, refuses) = (Gate::closed(), system.refuses.clone());
    let driver = || {
        let settings = Driver::settings(Provider::simacan(), Credentials::new("u", "p"));
        let settings = settings.process(process.clone());
        let settings = settings.token_timeout(Duration::from_millis(100));
        let (hangs, exchange) = (hangs.clone(), world.exchange());
        settings.build(move |request| {
            hangs.pass();
            exchange(request)
        })
    };
    let (first, second) = (driver(), driver());
    let unlucky = thread::spawn(move || block_on(first.log_in()));
    eventually("it is being started", || system.gate.waiting() == 1);
    refuses.store(false, Ordering::SeqCst);
    let waits = thread::spawn({
        let second = second.clone();
        move || block_on(second.log_in())
    });
    thread::sleep(Duration::from_millis(100)); // it has asked for the time-keeper, too
    system.gate.open();
    assert!(unlucky.join().unwrap().is_err());
    assert!(waits.join().unwrap().is_err());
    // Who waits needs it.
    let _ = block_on(second.log_in());
    assert!(system.keepers.load(Ordering::SeqCst) > 0);
    hangs.open();
}

/// Who is told so and asks again has one.
#[test]
fn who_stays_logged_in_has_a_time_keeper_as_soon_as_there_is_one() {
    let (world, system) = (World::new(), Hesitant::new());
    system.gate.open();
    let settings = Driver::settings(Provider::simacan(), Credentials::new("u", "p"));
    let settings = settings.process(Process::new(system.clone()));
    let driver = settings.stay_logged_in().build(world.exchange());
    let told = block_on(driver.log_in());
    assert!(matches!(told, Err(Error::NoThread(_))), "{told:?}");
    eventually("it is logged in all the same", || {
        matches!(driver.status(), Status::Authenticated { .. })
    });
    system.refuses.store(false, Ordering::SeqCst);
    assert!(block_on(driver.settle(Duration::from_secs(10))));
    block_on(driver.log_in()).expect("a token");
    assert_eq!(system.keepers.load(Ordering::SeqCst), 1);
}

/// It has the wakeup.
#[test]
fn i14_the_last_client_waits_for_what_is_in_flight_without_a_time_keeper() {
    let (world, system, hangs) = (World::new(), Hesitant::new(), Gate::default());
    system.gate.open();
    let store = MemoryStore::new();
    let settings = Driver::settings(Provider::simacan(), Credentials::new("u", "p"));
    let settings = settings.process(Process::new(system)).store(store.clone());
    let driver = settings.build({
        let (hangs, exchange) = (hangs.clone(), world.exchange());
        move |request| {
            hangs.pass();
            exchange(request)
        }
    });
    hangs.close();
    let asked = block_on(driver.log_in());
    assert!(asked.is_err(), "{asked:?}");
    eventually("it is in flight", || hangs.waiting() == 1);
    let opens = thread::spawn(move || {
        thread::sleep(Duration::from_millis(100));
        hangs.open();
    });
    drop(driver);
    assert!(has_tokens(&store));
    opens.join().unwrap();
}
