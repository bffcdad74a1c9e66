//! `/auth/password`: forms, passwords, the lock-out.

use http::Request;

use crate::test_client::*;
use simacan_auth_emulator::{Emulator, PasswordOutcome, Settings, What};

#[test]
fn a_login_answers_what_is_documented() {
    let answer = send(&mut emulator(), 0, &login(USER, PASSWORD));
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/json");
    let json = json(&answer);
    assert_eq!(json["token_type"], "bearer");
    assert_eq!(json["expires_in"], 3600);
    assert_eq!(json["refresh_expires_in"], 24 * 3600);
    assert_eq!(json["not-before-policy"], 0);
    assert!(json["scope"].is_string() && json["session_state"].is_string());
}

#[test]
fn tokens_look_like_jwts_of_a_real_size() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

    let tokens = log_in(&mut emulator(), 5);
    assert!(
        (1200..=1600).contains(&tokens.access.len()),
        "{}",
        tokens.access.len()
    );
    assert!(
        (900..=1200).contains(&tokens.refresh.len()),
        "{}",
        tokens.refresh.len()
    );

    let parts: Vec<Vec<u8>> = tokens
        .access
        .split('.')
        .map(|part| BASE64.decode(part).expect("base64url"))
        .collect();
    let [header, claims, signature] = &parts[..] else {
        panic!("not three parts")
    };
    let json = |part: &[u8]| serde_json::from_slice::<serde_json::Value>(part).unwrap();
    assert_eq!(json(header)["alg"], "RS256");
    assert_eq!(json(claims)["iat"], 1_700_000_005);
    assert_eq!(json(claims)["exp"], 1_700_003_605);
    assert_eq!(json(claims)["preferred_username"], USER);
    assert_eq!(signature.len(), 256);
}

