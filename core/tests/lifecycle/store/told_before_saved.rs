//! What an exchange has brought is saved, and only then the callers hear of it (`manual::stores`). A
//! program ends when it has its answer, and what is not saved by then is lost to the next run.

use crate::common::prelude::*;

/// A first login whose answer is yet to be saved, of which nothing is told.
fn answered(status: u16) -> (Process, Pending, JobId) {
    let mut process = Process::start(&Memory::default(), START);
    let pending = process.demand();
    if status == 200 {
        process.receive_tokens();
    } else {
        process.receive(
            Response::builder()
                .status(status)
                .body(String::new())
                .unwrap(),
        );
    }
    let save = process.poll_op();
    (process, pending, save)
}

/// Its token is still good when it is refreshed, and the new one is yet to be saved.
fn refreshed_early() -> (Process, JobId) {
    let mut process = Process::logged_in(&Memory::default(), START);
    process.now = after(HOUR - 10 * SECOND);
    let _sent = process.go();
    process.run();
    process.receive_tokens();
    let save = process.poll_op();
    (process, save)
}

#[test]
fn i2_a_refusal_is_told_once_it_is_saved() {
    let (mut process, pending, save) = answered(401);
    let pending = process.wait_with(pending);
    process.end(save, JobEnd::Saved);
    shows!(process.poll(), Output::Event(Event::Rejected { .. }));
    process.denied_with(pending);
}

#[test]
fn i14_first_tokens_are_handed_out_once_they_are_saved() {
    let (mut process, pending, save) = answered(200);
    let pending = process.wait_with(pending);
    process.end(save, JobEnd::Saved);
    shows!(process.poll(), Output::Event(Event::LoggedIn { .. }));
    let _sent = process.go_with(pending);
}

#[test]
fn a_save_that_fails_keeps_nobody_waiting() {
    let (mut process, pending, save) = answered(200);
    process.end(save, JobEnd::StoreFailed(disk_full()));
    let _sent = process.go_with(pending);
}

#[test]
fn i14_while_tokens_are_saved_those_who_had_one_go_on_with_the_new_one() {
    let (mut process, saving) = refreshed_early();
    assert_eq!(process.machine.in_flight(), Some(saving));
    let _sent = process.go();
}

/// Whoever is told of a refusal asks the user for another password: not after that has been given.
#[test]
fn i2_a_refusal_is_told_before_the_credentials_that_end_it() {
    for username in ["fleet", "other"] {
        let (mut process, pending, save) = answered(401);
        process.set_credentials(username, 2);
        let told = [process.poll(), process.poll()];
        assert!(
            matches!(
                told,
                [
                    Output::Event(Event::Rejected { .. }),
                    Output::Event(Event::CredentialsReplaced { .. })
                ]
            ),
            "{told:?}"
        );
        let _pending = process.wait_with(pending);
        process.end(save, JobEnd::Saved);
        process.run();
        assert_eq!(process.password_of(), Some((username.to_owned(), 2)));
    }
}

/// The store's lock can't be had any more than the disk can be written to.
#[test]
fn i6_a_machine_that_gets_its_store_during_an_exchange_keeps_nobody_waiting() {
    let store = Memory::default();
    let machine = Machine::new(
        Provider::simacan(),
        credentials("fleet", 1),
        Config::default(),
    );
    let mut process = Process::of(machine, &store, START);
    let pending = process.demand();
    process.machine = process.machine.with_store();
    store.fail(Op::Lock, &StoreFailure::Locked, 1);
    process.grant();
    assert!(process.has_done(Op::Lock), "{:?}", process.log);
    let _sent = process.go_with(pending);
}

/// Those who had a token go on with the new one while it is saved, so their targets may refuse it.
#[test]
fn a_401_for_a_token_that_is_being_saved_is_told_after_the_token() {
    let (mut process, save) = refreshed_early();
    process.events.clear();
    let sent = process.go();
    let _retry = process.unauthorized(sent);
    process.end(save, JobEnd::Saved);
    process.run();
    assert!(
        matches!(
            process.events[..2],
            [Event::Refreshed { .. }, Event::Unauthorized { .. }]
        ),
        "{:?}",
        process.events
    );
}

/// A token is usable for a second at least, however long its answer took; and however long its save.
#[test]
fn i6_a_save_that_outlives_the_token_keeps_nobody_waiting_for_ever() {
    let (store, mut process) = Process::first();
    let mut pending = Pending::new();
    for _ in 0..100 {
        pending = match process.ask_with(pending) {
            Authorization::Wait(pending) => pending,
            Authorization::Ready(_) => return,
            other => panic!("{other:?}"),
        };
        loop {
            match process.poll() {
                Output::Store(op) => {
                    if matches!(op, StoreOp::Save(..)) {
                        process.now = process.now.saturating_add(2 * SECOND); // a slow disk
                    }
                    store.operate(&mut process.machine, process.now, op);
                }
                Output::Transmit(Transmit { exchange, .. }) => {
                    let tokens = Reply::Tokens("1").answer(1);
                    process
                        .machine
                        .handle_response(process.now, exchange, tokens);
                }
                Output::Event(_) => {}
                Output::Wait(_) | Output::Credentials(_) => break,
            }
        }
    }
    panic!("the caller still waits");
}

/// The tokens stay, so they are saved and told of.
#[test]
fn i14_a_new_password_between_an_answer_and_its_save_keeps_nobody_waiting() {
    let mut process = Process::start(&Memory::default(), START);
    let pending = process.demand();
    assert_eq!(process.log, LOGIN);
    process.log.clear();
    process.receive_tokens();
    process.set_credentials("fleet", 2);
    process.run();
    let told = ["new credentials", "logged in"].map(Op::Event);
    assert_eq!(process.log, [told[0], Op::Save, told[1], Op::Unlock]);
    let _sent = process.go_with(pending);
}
