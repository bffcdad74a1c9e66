//! What both adapters promise holds with each server that the emulator knows: the cases by which its words make
//! a difference. A day of each is lived in virtual time by `simacan_auth_tests::profiles`.

use http::StatusCode;
use simacan_auth::{ClientAuth, Credentials, Provider};
use simacan_auth_emulator::{BasicDecoding, Profile};

use crate::platform::{
    COOLED_DOWN, HOUR, PASSWORD, REFRESH_IS_DUE, USERNAME, WRONG_PASSWORD, World,
};
use crate::saved_sessions::Folder;
use crate::subject::{Plan, Subject, Trouble};

const CLIENT: (&str, &str) = ("fleet", "s3cr+t/%&");

fn world(profile: Profile) -> World {
    let settings = World::settings().with_profile(profile);
    World::with(settings.with_client(CLIENT.0, Some(CLIENT.1)))
}

fn plan(world: &World, profile: Profile) -> Plan {
    if !profile.speaks_rfc_6749() {
        return world.plan();
    }
    let client = match profile.basic_decoding() {
        BasicDecoding::Form => ClientAuth::basic(CLIENT.0, CLIENT.1),
        BasicDecoding::Percent => ClientAuth::form(CLIENT.0, CLIENT.1),
        BasicDecoding::Nothing => ClientAuth::basic_unencoded(CLIENT.0, CLIENT.1),
    };
    let provider = Provider::oauth2(world.server.token_endpoint(), client)
        .allow_origin(world.server.origin())
        .allow_loopback_http();
    world.plan_at(provider.build().expect("a provider"))
}

#[track_caller]
fn assert_served<S: Subject>(subject: &S, world: &World, profile: Profile) {
    let answer = subject.send(world.get("/x"));
    let status = answer.unwrap_or_else(|trouble| panic!("{profile}: {trouble}"));
    assert_eq!(status.status(), StatusCode::OK, "{profile}");
}

fn i1_a_session_is_renewed_by_refreshes_and_its_end_costs_one_password<S: Subject>() {
    for profile in Profile::ALL {
        let world = world(profile);
        let subject = S::build(plan(&world, profile));
        for _ in 0..3 {
            assert_served(&subject, &world, profile);
            world.revoke(); // the refresh is caused by a 401
            assert_served(&subject, &world, profile);
            world.skip(HOUR); // and by the token's end
        }
        assert_served(&subject, &world, profile);
        let counters = world.counters();
        assert_eq!(counters.passwords_received, 1, "{profile}");
        world.emulate(|emulator| {
            emulator.revoke_access_tokens();
            emulator.revoke_refresh_tokens();
        });
        assert_served(&subject, &world, profile);
        assert_eq!(world.counters().passwords_received, 2, "{profile}");
        assert_eq!(world.counters().reuses, 0, "{profile}");
    }
}

fn i2_a_refused_password_is_not_repeated_and_another_is_sent_at_once<S: Subject>() {
    for profile in Profile::ALL {
        let world = world(profile);
        let credentials = Credentials::new(USERNAME, WRONG_PASSWORD);
        let subject = S::build(Plan {
            credentials: credentials.into(),
            ..plan(&world, profile)
        });
        for _ in 0..20 {
            let denied = subject
                .send(world.get("/x"))
                .expect_err("there is no token");
            assert!(matches!(denied, Trouble::Denied(_)), "{profile}: {denied}");
            world.skip(COOLED_DOWN);
        }
        // Where nobody says that it is the password, it is sent three times.
        let most = match profile {
            Profile::Authlib | Profile::Glewlwyd => 3,
            _ => 1,
        };
        let received = world.counters().passwords_received;
        assert!(received <= most, "{profile}: {received}");
        subject.set_credentials(Credentials::new(USERNAME, PASSWORD));
        world.skip(HOUR);
        assert_served(&subject, &world, profile);
        assert_eq!(
            world.counters().passwords_received,
            received + 1,
            "{profile}"
        );
    }
}

/// Also where a rotation ends the old access token, which is on its way in many requests just then.
fn no_request_of_a_crowd_fails_while_the_token_is_renewed<S: Subject>() {
    for profile in Profile::ALL {
        let world = world(profile);
        let subject = S::build(plan(&world, profile));
        assert_served(&subject, &world, profile);
        for early in [true, false] {
            world.skip(if early { REFRESH_IS_DUE } else { HOUR });
            for answer in subject.send_all(world.crowd(30)) {
                let status = answer.unwrap_or_else(|trouble| panic!("{profile}: {trouble}"));
                assert_eq!(status.status(), StatusCode::NO_CONTENT, "{profile}");
            }
            assert!(subject.settle());
        }
        let counters = world.counters();
        assert_eq!(
            (counters.passwords_received, counters.reuses),
            (1, 0),
            "{profile}"
        );
    }
}

fn i3_programs_that_follow_each_other_share_a_session<S: Subject>() {
    for profile in Profile::ALL {
        let (world, folder) = (world(profile), Folder::new());
        for _ in 0..4 {
            let subject = S::build(Plan {
                store: Some(Box::new(folder.store())),
                ..plan(&world, profile)
            });
            assert_served(&subject, &world, profile);
            assert!(subject.settle());
            drop(subject);
            world.skip(HOUR);
        }
        let counters = world.counters();
        assert_eq!(
            (counters.passwords_received, counters.reuses),
            (1, 0),
            "{profile}"
        );
    }
}

conformance!(
    i1_a_session_is_renewed_by_refreshes_and_its_end_costs_one_password,
    i2_a_refused_password_is_not_repeated_and_another_is_sent_at_once,
    i3_programs_that_follow_each_other_share_a_session,
    no_request_of_a_crowd_fails_while_the_token_is_renewed,
);
