//! A forked child, in a process that has no other tests: a lock that another thread holds at the fork is never
//! given free in the child, and that goes for the test harness's own, too.

use std::time::Duration;

use simacan_auth_driver::simacan_auth::{Credentials, Provider, Status, TransportFailure};
use simacan_auth_driver::{Driver, Error, block_on};

#[test]
fn a_forked_child_gets_a_typed_error() {
    let settings = Driver::settings(Provider::simacan(), Credentials::new("u", "p"));
    let driver = settings.build(|_| Err(TransportFailure::timed_out()));
    match fork::fork().expect("a child") {
        fork::Fork::Child => {
            let is_typed = matches!(block_on(driver.log_in()), Err(Error::Forked))
                && driver.status() == Status::Interrupted
                && !block_on(driver.settle(Duration::from_secs(1)));
            driver.set_credentials(Credentials::new("u", "q"));
            drop(driver);
            std::process::exit(i32::from(!is_typed));
        }
        fork::Fork::Parent(child) => {
            let status = fork::waitpid(child).expect("its end");
            assert_eq!(status, 0, "what the child saw");
        }
    }
    assert_eq!(driver.status(), Status::Unauthenticated);
}