#[test]
fn a_wrong_password_and_an_unknown_user_get_a_401() {
    let mut emulator = emulator();
    assert_eq!(status(&mut emulator, 0, &login(USER, "wrong")), 401);
    assert_eq!(status(&mut emulator, 0, &login("nobody", PASSWORD)), 401);
    let outcomes: Vec<_> = emulator
        .ledger()
        .entries()
        .iter()
        .map(|entry| match &entry.what {
            What::Password { outcome, .. } => *outcome,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        outcomes,
        [PasswordOutcome::WrongPassword, PasswordOutcome::UnknownUser]
    );
}

#[test]
fn any_text_can_be_a_password() {
    for password in [
        "&=+% ;?#/\\\"'",
        "pÄßwörd–日本語🚚",
        "100%25",
        " ",
        "+",
        "a=b&username=x",
    ] {
        let mut emulator = Emulator::new(Settings::new().with_user("ü&er=1", password));
        assert_eq!(
            status(&mut emulator, 0, &login("ü&er=1", password)),
            200,
            "{password}"
        );
        assert_eq!(
            status(&mut emulator, 0, &login("ü&er=1", "other")),
            401,
            "{password}"
        );
    }
}

#[test]
fn several_users_have_passwords_of_their_own() {
    let mut emulator = Emulator::new(Settings::new().with_user("a", "1").with_user("b", "2"));
    assert_eq!(status(&mut emulator, 0, &login("a", "1")), 200);
    assert_eq!(status(&mut emulator, 0, &login("b", "2")), 200);
    assert_eq!(status(&mut emulator, 0, &login("a", "2")), 401);
}

#[test]
fn percent_encoded_forms_are_decoded_whoever_encoded_them() {
    let path = "/api/v1/auth/password";
    for body in [
        "username=foo%40bar.com&password=open+sesame",
        "password=open%20sesame&username=foo@bar.com",
        "username=%66%6f%6F%40bar%2Ecom&password=open%20sesame&more=",
    ] {
        assert_eq!(
            status(&mut emulator(), 0, &raw_form(path, body)),
            200,
            "{body}"
        );
    }
}

#[test]
fn a_request_that_is_no_form_is_not_a_wrong_password() {
    let path = "/api/v1/auth/password";
    let mut emulator = emulator();
    for body in [
        "",
        "username=foo%40bar.com",
        "password=open+sesame",
        "username=foo%40bar.com&password=open%2",
        "username=foo%40bar.com&password=open%zzsesame",
        "username=foo%40bar.com&password=%ff",
        "username=foo%40bar.com&password=a&password=open+sesame",
    ] {
        assert_eq!(
            status(&mut emulator, 0, &raw_form(path, body)),
            400,
            "{body}"
        );
    }

    let mut json = login(USER, PASSWORD);
    json.headers_mut()
        .insert("content-type", "application/json".parse().unwrap());
    assert_eq!(status(&mut emulator, 0, &json), 415);
    json.headers_mut().remove("content-type");
    assert_eq!(status(&mut emulator, 0, &json), 415);

    let get = Request::get(path).body(String::new()).unwrap();
    let answer = send(&mut emulator, 0, &get);
    assert_eq!(answer.status(), 405);
    assert_eq!(answer.headers()["allow"], "POST");

    assert_eq!(emulator.ledger().counters().passwords_received, 10);
    log_in(&mut emulator, 0);
}

#[test]
fn a_charset_beside_the_content_type_is_fine() {
    let mut request = login(USER, PASSWORD);
    let content_type = "Application/X-WWW-Form-URLEncoded; charset=utf-8"
        .parse()
        .unwrap();
    request.headers_mut().insert("content-type", content_type);
    assert_eq!(status(&mut emulator(), 0, &request), 200);
}

#[test]
fn unknown_neighbours_of_the_endpoints_are_not_found() {
    for path in [
        "/api/v1/auth/logout",
        "/api/v1/auth/password/",
        "/oauth2/authorize",
    ] {
        assert_eq!(status(&mut emulator(), 0, &form(path, &[])), 404, "{path}");
    }
}

#[test]
fn five_wrong_passwords_in_a_row_lock_the_account_until_it_is_unlocked() {
    let mut emulator = emulator();
    for _ in 0..5 {
        assert_eq!(status(&mut emulator, 0, &login(USER, "wrong")), 401);
    }
    assert_eq!(status(&mut emulator, 0, &login(USER, PASSWORD)), 401);
    assert_eq!(status(&mut emulator, 999_999, &login(USER, PASSWORD)), 401);
    emulator.unlock(USER);
    log_in(&mut emulator, 0);
}

#[test]
fn a_right_password_starts_the_count_again() {
    let mut emulator = emulator();
    for _ in 0..3 {
        for _ in 0..4 {
            assert_eq!(status(&mut emulator, 0, &login(USER, "wrong")), 401);
        }
        log_in(&mut emulator, 0);
    }
}

#[test]
fn the_lock_out_can_be_switched_off() {
    let mut emulator = Emulator::new(settings().with_lock_out_after(None));
    for _ in 0..100 {
        assert_eq!(status(&mut emulator, 0, &login(USER, "wrong")), 401);
    }
    log_in(&mut emulator, 0);
}

#[test]
fn a_lock_out_leaves_sessions_alone() {
    let mut emulator = Emulator::new(settings().with_lock_out_after(Some(1)));
    let tokens = log_in(&mut emulator, 0);
    assert_eq!(status(&mut emulator, 0, &login(USER, "wrong")), 401);
    assert_eq!(status(&mut emulator, 0, &post(&tokens.access, "")), 204);
    refreshed(&mut emulator, 0, &tokens.refresh);
}

#[test]
fn a_changed_password_replaces_the_old_one() {
    let mut emulator = emulator();
    emulator.set_password(USER, "new");
    assert_eq!(status(&mut emulator, 0, &login(USER, PASSWORD)), 401);
    assert_eq!(status(&mut emulator, 0, &login(USER, "new")), 200);
}

#[test]
#[should_panic(expected = "there is no user nobody")]
fn a_control_for_an_unknown_user_panics() {
    emulator().set_password("nobody", "x");
}
