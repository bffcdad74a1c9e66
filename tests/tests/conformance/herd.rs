//! Many callers, one exchange.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use simacan_auth_emulator::{Emulator, Endpoint, Fault};

use crate::subject::{MultiThread, Reqwest, Subject, Ureq};
use crate::world::{HOUR, REFRESH_IS_DUE, World, assert_accepted};

conformance! {
    i4_an_absent_token_costs_the_herd_one_login,
    i4_a_revoked_token_costs_the_herd_one_refresh,
    i4_an_expired_token_costs_the_herd_one_refresh,
    i4_a_token_about_to_expire_costs_the_herd_one_refresh,
    i1_a_refused_refresh_costs_the_herd_one_password,
    i5_late_401s_cost_no_refresh,
}

fn i4_an_absent_token_costs_the_herd_one_login<S: Subject>() {
    let world = World::new();
    let subject: S = world.subject();
    assert_accepted(&subject.send_all(world.crowd(200)));
    world.assert_exchanges(1, 0);
    // The token was fresh, so none had to be sent twice.
    assert_eq!(world.counters().targets_received, 200);
}

fn i4_a_revoked_token_costs_the_herd_one_refresh<S: Subject>() {
    let world = World::new();
    let subject: S = world.logged_in();
    world.revoke();
    assert_accepted(&subject.send_all(world.crowd(200)));
    world.assert_exchanges(0, 1);
    world.assert_none_sent_thrice();
}

fn i4_an_expired_token_costs_the_herd_one_refresh<S: Subject>() {
    let world = World::new();
    let subject: S = world.logged_in();
    world.skip(HOUR);
    assert_accepted(&subject.send_all(world.crowd(200)));
    world.assert_exchanges(0, 1);
    assert_eq!(world.counters().targets_received, 200);
}

fn i4_a_token_about_to_expire_costs_the_herd_one_refresh<S: Subject>() {
    let world = World::new();
    let subject: S = world.logged_in();
    world.skip(REFRESH_IS_DUE);
    assert_accepted(&subject.send_all(world.crowd(200)));
    world.until_refreshes(1);
    world.assert_exchanges(0, 1);
    // What was sent with the old token was sent with a good one.
    assert_eq!(world.counters().targets_received, 200);
}

fn i1_a_refused_refresh_costs_the_herd_one_password<S: Subject>() {
    let world = World::new();
    let subject: S = world.logged_in();
    world.revoke();
    world.emulate(Emulator::revoke_refresh_tokens);
    assert_accepted(&subject.send_all(world.crowd(200)));
    world.assert_exchanges(1, 1);
    world.assert_none_sent_thrice();
}

/// The 401s are decided on at once and arrive one after the other, most of them long after the
/// refresh that the first one starts.
fn i5_late_401s_cost_no_refresh<S: Subject>() {
    let world = World::new();
    let subject: S = world.logged_in();
    world.revoke();
    for i in 0..40 {
        let delay = Duration::from_millis(10 * i);
        world.script(Endpoint::Target, Fault::Delay(delay), 1);
    }
    assert_accepted(&subject.send_all(world.crowd(40)));
    world.assert_exchanges(0, 1);
    world.assert_none_sent_thrice();
}

/// A thousand sockets, twice: one such case at a time.
static THOUSAND: Mutex<()> = Mutex::new(());

fn a_thousand<S: Subject>() {
    let _alone = THOUSAND.lock().unwrap_or_else(PoisonError::into_inner);
    let world = World::new();
    let subject: S = world.subject();
    assert_accepted(&subject.send_all(world.crowd(1000)));
    world.assert_exchanges(1, 0);
    assert_eq!(world.counters().targets_received, 1000);

    world.forget();
    world.revoke();
    assert_accepted(&subject.send_all(world.crowd(1000)));
    world.assert_exchanges(0, 1);
    world.assert_none_sent_thrice();

    world.forget();
    world.skip(HOUR);
    assert_accepted(&subject.send_all(world.crowd(1000)));
    world.assert_exchanges(0, 1);
}

#[test]
fn ureq_with_a_thousand_callers() {
    a_thousand::<Ureq>();
}

#[test]
fn reqwest_with_a_thousand_callers() {
    a_thousand::<Reqwest<MultiThread>>();
}
