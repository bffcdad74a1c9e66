//! A day with each of the emulator's profiles keeps the rules, and is served.

use simacan_auth_emulator::Profile;
use simacan_auth_tests::profiles::live_a_day;
use simacan_auth_tests::seed;

/// A failed refresh is tried again, and one that an event makes needless may be under way.
const SPARE_REFRESHES: u64 = 6;

fn check(profile: Profile) {
    let seed = seed();
    for seed in seed..seed + 10 {
        let report = live_a_day(profile, seed);
        assert_eq!(report.fault(), None, "{report:?}, seed {seed}");
        let most = report.ideal.refreshes + SPARE_REFRESHES;
        assert!(report.done.refreshes <= most, "{report:?}, seed {seed}");
    }
}

#[test]
fn documented() {
    check(Profile::Documented);
}

#[test]
fn keycloak_old() {
    check(Profile::KeycloakOld);
}

#[test]
fn keycloak() {
    check(Profile::Keycloak);
}

#[test]
fn auth0() {
    check(Profile::Auth0);
}

#[test]
fn league() {
    check(Profile::League);
}

#[test]
fn authlib() {
    check(Profile::Authlib);
}

#[test]
fn django() {
    check(Profile::Django);
}

#[test]
fn glewlwyd() {
    check(Profile::Glewlwyd);
}

#[test]
fn node_oauth2_server() {
    check(Profile::NodeOauth2Server);
}

#[test]
fn always_ok() {
    check(Profile::AlwaysOk);
}

#[test]
fn patchwork() {
    check(Profile::Patchwork);
}

#[test]
fn gateway() {
    check(Profile::Gateway);
}
