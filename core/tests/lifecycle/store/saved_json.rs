//! The saved session: what it holds, what is made of a damaged one, and the typestate's side of it.

use crate::common::prelude::*;

const WHOLE: &str = r#"{"version":1,"revision":7,"endpoint":"https://auth-service.services.simacan.com/api/v1/auth/password","client_id":null,"scope":null,"username":"fleet","tokens":{"access_token":"s3cr3t-a","refresh_token":"s3cr3t-r","received_at":1800000000000,"expires_at":1800003600000},"logins":{"count":2,"last":1800000000000},"login_answers":[{"check":513,"last":{"at":1800000000000},"refusal":{"at":{"at":1800000000000}}}]}"#;

fn read(json: &str) -> Result<SavedSession, InvalidSavedSession> {
    SavedSession::from_json(json.as_bytes())
}

/// Without the checksum, which is its last member.
fn written(saved: &SavedSession) -> String {
    let mut json = String::from_utf8(saved.to_json().to_vec()).unwrap();
    json.truncate(json.rfind(",\"checksum\":\"").unwrap());
    json + "}"
}

#[test]
fn what_is_written_is_read_and_written_the_same() {
    let saved = read(WHOLE).unwrap();
    assert_eq!((saved.revision(), saved.username()), (7, "fleet"));
    assert_eq!(written(&saved), WHOLE);
}

#[test]
fn members_of_a_later_version_are_kept() {
    let more = r#","comment":["of a later version", 1e2],"\u00e9\"":null}"#;
    let with_more = WHOLE[..WHOLE.len() - 1].to_owned() + more;
    let kept = WHOLE[..WHOLE.len() - 1].to_owned()
        + r#","comment":["of a later version", 1e2],"é\"":null}"#;
    let saved = read(&with_more).unwrap();
    assert_eq!(written(&saved), kept);
    let again = SavedSession::from_json(&saved.to_json()).unwrap();
    assert_eq!(written(&again), kept);
}

#[test]
fn i10_whatever_was_altered_is_told() {
    let whole = read(WHOLE).unwrap().to_json();
    let name = whole.len() - 30..whole.len() - 20; // `"checksum"`: without it nothing is compared
    for index in (0..whole.len()).filter(|index| !name.contains(index)) {
        let mut altered = whole.to_vec();
        altered[index] ^= 1;
        let error = SavedSession::from_json(&altered).unwrap_err();
        let text = String::from_utf8_lossy(&altered);
        assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{text}");
    }
    let other_user = String::from_utf8(whole.to_vec()).unwrap();
    let other_user = other_user.replace("fleet", "other");
    assert_eq!(read(&other_user).unwrap_err(), InvalidSavedSession::Altered);
    let padded = [&*whole, &[b'\n'; 4096]].concat();
    assert!(SavedSession::from_json(&padded).is_ok());
}

