//! The token itself, for what is no HTTP request, and what is told of it.

use http::StatusCode;
use http::Uri;
use simacan_auth_driver::simacan_auth::Credentials;
use simacan_auth_driver::{Bearer, BearerOutcome, Driver, Error, System, block_on};
use simacan_auth_emulator::{Emulator, Endpoint, Fault};

use crate::emulated::World;

fn uri() -> Uri {
    Uri::from_static("wss://a.services.simacan.com/positions")
}

fn bearer(driver: &Driver) -> Bearer {
    block_on(driver.bearer(&uri())).expect("a token")
}

fn unauthorized(driver: &Driver, bearer: Bearer) -> Result<Bearer, Error> {
    block_on(driver.report(bearer, BearerOutcome::Unauthorized))
}

fn accepted(driver: &Driver, bearer: Bearer) -> Bearer {
    block_on(driver.report(bearer, BearerOutcome::Accepted)).expect("the same")
}

#[test]
fn a_bearer_is_the_current_token_with_its_end() {
    let world = World::new();
    let driver = world.driver();
    let bearer = bearer(&driver);
    world.assert_exchanges(1, 0);
    let header = bearer.header_value();
    assert!(header.is_sensitive());
    assert_eq!(
        header.to_str().unwrap(),
        format!("Bearer {}", bearer.as_str())
    );
    let life = bearer
        .expires_at()
        .unwrap()
        .duration_since(world.clock.time());
    assert_eq!(life.unwrap().as_secs(), 3600);
    assert!(!format!("{bearer:?}").contains(bearer.as_str()), "I9");
}

#[test]
fn i8_a_bearer_is_for_the_origins_that_the_provider_allows() {
    let driver = World::new().driver();
    for uri in [
        "wss://a.example/",
        "ws://a.services.simacan.com/",
        "/x",
        "mqtts://a.services.simacan.com/",
    ] {
        let denied = block_on(driver.bearer(&uri.parse().unwrap()));
        assert!(matches!(denied, Err(Error::ForeignOrigin(_))), "{uri}");
    }
}

/// A connection that lives for hours, and whose token dies early again and again.
#[test]
fn each_revocation_costs_a_refresh_and_is_cured_at_once() {
    let world = World::new();
    let driver = world.driver();
    let mut connected = accepted(&driver, bearer(&driver));
    for n in 1..=10 {
        world.emulate(Emulator::revoke_access_tokens);
        let old = connected.as_str().to_owned();
        let newer = unauthorized(&driver, connected).expect("a newer one");
        assert_ne!(newer.as_str(), old);
        world.assert_exchanges(1, n);
        connected = accepted(&driver, newer);
    }
}

/// Many connections, one token: all of them are closed at once.
#[test]
fn i5_those_who_come_late_get_the_token_that_is_there() {
    let world = World::new();
    let driver = world.driver();
    let connections: Vec<_> = (0..100).map(|_| bearer(&driver)).collect();
    world.emulate(Emulator::revoke_access_tokens);
    for connection in connections {
        unauthorized(&driver, connection).expect("a newer one");
    }
    world.assert_exchanges(1, 1);
}

/// A target that believes no token: nobody is given what was refused, so that nobody connects in a hot loop.
#[test]
fn i15_a_target_that_refuses_each_bearer_is_given_none_until_the_guard_is_over() {
    let world = World::new();
    let driver = world.driver();
    let second = unauthorized(&driver, bearer(&driver)).expect("a newer one");
    let refused = unauthorized(&driver, second).expect_err("that was no use either");
    let until = refused.retry_at().expect("it ends");
    assert!(matches!(refused, Error::Unauthorized { .. }), "{refused}");
    for _ in 0..1000 {
        let again = block_on(driver.bearer(&uri())).expect_err("it has refused this one");
        assert_eq!(again.retry_at(), Some(until));
    }
    let elsewhere = Uri::from_static("wss://b.services.simacan.com/");
    block_on(driver.bearer(&elsewhere)).expect("it has refused nothing");
    world.assert_exchanges(1, 1);

    world.skip_to(until);
    let third = bearer(&driver);
    unauthorized(&driver, third).expect("a newer one");
    world.assert_exchanges(1, 2);
}

#[test]
fn in_an_outage_a_report_says_when_to_try_again() {
    let world = World::new();
    let driver = world.driver();
    let bearer = bearer(&driver);
    world.emulate(|emulator| {
        emulator.revoke_access_tokens();
        emulator.script_n(
            Endpoint::Refresh,
            Fault::Status(StatusCode::SERVICE_UNAVAILABLE),
            3,
        );
    });
    let reporting = std::thread::spawn({
        let driver = driver.clone();
        move || unauthorized(&driver, bearer)
    });
    world.pass_until("the caller is told", || reporting.is_finished());
    let denied = reporting.join().unwrap().expect_err("nobody answers");
    let until = denied.retry_at().expect("the cool-down ends");
    world.skip_to(until);
    // The token from before may be given: the target may think better of it. It is reported again, and cured.
    let again = block_on(driver.bearer(&uri())).expect("a token");
    unauthorized(&driver, again).expect("a newer one");
    world.assert_exchanges(1, 4);
}

/// Two connections, and one of them is accepted: the other's 401 meets the pause that the first one's has led to.
#[test]
fn a_refused_bearer_is_not_given_again_in_an_outage() {
    let world = World::new();
    let driver = world.driver();
    let [first, second] = [bearer(&driver), bearer(&driver)];
    world.emulate(Emulator::revoke_access_tokens);
    let [first, second] = [first, second].map(|old| unauthorized(&driver, old).expect("newer"));
    let first = accepted(&driver, first);
    world.emulate(|emulator| {
        emulator.revoke_access_tokens();
        let away = Fault::Status(StatusCode::SERVICE_UNAVAILABLE);
        emulator.script_n(Endpoint::Refresh, away, 3);
    });
    for refused in [first, second] {
        let reporting = std::thread::spawn({
            let driver = driver.clone();
            move || unauthorized(&driver, refused)
        });
        world.pass_until("the caller is told", || reporting.is_finished());
        let denied = reporting.join().unwrap().expect_err("nobody answers");
        assert!(denied.retry_at().is_some(), "{denied}");
    }
}

#[test]
fn i15_what_a_former_user_s_target_accepts_says_nothing_of_the_present_one_s_token() {
    let world = World::new();
    let driver = world.driver();
    let old = bearer(&driver);
    driver.set_credentials(Credentials::new("v", "q"));
    let second = unauthorized(&driver, bearer(&driver)).expect("a newer one");
    unauthorized(&driver, second).expect_err("that was no use either");
    accepted(&driver, old);
    block_on(driver.bearer(&uri())).expect_err("it has refused this one");
}

#[test]
fn the_bearer_of_a_former_user_is_replaced_by_one_of_the_present_one() {
    let world = World::new();
    let driver = world.driver();
    let old = bearer(&driver);
    world.emulate(|emulator| emulator.set_password("v", "q"));
    driver.set_credentials(Credentials::new("v", "q"));
    let newer = unauthorized(&driver, old).expect("the present user's");
    assert!(newer.expires_at().is_some());
    world.assert_exchanges(2, 0);
}
