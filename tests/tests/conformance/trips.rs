//! The requests that are made of one: no more than it takes.

use http::StatusCode;
use simacan_auth_emulator::Endpoint::{self, Refresh, Target};

use crate::platform::{HOUR, World, assert_status};
use crate::subject::Subject;

conformance! {
    a_request_with_a_valid_token_is_one_trip,
    a_request_with_an_expired_token_is_a_refresh_and_one_trip,
    a_request_with_a_revoked_token_is_a_trip_a_refresh_and_a_trip,
}

fn a_request_with_a_valid_token_is_one_trip<S: Subject>() {
    assert_trips::<S>(|_| {}, &[Target]);
}

fn a_request_with_an_expired_token_is_a_refresh_and_one_trip<S: Subject>() {
    assert_trips::<S>(|world| world.skip(HOUR), &[Refresh, Target]);
}

fn a_request_with_a_revoked_token_is_a_trip_a_refresh_and_a_trip<S: Subject>() {
    assert_trips::<S>(World::revoke, &[Target, Refresh, Target]);
}

/// Of each of three requests, before which `trouble` befalls the token.
fn assert_trips<S: Subject>(trouble: impl Fn(&World), trips: &[Endpoint]) {
    let (world, subject) = World::with_a_user::<S>();
    for _ in 0..3 {
        let before = world.entries().len();
        trouble(&world);
        assert_status(&subject.send(world.post("/x", "x")), StatusCode::NO_CONTENT);
        let entries = world.entries();
        let made: Vec<_> = entries[before..].iter().map(|made| made.endpoint).collect();
        assert_eq!(made, trips);
    }
}
