//! Control by request.

use std::time::Duration;

use http::{HeaderName, Request, StatusCode};
use simacan_auth_emulator::{
    Emulator, Endpoint, FaultRates, Place, Profile, Reuse, Rotation, Settings, Times,
};

use crate::test_client::*;

fn order(emulator: &mut Emulator, path: &str, fields: &[(&str, &str)]) -> (u16, String) {
    let answer = send(emulator, 0, &form(path, fields));
    let why = String::from_utf8(answer.body().clone()).unwrap();
    (answer.status().as_u16(), why)
}

/// As `sh` has it, of what stands in the README: words, quotes and the variables of a login.
fn words(line: &str, tokens: &Tokens) -> Vec<String> {
    let line = line.replace("$ACCESS", &tokens.access);
    let line = line.replace("$REFRESH", &tokens.refresh);
    let (mut words, mut quote) = (vec![String::new()], None);
    for char in line.chars() {
        match (char, quote) {
            ('\'' | '"', None) => quote = Some(char),
            (char, Some(end)) if char == end => quote = None,
            (' ', None) => words.push(String::new()),
            (char, _) => words.last_mut().unwrap().push(char),
        }
    }
    words
}

/// What curl makes of it.
fn request(words: &[String]) -> Request<String> {
    let mut request = Request::post("/").body(String::new()).unwrap();
    let mut words = words.iter().skip(1);
    while let Some(word) = words.next() {
        match &**word {
            "-X" => assert_eq!(words.next().unwrap(), "POST"),
            "-H" => {
                let (name, value) = words.next().unwrap().split_once(": ").unwrap();
                let name: HeaderName = name.parse().unwrap();
                request.headers_mut().insert(name, value.parse().unwrap());
            }
            data @ ("-d" | "--data-urlencode") => {
                let data_word = words.next().unwrap();
                let (name, value) = data_word.split_once('=').unwrap_or((data_word, ""));
                let encoded = form("/", &[(name, value)]);
                request.headers_mut().extend(encoded.headers().clone());
                *request.body_mut() = match data {
                    "-d" => data_word.clone(),
                    _ => encoded.into_body(),
                };
            }
            url => *request.uri_mut() = url.parse().unwrap(),
        }
    }
    request
}

#[test]
fn the_curl_lines_of_the_readme_are_answered_as_it_says() {
    let readme = include_str!("../../README.md");
    let settings = Settings::new()
        .with_user("driver", "one")
        .with_user("planner", "two words");
    let mut lines = 0;
    for line in readme.lines().filter(|line| line.starts_with("curl ")) {
        // Each for itself: some of them end what others begin.
        let mut emulator = Emulator::new(settings.clone());
        let tokens = tokens(&send(&mut emulator, 0, &login("driver", "one")));
        let (line, expected) = line.rsplit_once(" # ").expect("what is answered");
        let request = request(&words(line, &tokens));
        assert_eq!(
            status(&mut emulator, 0, &request).to_string(),
            expected,
            "{line}"
        );
        lines += 1;
    }
    assert!(lines > 12, "{lines}");
}

#[test]
fn what_is_set_is_what_the_settings_of_that_name_set() {
    let mut emulator = Emulator::new(settings());
    for (flag, value) in [
        ("access-token-life", "15m"),
        ("refresh-token-life", "2h"),
        ("profile", "keycloak"),
        ("grace", "5s"),
        ("rotation", "keep-old"),
        ("reuse", "refuse"),
        ("lock-out-after", "0"),
        ("client-id", "me"),
        ("client-secret", "secret"),
        ("seed", "7"),
        ("answer-lost", "20"),
        ("delay", "2s"),
        ("delayed", "1000"),
    ] {
        let answer = order(&mut emulator, "/emulator/set", &[(flag, value)]);
        assert_eq!(answer, (204, String::new()), "{flag}");
    }
    let seconds = Duration::from_secs;
    let settings = settings().with_access_token_life(seconds(900));
    let settings = settings.with_refresh_token_life(seconds(7200));
    let settings = settings.with_profile(Profile::Keycloak);
    let settings = settings.with_grace(seconds(5));
    let settings = settings.with_rotation(Rotation::KeepOld);
    let settings = settings.with_reuse(Reuse::Refuse);
    let settings = settings
        .with_lock_out_after(None)
        .with_client("me", Some("secret"));
    let settings = settings.with_seed(7).with_fault_rates(FaultRates {
        answer_lost: 20,
        delayed: 1000,
        delay: seconds(2),
        ..FaultRates::default()
    });
    assert_eq!(emulator, Emulator::new(settings));
}

