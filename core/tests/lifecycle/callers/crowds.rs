//! Many callers, one session: demand, generations, what was sent, and stale answers.

use crate::common::prelude::*;

#[test]
fn i6_200_callers_at_the_moment_of_expiry_cost_one_refresh() {
    let mut driver = Driver::expired();
    let pending: Vec<_> = (0..200).map(|_| driver.wait()).collect();
    driver.advance(SECOND);
    let pending = driver.wait_all(pending);
    driver.reply(&TOKENS);
    for pending in pending {
        assert_eq!(driver.go_with(pending).generation().get(), 2);
    }
    assert_eq!((driver.passwords(), driver.refreshes()), (1, 1));
}

#[test]
fn i6_200_callers_of_a_first_login_that_is_refused_are_all_told() {
    let mut driver = Driver::fresh();
    let pending: Vec<_> = (0..200).map(|_| driver.wait()).collect();
    driver.reply(&Reply::Refused);
    for pending in pending {
        driver.rejected_with(pending);
    }
    driver.advance(10 * HOUR);
    driver.rejected();
    assert_eq!(driver.passwords(), 1);
}

#[test]
fn i6_200_callers_with_a_401_cost_one_refresh() {
    let mut driver = Driver::for_an_hour();
    let sent: Vec<_> = (0..200).map(|_| driver.go()).collect();
    let retry = |sent| driver.retry_after_401(sent);
    let pending = sent.into_iter().map(retry).collect();
    let pending = driver.wait_all(pending);
    let newcomer = driver.wait();
    assert_eq!(driver.refreshes(), 1);
    driver.reply(&TOKENS);
    for pending in pending.into_iter().chain([newcomer]) {
        let sent = driver.go_with(pending);
        driver.deliver(sent, 200);
    }
    assert_eq!((driver.passwords(), driver.refreshes()), (1, 1));
    let unauthorized = |event: &Event| matches!(event, Event::Unauthorized { .. });
    assert_eq!(driver.told(unauthorized), 1);
}

#[test]
fn i5_a_late_401_for_a_replaced_token_starts_nothing() {
    let mut driver = Driver::due();
    let late: Vec<_> = (0..50).map(|_| driver.go()).collect();
    driver.reply(&TOKENS);
    for sent in late {
        let pending = driver.retry_after_401(sent);
        assert!(!driver.is_flying());
        let sent = driver.go_with(pending);
        assert_eq!(sent.generation().get(), 2);
        driver.deliver(sent, 200);
    }
    assert_eq!(driver.refreshes(), 1);
}

#[test]
fn i5_a_late_401_of_a_retry_is_delivered() {
    let mut driver = Driver::for_an_hour();
    let pending = driver.unauthorized();
    driver.reply(&TOKENS);
    let retry = driver.go_with(pending);
    driver.advance(2 * HOUR);
    let pending = driver.wait();
    driver.reply(&TOKENS);
    assert_eq!(driver.go_with(pending).generation().get(), 3);
    driver.deliver(retry, 401);
    assert!(!driver.is_flying());
    assert_eq!(driver.refreshes(), 2);
}

#[test]
fn i7_a_request_goes_out_twice_at_most_whatever_the_target_answers() {
    let mut driver = Driver::with_refreshes();
    for _ in 0..50 {
        let (mut sends, mut pending) = (0, Some(Pending::new()));
        while let Some(next) = pending.take() {
            let sent = driver.go_with(next);
            sends += 1;
            if let Review::Retry(again) = driver.review(sent, 401) {
                pending = Some(again);
            }
        }
        assert!(sends <= 2, "{sends} sends");
        driver.advance(7 * MINUTE);
    }
}

#[test]
fn i7_only_a_401_is_tried_again() {
    let mut driver = Driver::for_an_hour();
    for status in (100..600).filter(|&status| status != 401) {
        driver.go_and_deliver(status);
    }
    assert_eq!(driver.sent.len(), 1);
}

#[test]
fn i7_a_retry_stays_one_at_another_machine() {
    let (mut here, mut there) = (Driver::for_an_hour(), Driver::for_an_hour());
    let retry = here.unauthorized();
    let sent = there.go_with(retry);
    there.deliver(sent, 401);
}

#[test]
fn what_another_machine_sent_is_delivered_and_starts_nothing() {
    let (mut here, mut there) = (Driver::for_an_hour(), Driver::for_an_hour());
    let sent = here.go();
    there.deliver(sent, 401);
    assert!(!there.is_flying());
    assert_eq!(there.go().generation().get(), 1);
}

#[test]
fn what_another_machine_had_wait_waits_for_no_round_of_that_one() {
    let (mut here, mut there) = (Driver::fresh(), Driver::fresh());
    let pending = here.wait();
    // This machine's first round fails, too; the stranger has not waited for it.
    there.on_password = Some(Reply::Status(400));
    let _denied = there.wait();
    there.on_password = None;
    there.advance(MINUTE);
    let pending = there.wait_with(pending);
    there.reply(&TOKENS);
    let _sent: Sent = there.go_with(pending);
}

