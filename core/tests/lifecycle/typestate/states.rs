//! The typestate by itself: what each state can send, and how each exchange can end.

use crate::common::prelude::*;

#[track_caller]
fn refreshed(outcome: RefreshOutcome) -> Session<Authenticated> {
    shows!(outcome, RefreshOutcome::Authenticated(session) => session)
}

fn logged_in(reply: &Reply) -> Session<Authenticated> {
    let (_, exchange) = new_session().begin(START);
    entered(exchange.receive(START, reply.answer(1)))
}

fn for_an_hour() -> Session<Authenticated> {
    logged_in(&TOKENS)
}

fn refused(exchange: Exchange<Refreshing>, now: Timestamp) -> Session<ReLogin> {
    shows!(
        exchange.receive(now, Reply::Refused.answer(0)),
        RefreshOutcome::ReLogin(session) => session
    )
}

/// The token that `authorize` puts on a request, or why not.
macro_rules! token {
    ($session:expr, $now:expr) => {{
        let mut target = request(API);
        let result = $session.authorize($now, &mut target);
        result.map(|()| bearer(&target).unwrap())
    }};
}

/// As `token!` gives it.
#[expect(clippy::unnecessary_wraps, reason = "compared with results")]
fn token_number(number: u64) -> Result<String, AuthorizeError> {
    Ok(format!("Bearer {MARK}-access-{number}"))
}

#[test]
fn a_login_sends_the_password_and_its_token_goes_on_any_number_of_requests() {
    let (login, exchange) = new_session().begin(START);
    assert_eq!(login.method(), "POST");
    assert_eq!(
        login.uri(),
        "https://auth-service.services.simacan.com/api/v1/auth/password"
    );
    assert_eq!(
        &login.body()[..],
        b"username=fleet&password=s3cr3t-password-1"
    );
    let session = entered(exchange.receive(START, TOKENS.answer(1)));
    for _ in 0..3 {
        assert_eq!(token!(session, START), token_number(1));
    }
    assert_eq!(session.username(), "fleet");
}

#[test]
fn a_bearer_replaces_the_authorization_that_is_there() {
    let mut target = request(API);
    let headers = target.headers_mut();
    headers.append("authorization", "Basic eA==".parse().unwrap());
    headers.append("authorization", "Basic eQ==".parse().unwrap());
    for_an_hour().authorize(START, &mut target).unwrap();
    assert_eq!(target.headers().get_all("authorization").iter().count(), 1);
    assert_eq!(bearer(&target), token_number(1).ok());
}

#[test]
fn i8_a_foreign_request_is_refused_untouched() {
    let session = for_an_hour();
    for uri in [
        "http://a.services.simacan.com/",
        "https://a-stg.services.simacan.com/",
        "https://a.services.simacan.com:8443/",
        "https://a.b.services.simacan.com/",
        "https://a.services.simacan.com.example/",
        "https://a.services.simacan.com@evil.example/",
        "https://x@a.services.simacan.com/",
        "https://evil.example/",
        "/relative",
    ] {
        let mut target = request(uri);
        let mine = http::HeaderValue::from_static("Basic eA==");
        target.headers_mut().insert("authorization", mine.clone());
        let result = session.authorize(START, &mut target);
        assert!(
            matches!(result, Err(AuthorizeError::ForeignOrigin(_))),
            "{uri}: {result:?}"
        );
        assert_eq!(target.headers()["authorization"], mine, "{uri}");
    }
}

#[test]
fn a_lifetime_counts_from_when_the_request_was_emitted() {
    let (_, exchange) = new_session().begin(START);
    let received = after(20 * SECOND);
    let session = entered(exchange.receive(received, TOKENS.answer(1)));
    let end = after(HOUR);
    assert_eq!(session.expires_at(), Some(end));
    assert_eq!(token!(session, earlier(end, MILLI)), token_number(1));
    assert_eq!(token!(session, end), Err(AuthorizeError::Unusable));
}