#[test]
fn users_have_sessions_of_their_own() {
    let mut emulator = emulator();
    order(&mut emulator, "/emulator/set", &[("user", "planner:a:b")]);
    let planner = tokens(&send(&mut emulator, 0, &login("planner", "a:b")));
    let foo = log_in(&mut emulator, 0);
    let end = [("user", "planner")];
    assert_eq!(order(&mut emulator, "/emulator/end-sessions", &end).0, 204);
    assert_eq!(status(&mut emulator, 0, &post(&planner.access, "")), 401);
    assert_eq!(status(&mut emulator, 0, &refresh(&planner.refresh)), 401);
    assert_eq!(status(&mut emulator, 0, &post(&foo.access, "")), 204);
    assert_eq!(order(&mut emulator, "/emulator/end-sessions", &[]).0, 204);
    assert_eq!(status(&mut emulator, 0, &refresh(&foo.refresh)), 401);
    // Another password ends nothing.
    let planner = tokens(&send(&mut emulator, 0, &login("planner", "a:b")));
    order(&mut emulator, "/emulator/set", &[("user", "planner:c")]);
    assert_eq!(status(&mut emulator, 0, &login("planner", "a:b")), 401);
    assert_eq!(status(&mut emulator, 0, &login("planner", "c")), 200);
    assert_eq!(status(&mut emulator, 0, &post(&planner.access, "")), 204);
}

#[test]
fn one_token_dies_and_no_other() {
    let mut emulator = emulator();
    let (first, second) = (log_in(&mut emulator, 0), log_in(&mut emulator, 0));
    for token in [&first.access, &second.refresh] {
        let revoke = [("token", &**token)];
        assert_eq!(order(&mut emulator, "/emulator/revoke", &revoke).0, 204);
    }
    assert_eq!(status(&mut emulator, 0, &post(&first.access, "")), 401);
    assert_eq!(status(&mut emulator, 0, &post(&second.access, "")), 204);
    assert_eq!(status(&mut emulator, 0, &refresh(&second.refresh)), 401);
    refreshed(&mut emulator, 0, &first.refresh);
}

#[test]
fn faults_are_set_and_cleared_and_strike_no_order() {
    let mut emulator = emulator();
    let faults = [("request-lost", "1000"), ("next", "target:503")];
    assert_eq!(order(&mut emulator, "/emulator/set", &faults).0, 204);
    assert!(emulator.respond(at(0), &login(USER, PASSWORD)).is_none());
    assert_eq!(emulator.faults_in_store(), 1);
    assert_eq!(status(&mut emulator, 0, &post("x", "")), 503);
    emulator.answer_targets(Place::Anywhere, StatusCode::IM_A_TEAPOT, Times::Always);
    assert_eq!(order(&mut emulator, "/emulator/clear", &[]).0, 204);
    assert_eq!(status(&mut emulator, 0, &post("x", "")), 401);
    log_in(&mut emulator, 0);
    // None of it is in the ledger.
    let entries = emulator.ledger().entries();
    assert!(
        entries
            .iter()
            .all(|entry| entry.endpoint != Endpoint::Other)
    );
    assert_eq!(emulator.ledger().counters().others_received, 0);
}

#[test]
fn what_is_wrong_with_an_order_is_said_and_nothing_is_done() {
    let mut emulator = emulator();
    let before = emulator.clone();
    for (path, field, status, why) in [
        (
            "set",
            ("grace", "1d"),
            400,
            "grace: '1d' is not a time like 90, 90s, 15m or 24h",
        ),
        ("set", ("user", "foo"), 400, "user: it is not NAME:PASSWORD"),
        (
            "set",
            ("port", "1"),
            400,
            "port: no such flag; --help lists them",
        ),
        (
            "set",
            ("truncated", "1001"),
            400,
            "truncated: '1001' is not a number from 0 to 1000",
        ),
        (
            "set",
            ("next", "login:503"),
            400,
            "next: 'login' is none of password, refresh, target, other",
        ),
        (
            "set",
            ("next", "target:7"),
            400,
            "next: '7' is no status, no time like 5s, and none of request-lost, answer-lost, truncated, \
             cut-short, cut-at-end",
        ),
        (
            "revoke",
            ("token", "x"),
            400,
            "token=TEXT of the emulator's own, tokens=access or tokens=refresh",
        ),
        (
            "end-sessions",
            ("user", "x"),
            400,
            "user=NAME of one that there is, or nothing for all",
        ),
        (
            "restart",
            ("x", ""),
            404,
            "there are set, revoke, end-sessions and clear",
        ),
    ] {
        let answer = order(&mut emulator, &format!("/emulator/{path}"), &[field]);
        assert_eq!(answer, (status, format!("{why}\n")));
    }
    let get = Request::get("/emulator/clear").body(String::new()).unwrap();
    assert_eq!(status(&mut emulator, 0, &get), 405);
    assert_eq!(emulator, before);
}
