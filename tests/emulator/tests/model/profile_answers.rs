//! Each profile answers as its server does, and does with its tokens what that server does.

use std::collections::BTreeSet;

use http::{Request, Response};
use serde_json::Value;

use crate::test_client::*;
use simacan_auth_emulator::{BasicDecoding, Case, Emulator, Profile};

const CLIENT: (&str, &str) = ("client_id", "emulator");

/// At `/oauth2/token`; a `-` is an empty body. The columns are two spaces apart or more.
const REFUSALS: &str = "
profile             wrong password       dead refresh token   wrong client        the same by Basic
documented          400 invalid_grant    400 invalid_grant    401 invalid_client  401 invalid_client
keycloak-old        401 invalid_grant    400 invalid_grant    401 invalid_client  401 invalid_client
keycloak            400 invalid_grant    400 invalid_grant    401 invalid_client  401 invalid_client
auth0               403 invalid_grant    403 invalid_grant    401 access_denied   401 access_denied
league              400 invalid_grant    401 invalid_request  401 invalid_client  401 invalid_client
authlib             400 invalid_request  400 invalid_grant    401 invalid_client  401 invalid_client
django              400 invalid_grant    400 invalid_grant    401 invalid_client  401 invalid_client
glewlwyd            403 -                400 -                400 -               400 -
node-oauth2-server  400 invalid_grant    400 invalid_grant    400 invalid_client  401 invalid_client
always-ok           200 invalid_grant    200 invalid_grant    200 invalid_client  200 invalid_client
patchwork           400 invalid_grant    400 invalid_grant    401 invalid_client  401 invalid_client
gateway             401 <html>           401 <html>           401 invalid_client  401 invalid_client
";

#[test]
fn each_words_its_refusals_in_its_own_way() {
    let rows = REFUSALS.trim().lines().skip(1);
    assert_eq!(rows.clone().count(), Profile::ALL.len());
    for (profile, row) in Profile::ALL.into_iter().zip(rows) {
        let cells = row.split("  ").filter(|cell| !cell.is_empty());
        let cells: Vec<&str> = cells.map(str::trim).collect();
        let mut emulator = with(profile);
        let mut told = |request| said(&send(&mut emulator, 0, &request));
        let told = [
            profile.to_string(),
            told(grant(
                &[("username", USER), ("password", "wrong")],
                &[CLIENT],
            )),
            told(grant(&[("refresh_token", "dead")], &[CLIENT])),
            told(grant(&password(), &[("client_id", "other")])),
            told(basic(grant(&password(), &[]), "other:x")),
        ];
        assert_eq!(told.as_slice(), cells);
    }
}

#[test]
fn each_says_the_same_at_the_simacan_endpoints() {
    for profile in Profile::ALL.into_iter().skip(1) {
        let mut emulator = with(profile);
        for (request, case) in [
            (login(USER, "wrong"), Case::WrongPassword),
            (refresh("dead"), Case::DeadRefreshToken),
        ] {
            let (answer, words) = (send(&mut emulator, 0, &request), profile.answer(case));
            assert_eq!(answer.status(), words.status(), "{profile}");
            assert_eq!(answer.headers(), words.headers(), "{profile}");
            assert_eq!(answer.body(), words.body(), "{profile}");
        }
    }
}

#[test]
fn the_documented_profile_is_what_there_is_without_one() {
    let requests = [
        login(USER, PASSWORD),
        login(USER, "wrong"),
        refresh("dead"),
        grant(&password(), &[CLIENT]),
    ];
    let (mut plain, mut documented) = (emulator(), with(Profile::Documented));
    for request in requests {
        let (one, other) = (
            send(&mut plain, 0, &request),
            send(&mut documented, 0, &request),
        );
        assert_eq!(one.status(), other.status());
        assert_eq!(one.headers(), other.headers());
        assert_eq!(one.body(), other.body());
    }
}

