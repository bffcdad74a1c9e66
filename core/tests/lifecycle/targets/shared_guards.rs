//! What the 401s of a target may start, where several processes or one after the other share a session.

use crate::common::prelude::*;

/// One request, with all that follows from its answers. What the caller gets, and how many refreshes were made.
fn send(process: &mut Process, uri: &str, answers: &[u16]) -> (u16, usize) {
    process.log.clear();
    let mut pending = Pending::new();
    let mut answers = answers.iter().cycle();
    let status = loop {
        let now = process.now;
        pending = match process.ask_for(uri, pending) {
            Authorization::Ready(sent) => {
                let status = *answers.next().unwrap();
                let code = StatusCode::from_u16(status).unwrap();
                match process.machine.review(now, sent, code) {
                    Review::Deliver => break status,
                    Review::Retry(pending) => pending,
                }
            }
            Authorization::Wait(pending) => pending,
            other => panic!("{other:?}"),
        };
        finish(process);
    };
    finish(process);
    let refreshes = process.log.iter().filter(|op| **op == Op::Refresh);
    (status, refreshes.count())
}

fn finish(process: &mut Process) {
    process.run();
    while process.flight.is_some() {
        process.grant();
    }
}

/// A program is started every so often, sends one request and ends. How many refreshes they make in all.
fn starts(store: &Memory, from: Timestamp, every: Duration, n: u32, answers: &[u16]) -> usize {
    let one = |n: u32| {
        let mut process = Process::start(store, from.saturating_add(every * n));
        send(&mut process, API, answers).1
    };
    (0..n).map(one).sum()
}

#[test]
fn i15_a_target_that_always_answers_401_is_bounded_over_a_start_every_6_s() {
    let store = Memory::with_session();
    let refreshes = starts(&store, START, 6 * SECOND, 600, &[401]);
    assert!((5..=15).contains(&refreshes), "{refreshes} in an hour");
}

#[test]
fn i15_a_target_that_answers_401_at_first_is_bounded_over_a_start_every_6_s() {
    let store = Memory::with_session();
    let refreshes = starts(&store, START, 6 * SECOND, 599, &[401, 200]);
    assert_eq!(refreshes, 60);
    let later = after(HOUR);
    assert_eq!(starts(&store, later, SECOND, 6, &[401, 200]), 1);
}

#[test]
fn i15_two_processes_count_a_targets_refreshes_together() {
    let (store, mut first) = Process::first_logged_in();
    let mut second = Process::start(&store, START);
    finish(&mut second);
    send(&mut second, API, &[200]);
    let mut refreshes = 0;
    for _ in 0..200 {
        for process in [&mut first, &mut second] {
            process.now = process.now.saturating_add(SECOND);
            // The path differs, so that none vouches for another.
            let uri = format!("{API}/{}", process.now);
            refreshes += send(process, &uri.replace(' ', "-"), &[401, 200]).1;
        }
    }
    // Of the last few one of them may not have heard yet.
    within(refreshes, 60..=70);
}

/// Its 401s have the other one's tokens taken over: no exchange, no strike, and none of the 60 is used.
#[test]
fn i15_a_round_that_ends_with_the_tokens_of_another_process_counts_for_nothing() {
    let (store, mut busy) = Process::first_logged_in();
    let mut idle = Process::start(&store, START);
    send(&mut idle, API, &[200]);
    for n in 0..70 {
        let other = format!("https://api-{}.services.simacan.com/", n % 3);
        assert_eq!(send(&mut busy, &other, &[401, 200]), (200, 1));
        let sent = idle.go_to(API, Pending::new());
        let pending = idle.unauthorized(sent);
        finish(&mut idle);
        assert!(matches!(idle.events.last(), Some(Event::Adopted { .. })));
        // It ends before there is an answer.
        let _sent = idle.go_to(API, pending);
    }
    // The next one is dead on arrival: one refresh cures it.
    assert_eq!(send(&mut busy, OTHER_API, &[401, 200]), (200, 1));
    let sent = idle.go_to(API, Pending::new());
    let pending = idle.unauthorized(sent);
    finish(&mut idle);
    idle.log.clear();
    let sent = idle.go_to(API, pending);
    let review = idle
        .machine
        .review(idle.now, sent, StatusCode::UNAUTHORIZED);
    assert!(matches!(review, Review::Deliver), "sent twice by now");
    finish(&mut idle);
    assert!(idle.has_done(Op::Refresh), "{:?}", idle.log);
    assert_eq!(send(&mut idle, API, &[200]), (200, 0));
}