#[test]
fn a_token_is_usable_for_a_second_from_its_receipt_however_slow_the_answer() {
    let (_, exchange) = new_session().begin(START);
    let received = after(2 * HOUR);
    let session = entered(exchange.receive(received, TOKENS.answer(1)));
    let end = received.saturating_add(SECOND);
    assert_eq!(token!(session, earlier(end, MILLI)), token_number(1));
    assert_eq!(token!(session, end), Err(AuthorizeError::Unusable));
}

#[test]
fn an_unknown_or_absurd_lifetime_never_expires() {
    for life in [
        "0",
        "-1",
        "null",
        "\"0\"",
        "18446744073709551615",
        "1e300",
        "99999999999999999999",
    ] {
        let session = logged_in(&Reply::Tokens(life));
        assert_eq!(session.expires_at(), None, "{life}");
        let far = after(Duration::from_secs(1 << 40));
        assert_eq!(token!(session, far), token_number(1), "{life}");
    }
}

#[test]
fn i12_a_clock_set_back_by_more_than_a_minute_ends_a_token_and_by_less_does_not() {
    let session = for_an_hour();
    assert_eq!(token!(session, earlier(START, MINUTE)), token_number(1));
    let set_back = earlier(START, MINUTE + MILLI);
    assert_eq!(token!(session, set_back), Err(AuthorizeError::Unusable));
}

#[test]
fn i12_an_answer_that_arrives_before_it_was_asked_for_gives_no_longer_life() {
    let (_, exchange) = new_session().begin(START);
    let received = earlier(START, HOUR);
    let session = entered(exchange.receive(received, Reply::Tokens("60").answer(1)));
    assert_eq!(session.expires_at(), Some(received.saturating_add(MINUTE)));
}

#[test]
fn i14_a_good_token_stays_usable_in_every_state_on_the_way_to_new_ones() {
    let session = refreshing(for_an_hour(), START, Cause::Due);
    assert_eq!(token!(session, START), token_number(1));
    let (_, exchange) = session.begin(START);
    assert_eq!(token!(exchange, START), token_number(1));
    let session = shows!(
        exchange.receive(START, DOWN.answer(0)),
        RefreshOutcome::Failed(session, _) => session
    );
    assert_eq!(token!(session, START), token_number(1));
    let session = refused(session.begin(START).1, START);
    assert_eq!(token!(session, START), token_number(1));
    let (_, exchange) = session.begin(START);
    assert_eq!(token!(exchange, START), token_number(1));
    let session = exchange.fail();
    assert_eq!(token!(session, START), token_number(1));
    let end = after(HOUR);
    assert_eq!(token!(session, end), Err(AuthorizeError::Unusable));
}

#[test]
fn a_401_condemns_the_token_in_every_state_on_the_way_to_new_ones() {
    let unusable = Err(AuthorizeError::Unusable);
    let session = refreshing(for_an_hour(), START, Cause::Unauthorized);
    assert_eq!(token!(session, START), unusable);
    let (_, exchange) = session.begin(START);
    assert_eq!(token!(exchange, START), unusable);
    let session = refused(exchange, START);
    assert_eq!(token!(session, START), unusable);
    let (_, exchange) = session.begin(START);
    assert_eq!(token!(exchange, START), unusable);
    let session = entered(exchange.receive(START, TOKENS.answer(2)));
    assert_eq!(token!(session, START), token_number(2));
}

#[test]
fn i3_each_refresh_sends_the_newest_refresh_token() {
    let mut session = for_an_hour();
    for number in 1..5 {
        let (request, exchange) = refreshing(session, START, Cause::Due).begin(START);
        let expected = format!("refresh_token={MARK}-refresh-{number}");
        assert_eq!(&request.body()[..], expected.as_bytes());
        assert!(request.uri().path().ends_with("/auth/refresh"));
        session = refreshed(exchange.receive(START, TOKENS.answer(number + 1)));
        assert_eq!(token!(session, START), token_number(number + 1));
    }
}

