//! The template of [`simacan_auth_testkit::interleavings`] finds a lost wake-up, and nothing where there is none.
//! And the other scenarios that each driver needs.

mod driver;
mod template;

use std::sync::{Arc, Mutex};

use http::StatusCode;
use shuttle::thread;
use simacan_auth::Credentials;
use simacan_auth_emulator::{Emulator, Settings};
use simacan_auth_testkit::MemoryStore;

use driver::{Driver, store};
use template::{Platform, each_comes_while_the_last_one_leaves, explore, send};

#[test]
fn a_driver_that_is_right_loses_no_wake_up() {
    explore(|| each_comes_while_the_last_one_leaves(false));
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_wake_up_that_is_lost_while_the_carrier_leaves_is_found() {
    explore(|| each_comes_while_the_last_one_leaves(true));
}

fn platform() -> Platform {
    let settings = Settings::new().with_user("u", "p").with_user("v", "q");
    Arc::new(Mutex::new(Emulator::new(settings)))
}

fn begin(driver: &Arc<Driver>, platform: &Platform) -> thread::JoinHandle<StatusCode> {
    let (driver, platform) = (driver.clone(), platform.clone());
    thread::spawn(move || send(&driver, &platform))
}

fn assert_exchanges(platform: &Platform, passwords: u64, refreshes: u64) {
    let counters = *platform.lock().unwrap().ledger().counters();
    let received = (counters.passwords_received, counters.refreshes_received);
    assert_eq!(received, (passwords, refreshes), "(passwords, refreshes)");
}

#[test]
fn callers_share_what_one_of_them_needs() {
    explore(|| {
        let platform = platform();
        let driver = Driver::new(&platform, store(), false);
        for refreshes in 0..2 {
            let callers = [(); 3].map(|()| begin(&driver, &platform));
            for caller in callers {
                assert_eq!(caller.join().unwrap(), StatusCode::OK);
            }
            assert_exchanges(&platform, 1, refreshes);
            platform.lock().unwrap().revoke_access_tokens();
        }
    });
}

#[test]
fn another_user_while_a_login_is_in_flight_leaves_nobody_waiting() {
    explore(|| {
        let platform = platform();
        let driver = Driver::new(&platform, store(), false);
        let callers = [(); 2].map(|()| begin(&driver, &platform));
        driver.set_credentials(Credentials::new("v", "q"));
        for caller in callers {
            assert_eq!(caller.join().unwrap(), StatusCode::OK);
        }
        assert_eq!(send(&driver, &platform), StatusCode::OK);
    });
}

#[test]
fn two_processes_over_one_store_share_one_session() {
    explore(|| {
        let (platform, store) = (platform(), store());
        let processes = [0, 1].map(|n| Driver::new(&platform, store.process(n), false));
        for refreshes in 0..2 {
            let callers = processes.each_ref().map(|driver| begin(driver, &platform));
            for caller in callers {
                assert_eq!(caller.join().unwrap(), StatusCode::OK);
            }
            assert_exchanges(&platform, 1, refreshes);
            platform.lock().unwrap().revoke_access_tokens();
        }
    });
}

#[test]
fn what_is_in_flight_is_saved_and_the_lock_is_free_when_a_driver_has_closed() {
    explore(|| {
        let (platform, store): (_, MemoryStore) = (platform(), store());
        for _ in 0..2 {
            let driver = Driver::new(&platform, store.clone(), false);
            assert_eq!(begin(&driver, &platform).join().unwrap(), StatusCode::OK);
            driver.close();
            assert_eq!(store.holder(), None, "it has kept the lock");
        }
        assert_exchanges(&platform, 1, 0);
    });
}