#[test]
fn i8_a_foreign_request_is_refused_and_starts_nothing() {
    let mut driver = Driver::fresh();
    for uri in [
        "https://evil.example/",
        "http://a.services.simacan.com/",
        "https://a-stg.services.simacan.com/",
        "https://a.services.simacan.com:444/",
        "https://u:p@a.services.simacan.com/",
        "/relative",
    ] {
        let pending = Pending::new();
        let authorization = driver.ask_for(uri, pending);
        assert!(
            matches!(authorization, Authorization::Foreign(_)),
            "{uri}: {authorization:?}"
        );
    }
    assert!(!driver.is_flying() && driver.events.is_empty());
}

#[test]
fn i8_a_retry_to_a_foreign_origin_is_refused_with_a_good_token() {
    let mut driver = Driver::for_an_hour();
    let pending = driver.unauthorized();
    driver.reply(&TOKENS);
    let mut target = request("https://evil.example/");
    target.headers_mut().insert("x-mine", "1".parse().unwrap());
    let authorization = driver.machine.authorize(driver.now, pending, &mut target);
    shows!(authorization, Authorization::Foreign(_));
    assert_eq!((target.headers().len(), bearer(&target)), (1, None));
}

#[test]
fn i4_nothing_else_starts_while_an_exchange_is_unreported() {
    let mut driver = Driver::due();
    let _retry = driver.unauthorized();
    for _ in 0..10 {
        driver.advance(HOUR);
        let _pending: Pending = driver.wait();
        driver.set_credentials("fleet", 2);
        driver.set_credentials("fleet", 3);
    }
    assert_eq!((driver.sent.len(), driver.wake), (2, None));
}

#[test]
fn i4_answers_to_unknown_foreign_and_reported_exchanges_change_nothing() {
    let mut driver = Driver::for_an_hour();
    let mut foreign = Driver::fresh();
    let _pending = foreign.wait();
    let foreign = foreign.flight.take().unwrap().exchange;
    driver.advance(HOUR);
    let pending = driver.wait();
    let spent = driver.flight.as_ref().unwrap().exchange;
    driver.reply(&Reply::Lost);
    let in_backoff = driver.wake;
    let report = |driver: &mut Driver, exchange| {
        let before = format!("{:?}", driver.machine);
        for reply in [TOKENS, Reply::Refused, DOWN] {
            let response = reply.response(99).unwrap();
            driver
                .machine
                .handle_response(driver.now, exchange, response);
        }
        let failure = TransportFailure::abandoned();
        driver.machine.handle_failure(driver.now, exchange, failure);
        assert_eq!(format!("{:?}", driver.machine), before);
        driver.settle();
    };
    report(&mut driver, foreign);
    report(&mut driver, spent);
    assert_eq!(driver.wake, in_backoff);
    driver.advance(SECOND);
    report(&mut driver, spent); // the second attempt is in flight
    assert_eq!(*driver.flying(), Driver::refresh_token(1));
    driver.reply(&TOKENS);
    report(&mut driver, spent);
    assert_eq!(driver.go_with(pending).generation().get(), 2);
}

#[test]
fn i1_without_a_refresh_token_the_password_follows_at_expiry_and_not_before() {
    let mut driver = Driver::given(&Reply::AccessOnly("3600"));
    driver.advance(HOUR - 30 * SECOND);
    let _sent = driver.go();
    assert!(!driver.is_flying());
    driver.advance(30 * SECOND);
    let pending = driver.wait();
    assert_eq!(*driver.flying(), Driver::password("fleet", 1));
    let sent = driver.reply_to(pending, &Reply::AccessOnly("3600"));
    let _retry = driver.retry_after_401(sent);
    assert_eq!(*driver.flying(), Driver::password("fleet", 1));
}

#[test]
fn i3_a_refresh_answer_without_a_refresh_token_keeps_the_old_one() {
    let mut driver = Driver::for_an_hour();
    for _ in 0..3 {
        driver.advance(HOUR);
        let pending = driver.wait();
        assert_eq!(*driver.flying(), Driver::refresh_token(1));
        let _sent = driver.reply_to(pending, &Reply::AccessOnly("3600"));
    }
}

#[test]
fn an_output_and_a_review_are_owned() {
    let mut driver = Driver::fresh();
    let pending = Pending::new();
    let mut target = request(API);
    let _authorization = driver.machine.authorize(START, pending, &mut target);
    let transmit = shows!(driver.machine.poll(START), Output::Transmit(transmit) => transmit);
    let response = TOKENS.response(1).unwrap();
    driver
        .machine
        .handle_response(START, transmit.exchange, response);
    assert_eq!(&transmit.request.body()[..9], b"username=");
    let pending = Pending::new();
    let sent = ready(driver.machine.authorize(START, pending, &mut target));
    let review = driver.machine.review(START, sent, StatusCode::OK);
    assert!(matches!(review, Review::Deliver));
    assert_eq!(bearer(&target), Some(format!("Bearer {MARK}-access-1")));
}