#[test]
fn i15_a_strike_is_forgiven_for_the_next_process_too() {
    let (store, mut process) = Process::first_logged_in();
    assert_eq!(send(&mut process, API, &[401]), (401, 1));
    let mut next = Process::start(&store, START);
    assert_eq!(send(&mut next, API, &[401, 200]), (401, 0));
    assert_eq!(send(&mut process, API, &[200]), (200, 0));
    finish(&mut process);
    let mut next = Process::start(&store, START);
    assert_eq!(send(&mut next, API, &[401, 200]), (200, 1));
}

/// There is something to save then, and whoever has a cached bearer would not poll.
#[test]
fn a_cached_bearer_is_void_once_a_strike_is_forgiven() {
    let (_, mut process) = Process::first_logged_in();
    let bad = format!("{API}/bad");
    for _ in 0..31 {
        assert_eq!(send(&mut process, &bad, &[401]), (401, 1));
        assert_eq!(send(&mut process, API, &[200]), (200, 0));
    }
    assert_eq!(send(&mut process, &bad, &[401]), (401, 1));
    let sent = process.go_to(API, Pending::new());
    let cached = process.cached_bearer();
    let is_good = || cached.authorize(START.into(), &mut request(API)).is_some();
    assert!(is_good());
    let review = process.machine.review(START, sent, StatusCode::OK);
    assert!(matches!(review, Review::Deliver));
    assert!(!is_good());
    process.log.clear();
    process.run();
    assert_eq!(process.log, VISIT);
}

#[test]
fn i15_a_refresh_that_was_never_answered_is_counted_by_the_next_process() {
    let store = Memory::with_session();
    let mut refreshes = 0;
    for n in 0..100 {
        // Further apart than a cool-down.
        let now = after(n * 20 * SECOND);
        let mut process = Process::start(&store, now);
        let pending = process.demand();
        let sent = process.go_to(API, pending);
        if let Review::Retry(_) = process.machine.review(now, sent, StatusCode::UNAUTHORIZED) {
            process.run();
            refreshes += 1;
            process.lose(); // and it ends
        }
    }
    assert_eq!(refreshes, 60);
}

#[test]
fn i12_what_a_process_with_a_clock_that_was_ahead_has_saved_is_over_after_an_hour() {
    let store = Memory::default();
    let ahead = after(1000 * HOUR);
    Process::logged_in(&store, ahead);
    assert_eq!(starts(&store, ahead, SECOND, 70, &[401, 200]), 60);
    // Each start is a process of its own, which must not wait anew.
    let refreshes = starts(&store, START, MINUTE, 50, &[401, 200]);
    assert_eq!(refreshes, 1, "the token counts as expired");
    let later = after(HOUR);
    let refreshes = starts(&store, later, SECOND, 1, &[401, 200]);
    assert_eq!(refreshes, 2, "it has expired, and the next one gets a 401");
}

#[test]
fn what_older_versions_have_saved_says_nothing_of_targets_and_is_taken() {
    let (store, mut process) = Process::first_logged_in();
    assert!(!store.text().contains("targets"), "{}", store.text());
    assert_eq!(send(&mut process, API, &[401, 200]), (200, 1));
    let text = store.text();
    let at = format!(r#""started":[{}]"#, START.as_millis());
    assert!(text.contains(&at), "{text}");
}

/// Another process may have sent the same refresh token, and ended all that came of it.
#[test]
fn i15_a_refresh_whose_lock_was_lost_is_no_word_on_a_target() {
    let (store, mut process) = Process::first_logged_in();
    let sent = process.go_to(API, Pending::new());
    let pending = process.unauthorized(sent);
    process.run();
    store.fail(Op::Save, &StoreFailure::Superseded, 1);
    process.grant();
    let sent = process.go_to(API, pending);
    assert!(matches!(
        process
            .machine
            .review(START, sent, StatusCode::UNAUTHORIZED),
        Review::Deliver
    ));
    // It was the second try of that request. The 401 starts another refresh all the same.
    process.log.clear();
    process.run();
    assert!(process.has_done(Op::Refresh), "{:?}", process.log);
    process.grant();
    assert_eq!(send(&mut process, API, &[200]), (200, 0));
}
