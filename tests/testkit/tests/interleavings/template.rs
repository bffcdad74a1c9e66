use std::sync::{Arc, Mutex};

use http::{Request, StatusCode};
use shuttle::Runner;
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use simacan_auth::{Pending, Review};
use simacan_auth_emulator::{Emulator, Settings};

use crate::driver::{Driver, clock, store};

/// Runs it in 500 orders of all threads, and in 500 with few switches at odd moments.
pub(crate) fn explore(scenario: impl Fn() + Clone + Send + Sync + 'static) {
    let random = RandomScheduler::new_from_seed(1, 500);
    Runner::new(random, shuttle::Config::default()).run(scenario.clone());
    let few = PctScheduler::new_from_seed(1, 3, 500);
    Runner::new(few, shuttle::Config::default()).run(scenario);
}

pub(crate) type Platform = Arc<Mutex<Emulator>>;

/// What a client does with a request.
pub(crate) fn send(driver: &Arc<Driver>, platform: &Platform) -> StatusCode {
    let mut pending = Pending::new();
    loop {
        let mut request = Request::get("https://a.services.simacan.com/")
            .body([])
            .unwrap();
        let sent = driver.authorize(pending, &mut request).expect("a token");
        let answer = platform.lock().unwrap().respond(clock(), &request);
        let status = answer.expect("nothing is lost").status();
        match driver.review(sent, status) {
            Review::Deliver => return status,
            Review::Retry(again) => pending = again,
        }
    }
}

/// Each request needs a new token, and may ask for it while the carrier leaves that has got the one before.
pub(crate) fn each_comes_while_the_last_one_leaves(leaves_late: bool) {
    let settings = Settings::new().with_user("u", "p");
    let platform = Arc::new(Mutex::new(Emulator::new(settings)));
    let driver = Driver::new(&platform, store(), leaves_late);
    for _ in 0..3 {
        assert_eq!(send(&driver, &platform), StatusCode::OK);
        platform.lock().unwrap().revoke_access_tokens();
    }
}
