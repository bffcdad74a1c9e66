//! Through the driver, which both adapters have, a request with a good token costs no allocation.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use http::{Request, StatusCode};
use simacan_auth::{Credentials, Provider, Review, Sent};
use simacan_auth_driver::{Driver, block_on};
use simacan_auth_emulator::{Emulator, Settings};
use simacan_auth_memory::Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

const TARGET: &str = "https://sct-tracking-data-api.services.simacan.com/api/v1/realisation";

/// Logged in, and this thread has its cached bearer.
fn driver() -> Driver {
    let emulator = Arc::new(Mutex::new(Emulator::new(
        Settings::new().with_user("u", "p"),
    )));
    let driver = Driver::settings(Provider::simacan(), Credentials::new("u", "p"))
        .build(Emulator::exchange(emulator, SystemTime::now));
    let mut request = Request::post(TARGET).body(()).expect("it is well formed");
    drop(block_on(driver.authorize(None, &mut request)).expect("the password is good"));
    driver
}

#[track_caller]
fn assert_allocates_nothing(driver: &Driver, mut authorize: impl FnMut() -> Sent) {
    // Room for the header.
    drop(authorize());
    let before = Counting::allocations();
    for _ in 0..10 {
        let review = driver.review(authorize(), StatusCode::OK);
        assert!(matches!(review, Review::Deliver));
    }
    assert_eq!(Counting::allocations(), before);
}

#[test]
fn an_http_request() {
    let driver = driver();
    let mut request = Request::post(TARGET).body(()).expect("it is well formed");
    assert_allocates_nothing(&driver, || {
        block_on(driver.authorize(None, &mut request)).expect("there is a token")
    });
}
