//! Secrets stay where they are. Errors and events are looked over in every case: see
//! [`assert_holds_no_secret`].

use std::sync::{Mutex, Once, PoisonError};

use log::{Level, LevelFilter, Log, Metadata, Record};
use simacan_auth::Credentials;
use simacan_auth_emulator::{Endpoint, Fault};

use crate::platform::{
    COOLED_DOWN, HOUR, USERNAME, WRONG_PASSWORD, World, assert_accepted, assert_holds_no_secret,
    denied, holds_secret,
};
use crate::subject::{CurrentThread, Flavour as _, Subject, Ureq, reqwest_builder};

conformance! {
    i9_no_secret_is_in_a_clients_debug_or_in_any_log_line,
}

/// Lines that hold a secret, of all that the HTTP clients have logged in any case so far.
static FOUND: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Watch;

impl Log for Watch {
    /// At `trace`, ureq dumps all that goes over the wire, for its own developers.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() < Level::Trace || !metadata.target().starts_with("ureq")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let line = format!("{}: {}", record.target(), record.args());
        if holds_secret(&line) {
            let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
            found.push(line);
        }
    }

    fn flush(&self) {}
}

pub(crate) fn watch_the_log() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Watch).expect("the only logger");
        log::set_max_level(LevelFilter::Trace);
    });
}

fn i9_no_secret_is_in_a_clients_debug_or_in_any_log_line<S: Subject>() {
    let (world, subject) = World::around::<S>();
    let look = || {
        let printed = subject.debug();
        assert_holds_no_secret(&printed);
        assert!(printed.contains("status: "), "{printed}");
    };
    look();
    assert_accepted(&subject.send_all(world.crowd(5)));
    look();
    world.revoke();
    world.script(Endpoint::Refresh, Fault::Truncated, 1);
    world.script(Endpoint::Password, Fault::CutShort, 1);
    let _ = subject.send_all(world.crowd(5));
    look();
    world.skip(COOLED_DOWN);
    world.emulate(|emulator| {
        emulator.revoke_access_tokens();
        emulator.revoke_refresh_tokens();
        emulator.set_password(USERNAME, "a third h0rse");
    });
    subject.set_credentials(Credentials::new(USERNAME, WRONG_PASSWORD));
    denied(subject.send(world.post("/x", "x")));
    look();
    assert_none_found();
}

#[track_caller]
fn assert_none_found() {
    let found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(found.is_empty(), "{found:#?}");
}

/// reqwest can be told to log all that goes over the wire. The requests to targets are the user's to show,
/// tokens included; the exchanges are not.
#[test]
fn i9_no_exchange_of_reqwest_is_in_the_log_even_if_connections_are_verbose() {
    let world = World::new();
    let builder = reqwest_builder(world.plan()).http(|http| {
        let http = http.tls_certs_only([]).no_proxy();
        http.connection_verbose(true)
    });
    let client = builder.build().expect("a client");
    let runtime = CurrentThread::runtime();
    runtime.block_on(client.log_in()).expect("logged in");
    world.skip(HOUR);
    runtime.block_on(client.log_in()).expect("logged in");
    world.assert_exchanges(1, 1);
    assert_none_found();
}

/// Neither the builder's nor what an agent that has it prints.
#[test]
fn i9_a_builder_prints_whose_session_it_makes_and_no_secret() {
    let world = World::new();
    let ureq = format!("{:?}", Ureq::builder(world.plan()));
    let plan = world.plan();
    let reqwest = simacan_auth_reqwest::Client::builder(plan.provider, plan.credentials);
    for printed in [ureq, format!("{reqwest:?}")] {
        assert_holds_no_secret(&printed);
        assert!(printed.contains(USERNAME), "{printed}");
        assert!(printed.contains("exchange_timeout"), "{printed}");
    }
}