#[test]
fn a_refresh_answer_without_a_refresh_token_keeps_the_old_one() {
    let (_, exchange) = refreshing(for_an_hour(), START, Cause::Due).begin(START);
    let session = refreshed(exchange.receive(START, Reply::AccessOnly("3600").answer(2)));
    assert_eq!(token!(session, START), token_number(2));
    let (request, _exchange) = refreshing(session, START, Cause::Due).begin(START);
    assert_eq!(&request.body()[..], b"refresh_token=s3cr3t-refresh-1");
}

#[test]
fn a_relogin_without_a_refresh_token_does_not_revive_the_refused_one() {
    let (_, exchange) = refreshing(for_an_hour(), START, Cause::Due).begin(START);
    let (_, exchange) = refused(exchange, START).begin(START);
    let session = entered(exchange.receive(START, Reply::AccessOnly("3600").answer(2)));
    shows!(session.refresh(START, Cause::Due), Refresh::NotYet(_));
}

#[test]
fn a_refresh_whose_answer_was_lost_sends_the_same_token_again() {
    let (first, exchange) = refreshing(for_an_hour(), START, Cause::Due).begin(START);
    let (second, _exchange) = exchange.fail().begin(START);
    assert_eq!(&first.body()[..], &second.body()[..]);
}

#[test]
fn i1_without_a_refresh_token_the_password_follows_only_when_the_token_has_ended() {
    let alone = || logged_in(&Reply::AccessOnly("3600"));
    let end = after(HOUR);
    let session = shows!(
        alone().refresh(earlier(end, MILLI), Cause::Due),
        Refresh::NotYet(session) => session
    );
    assert_eq!(token!(session, START), token_number(1));
    for (now, cause) in [(end, Cause::Due), (START, Cause::Unauthorized)] {
        let session = shows!(alone().refresh(now, cause), Refresh::ReLogin(session) => session);
        let (request, _exchange) = session.begin(now);
        assert!(request.uri().path().ends_with("/auth/password"));
    }
}

#[test]
fn i2_a_rejection_leaves_the_provider_and_new_credentials_start_again() {
    let (_, exchange) = new_session().begin(START);
    let rejected = shows!(
        exchange.receive(START, Reply::Refused.answer(0)),
        LoginOutcome::Rejected(rejected) => rejected
    );
    assert_clean(&format!("{rejected:?}"));
    assert_eq!(rejected.username(), "fleet");
    assert_eq!(rejected.auth_host(), "auth-service.services.simacan.com");
    let session = Session::new(rejected.into_provider(), credentials("fleet", 2));
    let (request, _exchange) = session.begin(START);
    assert_eq!(
        &request.body()[..],
        b"username=fleet&password=s3cr3t-password-2"
    );
}

#[test]
fn a_login_that_decided_nothing_begins_again() {
    let mut session = new_session();
    for reply in [DOWN, Reply::Status(429), Reply::Body(200, "no tokens")] {
        let (_, exchange) = session.begin(START);
        session = match exchange.receive(START, reply.answer(0)) {
            LoginOutcome::Failed(session, failure) => {
                assert!(failure.is_transient(), "{failure}");
                session
            }
            other => panic!("{reply:?}: {other:?}"),
        };
    }
    let session = session.begin(START).1.fail();
    let (request, _exchange) = session.begin(START);
    assert_eq!(
        &request.body()[..],
        b"username=fleet&password=s3cr3t-password-1"
    );
}

#[test]
fn a_session_in_a_named_state_can_be_held_in_a_struct() {
    struct Client {
        session: Session<Authenticated>,
        last: Failure,
    }
    let client = Client {
        session: for_an_hour(),
        last: Failure::Transport(TransportFailure::abandoned()),
    };
    assert_eq!(token!(client.session, START), token_number(1));
    assert!(client.last.is_transient());
}