#[test]
fn challenges_are_the_servers_own() {
    use Profile::{Authlib, Django, Documented, Gateway, Glewlwyd, Keycloak, League};
    let by_basic = Case::WrongClient { by_basic: true };
    for (profile, case, challenge) in [
        (Documented, by_basic, r#"Basic realm="simacan""#),
        (Keycloak, by_basic, "none"),
        (League, by_basic, r#"Basic realm="OAuth""#),
        (Authlib, by_basic, r#"Basic error="invalid_client""#),
        (Django, by_basic, r#"Bearer error="invalid_client""#),
        (Gateway, Case::WrongPassword, r#"Basic realm="Restricted""#),
        (Glewlwyd, Case::WrongPassword, "none"),
    ] {
        let answer = profile.answer(case);
        let told = answer.headers().get("www-authenticate");
        let told = told.map_or("none", |value| value.to_str().unwrap());
        assert_eq!(told, challenge, "{profile}");
    }
}

#[test]
fn token_responses_lack_what_the_servers_leave_out() {
    for (profile, token_type, scope, is_keycloak) in [
        (Profile::Documented, "bearer", true, true),
        (Profile::KeycloakOld, "Bearer", true, true),
        (Profile::Auth0, "Bearer", true, false),
        (Profile::League, "Bearer", false, false),
        (Profile::Glewlwyd, "bearer", true, false),
    ] {
        let json = json(&send(&mut with(profile), 0, &login(USER, PASSWORD)));
        assert_eq!(json["token_type"], token_type, "{profile}");
        assert_eq!(json["expires_in"], 3600, "{profile}");
        assert_eq!(json.get("scope").is_some(), scope, "{profile}");
        for name in ["refresh_expires_in", "not-before-policy", "session_state"] {
            assert_eq!(json.get(name).is_some(), is_keycloak, "{profile}: {name}");
        }
    }
    let json = json(&send(
        &mut with(Profile::AlwaysOk),
        0,
        &login(USER, PASSWORD),
    ));
    assert_eq!(json["expires_in"], "3600");
}

#[test]
fn the_patchwork_is_odd_in_another_way_each_time() {
    let mut emulator = with(Profile::Patchwork);
    let answers: Vec<_> = (0..20)
        .map(|_| send(&mut emulator, 0, &login(USER, PASSWORD)))
        .collect();
    assert!(answers.iter().all(|answer| answer.status() == 201));
    let kinds = |name: &str| {
        let texts = answers.iter().map(|answer| match json(answer).get(name) {
            Some(member) => member.to_string(),
            None => "absent".to_owned(),
        });
        texts.collect::<BTreeSet<_>>()
    };
    assert_eq!(kinds("token_type").len(), 4);
    assert!(kinds("token_type").contains("absent"));
    assert_eq!(kinds("expires_in").len(), 5);

    let first = json(&answers[0]);
    let first = first["refresh_token"].as_str().unwrap();
    // None is given, and the old one stays good.
    for _ in 0..2 {
        let answer = send(&mut emulator, 0, &refresh(first));
        assert_eq!(answer.status(), 201);
        assert_eq!(json(&answer)["refresh_token"], "");
    }
}

#[test]
fn some_end_the_family_when_a_spent_token_comes_again() {
    use Profile::{Auth0, Django, Documented, Keycloak, KeycloakOld, League, NodeOauth2Server};
    for (profile, spent, newest) in [
        (Documented, 401, 200),
        (KeycloakOld, 400, 400),
        (Keycloak, 400, 400),
        (Auth0, 403, 403),
        (League, 401, 200),
        (Django, 400, 400),
        (NodeOauth2Server, 400, 200),
    ] {
        let mut emulator = with(profile);
        let first = log_in(&mut emulator, 0);
        let second = refreshed(&mut emulator, 0, &first.refresh);
        let mut status = |token: &str| status(&mut emulator, HOUR, &refresh(token));
        assert_eq!(status(&first.refresh), spent, "{profile}");
        assert_eq!(status(&second.refresh), newest, "{profile}");
    }
}

#[test]
fn some_keep_the_old_refresh_token() {
    for profile in [Profile::Authlib, Profile::Glewlwyd] {
        let mut emulator = with(profile);
        let first = log_in(&mut emulator, 0);
        for _ in 0..2 {
            let answer = send(&mut emulator, 0, &refresh(&first.refresh));
            assert!(json(&answer).get("refresh_token").is_none(), "{profile}");
        }
    }
}

#[test]
fn a_rotation_can_end_the_access_token_before() {
    for (profile, old) in [
        (Profile::Documented, 204),
        (Profile::League, 401),
        (Profile::Django, 401),
    ] {
        let mut emulator = with(profile);
        let first = log_in(&mut emulator, 0);
        assert_eq!(status(&mut emulator, 0, &post(&first.access, "")), 204);
        let second = refreshed(&mut emulator, 0, &first.refresh);
        assert_eq!(
            status(&mut emulator, 0, &post(&first.access, "")),
            old,
            "{profile}"
        );
        assert_eq!(status(&mut emulator, 0, &post(&second.access, "")), 204);
    }
}

#[test]
fn django_answers_with_the_same_pair_while_its_grace_lasts() {
    let mut emulator = with(Profile::Django);
    let first = log_in(&mut emulator, 0);
    let second = refreshed(&mut emulator, 100, &first.refresh);
    assert_eq!(refreshed(&mut emulator, 219, &first.refresh), second);
    assert_eq!(status(&mut emulator, 219, &post(&second.access, "")), 204);
    assert_eq!(emulator.ledger().counters().reuses, 1);
    // After it, reuse ends the family.
    assert_eq!(status(&mut emulator, 220, &refresh(&first.refresh)), 400);
    assert_eq!(status(&mut emulator, 220, &refresh(&second.refresh)), 400);
    assert_eq!(status(&mut emulator, 220, &post(&second.access, "")), 401);
}

#[test]
fn basic_is_decoded_as_each_server_does_it() {
    let secret = "s3 cr+t/%&";
    let form = "c:s3+cr%2Bt%2F%25%26";
    let percent = "c:s3%20cr+t/%25&";
    let plain = "c:s3 cr+t/%&";
    for profile in Profile::ALL {
        let settings = settings()
            .with_client("c", Some(secret))
            .with_profile(profile);
        let mut emulator = Emulator::new(settings);
        let fitting = match profile.basic_decoding() {
            BasicDecoding::Form => form,
            BasicDecoding::Percent => percent,
            BasicDecoding::Nothing => plain,
        };
        for credentials in [form, percent, plain] {
            let request = basic(grant(&password(), &[]), credentials);
            let answer = send(&mut emulator, 0, &request);
            let has_tokens = String::from_utf8_lossy(answer.body()).contains("access_token");
            assert_eq!(
                has_tokens,
                credentials == fitting,
                "{profile}: {credentials}"
            );
        }
        let in_body = [("client_id", "c"), ("client_secret", secret)];
        let answer = send(&mut emulator, 0, &grant(&password(), &in_body));
        assert!(answer.status().is_success(), "{profile}");
    }
}

fn with(profile: Profile) -> Emulator {
    Emulator::new(settings().with_profile(profile))
}

fn password() -> [(&'static str, &'static str); 2] {
    [("username", USER), ("password", PASSWORD)]
}

/// A request to `/oauth2/token`, of the grant type that the first of its fields belongs to.
fn grant(fields: &[(&str, &str)], client: &[(&str, &str)]) -> Request<String> {
    let grant_type = match fields[0].0 {
        "username" => "password",
        other => other,
    };
    form(
        "/oauth2/token",
        &[&[("grant_type", grant_type)], fields, client].concat(),
    )
}

/// The status of an answer and its error code, or how its body begins.
fn said(answer: &Response<Vec<u8>>) -> String {
    let body = String::from_utf8_lossy(answer.body());
    let said = match serde_json::from_str::<Value>(&body) {
        Ok(json) => json["error"].as_str().unwrap().to_owned(),
        Err(_) if body.is_empty() => "-".to_owned(),
        Err(_) => body.chars().take(6).collect(),
    };
    format!("{} {said}", answer.status().as_u16())
}