#[test]
fn tokens_of_every_character_survive() {
    let all: String = (0x20..=0x7E).map(char::from).collect();
    let token = serde_json::to_string(&all).unwrap();
    let response =
        format!(r#"{{"access_token":{token},"refresh_token":{token},"token_type":"bearer"}}"#);
    let session = new_session();
    let (_, exchange) = session.begin(START);
    let session = entered(exchange.receive(START, Response::new(response)));
    let json = session.save(1).to_json();
    let session = new_session();
    let session = shows!(
        session.resume(SavedSession::from_json(&json).unwrap()),
        Resumed::Authenticated(session) => session
    );
    let mut request = request("https://a.services.simacan.com/");
    session.authorize(START, &mut request).unwrap();
    assert_eq!(request.headers()["authorization"], format!("Bearer {all}"));
    let (request, _exchange) = refreshing(session, START, Cause::Due).begin(START);
    let sent = form_urlencoded::parse(request.body()).next().unwrap();
    assert_eq!(sent, ("refresh_token".into(), all.as_str().into()));
}

#[test]
fn i10_one_that_is_cut_off_anywhere_is_told_so() {
    for end in 0..WHOLE.len() {
        let error = read(&WHOLE[..end]).unwrap_err();
        assert_eq!(error, InvalidSavedSession::Truncated, "{end}");
    }
}

#[test]
fn i9_i10_each_kind_of_damage_has_its_name_and_tells_no_secret() {
    let malformed = |error| matches!(error, InvalidSavedSession::Malformed { line: 1, .. });
    for (from, to) in [
        ("\"s3cr3t-a\"", "[\"s3cr3t-a\"]"),
        ("\"s3cr3t-a\"", "\"s3cr3t-é\""),
        ("\"s3cr3t-a\"", "\"s3cr3t%0a\""),
        ("\"s3cr3t-r\"", "\"\""),
        ("1800003600000", "\"s3cr3t\""),
        ("1800003600000", "-1"),
        ("\"username\":\"fleet\",", ""),
        ("\"revision\":7", "\"revision\":7,\"revision\":8"),
        ("\"count\":2", "\"count\":4294967296"),
        ("\"check\":513", "\"check\":65536"),
    ] {
        let error = read(&WHOLE.replacen(from, to, 1)).unwrap_err();
        assert!(malformed(error), "{to}: {error:?}");
        assert!(
            !format!("{error} {error:?}").contains("s3cr3t"),
            "I9: {error}"
        );
    }
    let newer = WHOLE.replacen("\"version\":1", "\"version\":2", 1);
    let error = read(&newer).unwrap_err();
    assert_eq!(error, InvalidSavedSession::UnknownVersion(2));
    let error = serde_json::from_str::<SavedSession>(&newer).unwrap_err();
    assert!(error.to_string().contains("an unknown version"), "{error}");
    let not_json = InvalidSavedSession::NotJson { line: 1, column: 1 };
    assert_eq!(read("<html>").unwrap_err(), not_json);
    let huge = format!("{WHOLE}{}", " ".repeat(1 << 20));
    assert_eq!(read(&huge).unwrap_err(), InvalidSavedSession::TooLarge);
    let padded = format!("{WHOLE}{}", " ".repeat((1 << 20) - WHOLE.len()));
    assert!(read(&padded).is_ok());
}

#[test]
fn times_out_of_all_range_are_held_to_it() {
    let extreme = WHOLE.replace("1800000000000", &u64::MAX.to_string());
    let max = Timestamp::MAX.as_millis().to_string();
    let expected = WHOLE.replace("1800000000000", &max);
    assert_eq!(written(&read(&extreme).unwrap()), expected);
}

#[test]
fn i9_neither_it_nor_its_json_prints_a_secret() {
    let saved = read(WHOLE).unwrap();
    let printed = format!("{saved:?} {:?}", saved.to_json());
    assert!(!printed.contains("s3cr3t"), "I9: {printed}");
    assert_eq!(
        printed,
        "SavedSession { endpoint: \"https://auth-service.services.simacan.com/api/v1/auth/password\", \
         username: \"fleet\", revision: 7, expires_at: Some(Timestamp(1800003600000)), .. } \
         SavedJson([redacted])"
    );
}

#[test]
fn i8_a_session_is_resumed_by_its_own_user_at_its_own_endpoint_only() {
    let oauth2 = |client: &str, url: &str| {
        Provider::oauth2(url, ClientAuth::public(client))
            .build()
            .unwrap()
    };
    let own = oauth2("c", "https://l.example/t");
    let session = Session::new(own.clone(), Credentials::new("fleet", "p"));
    let (_, exchange) = session.begin(START);
    let tokens = r#"{"access_token":"a","token_type":"bearer"}"#;
    let session = entered(exchange.receive(START, Response::new(tokens)));
    let json = session.save(3).to_json();
    let scoped = Provider::oauth2("https://l.example/t", ClientAuth::public("c"));
    let scoped = scoped.scope("trips").build().unwrap();
    for (provider, username, is_own) in [
        (own.clone(), "fleet", true),
        (scoped, "fleet", false),
        (own, "other", false),
        (oauth2("d", "https://l.example/t"), "fleet", false),
        (oauth2("c", "https://m.example/t"), "fleet", false),
        (Provider::simacan(), "fleet", false),
    ] {
        let saved = SavedSession::from_json(&json).unwrap();
        assert_eq!(saved.belongs_to(&provider, username), is_own);
        let session = Session::new(provider, Credentials::new(username, "q"));
        let resumed = session.resume(saved);
        assert_eq!(matches!(resumed, Resumed::Authenticated(_)), is_own);
    }
}

#[test]
fn a_session_without_tokens_resumes_nothing() {
    let tokens = WHOLE.find("\"tokens\":").unwrap();
    let logins = WHOLE.find("\"logins\"").unwrap();
    let without = format!("{}\"tokens\":null,{}", &WHOLE[..tokens], &WHOLE[logins..]);
    let session = new_session();
    let resumed = session.resume(read(&without).unwrap());
    assert!(matches!(resumed, Resumed::Unauthenticated(_)));
}

/// The buffer has its size before anything is written to it, which is asserted in debug builds.
#[test]
fn i9_texts_that_need_escapes_fit_into_the_buffer() {
    let hard = "\u{1}".repeat(1000);
    let token = "\"".repeat(1000);
    let username = serde_json::to_string(&hard).unwrap();
    let escaped = "%22".repeat(1000);
    let json = WHOLE
        .replace("\"fleet\"", &username)
        .replace("s3cr3t-a", &escaped)
        .replace("s3cr3t-r", &escaped);
    let saved = SavedSession::from_json(json.as_bytes()).unwrap();
    assert_eq!(saved.username(), hard);
    let written = written(&saved);
    assert_eq!(written, json);
    let credentials = Credentials::new(hard, "p");
    let session = shows!(
        Session::new(Provider::simacan(), credentials).resume(saved),
        Resumed::Authenticated(session) => session
    );
    let mut request = request("https://tracking.services.simacan.com/x");
    session.authorize(START, &mut request).unwrap();
    assert_eq!(
        request.headers()["authorization"],
        format!("Bearer {token}")
    );
}

/// A deserializer that owns its strings.
#[test]
fn a_session_is_read_from_any_deserializer() {
    let value: serde_json::Value = serde_json::from_str(WHOLE).unwrap();
    let saved: SavedSession = serde_json::from_value(value).unwrap();
    assert_eq!(written(&saved), WHOLE);
}
