//! No copy of a password or token that was dropped is left in memory that the core owned, nor by
//! the driver's thread.
//!
//! All that this program ever allocates stays in the arena. What the test itself says stands in its
//! binary and not there.

use simacan_auth::Pending;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use http::{Response, StatusCode};
use simacan_auth::{
    Authorization, Cause, ClientAuth, Config, Credentials, JobId, LockRequest, LoginOutcome,
    Machine, Output, Provider, Refresh, RefreshOutcome, ResponseBody, Resumed, Review,
    SavedSession, Session, SessionStore, Timestamp,
};
use simacan_auth_driver::{Driver, Process, System, block_on};
use simacan_auth_file_store::FileStore;
use simacan_auth_memory::Arena;

#[global_allocator]
static ARENA: Arena<{ 64 << 20 }> = Arena::new();

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const API: &str = "https://a.services.simacan.com/";

/// They stand in the secrets. No escape and no encoding changes them. Those that are unescaped or encoded go on
/// after them: a buffer that grew would leave them behind.
const PASSWORDS: [&str; 2] = ["PASSWORDONE", "PASSWORDTWO"];
const ACCESS: [&str; 3] = ["ACCESSONE", "ACCESSTWO", "ACCESSTHREE"];
const REFRESH: [&str; 3] = ["REFRESHONE", "REFRESHTWO", "REFRESHTHREE"];
const CLIENT: &str = "CLIENTSECRET";
/// `me:CLIENTSECRET`, as `Basic` has it.
const BASIC: &str = "bWU6Q0xJRU5UU0VDUkVU";

fn copies(text: &str) -> usize {
    // SAFETY: the program has one thread; those of a driver have ended.
    unsafe { ARENA.count(text.as_bytes()) }
}

#[track_caller]
fn assert_gone(texts: &[&str]) {
    for text in texts {
        assert_eq!(copies(text), 0, "{text} is still in memory");
    }
}

fn credentials(number: usize) -> Credentials {
    // With characters that a form has to encode.
    let password = [
        "p&ss=é PASSWORDONE&more-than-a-buffer-would-have-grown-to-by-then",
        "p&ss=é PASSWORDTWO&more-than-a-buffer-would-have-grown-to-by-then",
    ][number];
    Credentials::new("u", password)
}

/// Some have to be unescaped, and some to be encoded in a form.
fn tokens(number: usize) -> Response<&'static [u8]> {
    Response::new(
        [
            &br#"{"access_token":"aACCESSONE","token_type":"bearer","refresh_token":"rREFRESHONE","expires_in":3600}"#[..],
            &br#"{"access_token":"\u0061ACCESSTWO\/more-than-a-buffer-would-have-grown-to-by-then","token_type":"bearer","refresh_token":"\u0072REFRESHTWO\/more-than-a-buffer-would-have-grown-to-by-then","expires_in":"3600"}"#[..],
            &br#"{"access_token":"aACCESSTHREE","token_type":"bearer","refresh_token":"rREFRESHTHREE","expires_in":3600}"#[..],
        ][number],
    )
}

fn status(status: StatusCode, body: &'static [u8]) -> Response<&'static [u8]> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

fn typestate(provider: Provider, has_client: bool) {
    let (request, exchange) = Session::new(provider, credentials(0)).begin(NOW);
    assert!(
        copies(PASSWORDS[0]) >= 2,
        "in the credentials and in the request"
    );
    if has_client {
        assert!(copies(CLIENT) + copies(BASIC) >= 2);
    }
    drop(request);
    assert_eq!(copies(PASSWORDS[0]), 1, "the request is wiped");
    let LoginOutcome::Authenticated(session) = exchange.receive(NOW, tokens(0)) else {
        panic!("these are tokens");
    };
    assert_eq!((copies(ACCESS[0]), copies(REFRESH[0])), (1, 1));
    let mut target = http::Request::get(API).body(()).expect("it is well formed");
    let _ = session.authorize(NOW, &mut target);
    assert_eq!(copies(ACCESS[0]), 1, "a request shares the header");
    drop(target);

    let Refresh::Refreshing(session) = session.refresh(NOW, Cause::Unauthorized) else {
        panic!("there is a refresh token");
    };
    let (request, exchange) = session.begin(NOW);
    drop(request);
    let RefreshOutcome::Authenticated(session) = exchange.receive(NOW, tokens(1)) else {
        panic!("these are tokens");
    };
    // I3: the spent refresh token is not kept anywhere, and neither is the old access token.
    assert_gone(&[ACCESS[0], REFRESH[0]]);
    assert_eq!((copies(ACCESS[1]), copies(REFRESH[1])), (1, 1));

    let Refresh::Refreshing(session) = session.refresh(NOW, Cause::Unauthorized) else {
        panic!("there is a refresh token");
    };
    let (request, exchange) = session.begin(NOW);
    drop(request);
    let refused = if has_client {
        let body = br#"{"error":"invalid_grant","error_description":"REFRESHTWO"}"#;
        status(StatusCode::BAD_REQUEST, body)
    } else {
        status(StatusCode::UNAUTHORIZED, b"REFRESHTWO")
    };
    let RefreshOutcome::ReLogin(session) = exchange.receive(NOW, refused.clone()) else {
        panic!("it was refused");
    };
    assert_gone(&[REFRESH[1]]);
    let (request, exchange) = session.begin(NOW);
    drop(request);
    let LoginOutcome::Rejected(rejected) = exchange.receive(NOW, refused) else {
        panic!("it was refused");
    };
    drop(rejected.into_provider());
    assert_gone(&PASSWORDS);
    assert_gone(&ACCESS);
    assert_gone(&REFRESH);
    assert_gone(&[CLIENT, BASIC]);
}

/// Sends what is due and has it answered.
fn answer(machine: &mut Machine, response: Response<&'static [u8]>) {
    let mut response = Some(response);
    loop {
        match machine.poll(NOW) {
            Output::Event(_) => {}
            Output::Store(op) => panic!("it has no store: {op:?}"),
            Output::Credentials(_) => unreachable!("it has no source"),
            Output::Wait(_) => break,
            Output::Transmit(transmit) => {
                let response = response.take().expect("only one is due");
                machine.handle_response(NOW, transmit.exchange, response);
            }
        }
    }
}

/// The token serves, and then dies.
fn unauthorized(machine: &mut Machine) {
    for status in [StatusCode::OK, StatusCode::UNAUTHORIZED] {
        let mut target = http::Request::get(API).body(()).expect("it is well formed");
        let authorization = machine.authorize(NOW, Pending::new(), &mut target);
        let Authorization::Ready(sent) = authorization else {
            panic!("there is a token");
        };
        let review = machine.review(NOW, sent, status);
        let is_retry = matches!(review, Review::Retry(_));
        assert_eq!(is_retry, status == StatusCode::UNAUTHORIZED);
    }
}

fn machine() {
    let mut machine = Machine::new(Provider::simacan(), credentials(0), Config::default());
    let pending = Pending::new();
    let waits = machine.log_in(NOW, pending);
    assert!(matches!(waits, Authorization::Wait(_)));
    answer(&mut machine, tokens(0));
    assert_eq!((copies(ACCESS[0]), copies(REFRESH[0])), (1, 1));

    // A new password in place of the old, while there are tokens.
    machine.handle_credentials(NOW, credentials(1));
    assert_gone(&PASSWORDS[..1]);

    // Bodies that are no tokens, though some are in them.
    let half = br#"{"access_token":"aACCESSTHREE","token_type":"bearer","refresh_token":"\u0072REFRESHTHREE"#;
    let wrong = br#"{"access_token":"a\u0001ACCESSTHREE","refresh_token":"\u0072REFRESHTHREE","token_type":"bearer"}"#;
    let mac = br#"{"access_token":"\u0061ACCESSTHREE","token_type":"mac","refresh_token":"rREFRESHTHREE"}"#;
    for body in [&half[..], wrong, mac] {
        let (_, exchange) = Session::new(Provider::simacan(), credentials(1)).begin(NOW);
        let outcome = exchange.receive(NOW, Response::new(body));
        let LoginOutcome::Failed(session, failure) = outcome else {
            panic!("these are no tokens");
        };
        drop(session);
        assert!(!failure.to_string().is_empty());
        assert_gone(&[ACCESS[2], REFRESH[2]]);
    }

    unauthorized(&mut machine);
    answer(&mut machine, tokens(1));
    assert_gone(&[ACCESS[0], REFRESH[0]]);

    // Another user: nothing of the last one stays, not even while an exchange is in flight.
    assert_eq!((copies(ACCESS[1]), copies(REFRESH[1])), (1, 1));
    machine.handle_credentials(NOW, Credentials::new("v", "PASSWORDONE"));
    assert_gone(&[ACCESS[1], REFRESH[1], PASSWORDS[1]]);
    let pending = Pending::new();
    let waits = machine.log_in(NOW, pending);
    assert!(matches!(waits, Authorization::Wait(_)));
    answer(
        &mut machine,
        status(StatusCode::UNAUTHORIZED, b"PASSWORDONE"),
    );
    // It is remembered, so as never to be sent again (I2).
    assert!(copies(PASSWORDS[0]) >= 1);
    drop(machine);
    assert_gone(&PASSWORDS);
    assert_gone(&ACCESS);
    assert_gone(&REFRESH);
}

fn store() -> (PathBuf, FileStore) {
    let place = std::env::temp_dir().join(format!("simacan-auth-memory-{}", std::process::id()));
    let store = FileStore::new(place.join("session.json"));
    (place, store)
}

/// Saved, read again, and damaged: by way of a file.
fn saved() {
    const DAMAGED: [&[u8]; 3] = [
        br#"{"version":1,"tokens":{"access_token":"aACCESSTHREE","refresh_token":"rREFRESHTHREE"#,
        br#"{"version":1,"tokens":{"access_token":"aACCESSTHREE","refresh_token":["rREFRESHTHREE"]}}"#,
        br#"{"version":1,"tokens":{"access_token":"%61ACCESSTHREE","refresh_token":"rREFRESHTHREE%0a"}}"#,
    ];
    let (place, store) = store();
    let (_, exchange) = Session::new(Provider::simacan(), credentials(0)).begin(NOW);
    let LoginOutcome::Authenticated(session) = exchange.receive(NOW, tokens(1)) else {
        panic!("these are tokens");
    };
    let saved = session.save(1);
    drop(session);
    let request = LockRequest {
        patience: Duration::ZERO,
        hold: Duration::ZERO,
    };
    let mut locked = store.lock(request).expect("nobody else has it");
    locked.save(&saved.to_json()).expect("there is room");
    drop(saved);
    assert_gone(&[ACCESS[1], REFRESH[1]]);

    let json = locked.load().expect("it can be read").expect("it is there");
    let loaded = SavedSession::from_json(&json).expect("it is whole");
    drop(json);
    assert_eq!((copies(ACCESS[1]), copies(REFRESH[1])), (1, 1));
    let session = Session::new(Provider::simacan(), credentials(0)).resume(loaded);
    assert!(matches!(session, Resumed::Authenticated(_)));
    drop(session);
    assert_gone(&[ACCESS[1], REFRESH[1]]);

    for damaged in DAMAGED {
        assert!(SavedSession::from_json(damaged).is_err());
        assert_gone(&[ACCESS[2], REFRESH[2]]);
    }
    drop(locked);
    std::fs::remove_dir_all(place).expect("it is ours");
}

/// Sends what is due, and has it in flight.
fn send(machine: &mut Machine) -> JobId {
    loop {
        match machine.poll(NOW) {
            Output::Event(_) => {}
            Output::Store(op) => panic!("it has no store: {op:?}"),
            Output::Credentials(_) => unreachable!("it has no source"),
            Output::Wait(_) => panic!("nothing is due"),
            Output::Transmit(transmit) => return transmit.exchange, // the request is dropped
        }
    }
}

/// Other credentials while an exchange is in flight: its answer is about what nobody has any more.
fn superseded() {
    for (user, is_refused) in [("u", false), ("u", true), ("v", false)] {
        let mut machine = Machine::new(Provider::simacan(), credentials(0), Config::default());
        let pending = Pending::new();
        let waits = machine.log_in(NOW, pending);
        assert!(matches!(waits, Authorization::Wait(_)));
        let login = send(&mut machine);
        machine.handle_credentials(NOW, Credentials::new(user, "PASSWORDTWO"));
        // Kept, should it be refused.
        assert_eq!((copies(PASSWORDS[0]), copies(PASSWORDS[1])), (1, 1));
        machine.handle_response(NOW, login, tokens(0));
        assert_gone(&[PASSWORDS[0]]);
        if user == "u" {
            // The tokens are the same user's.
            assert_eq!((copies(ACCESS[0]), copies(REFRESH[0])), (1, 1));
            unauthorized(&mut machine);
        }
        answer(&mut machine, tokens(1));
        assert_gone(&[ACCESS[0], REFRESH[0]]);

        // And an exchange of a session with tokens, which the next user does not get.
        assert_eq!((copies(ACCESS[1]), copies(REFRESH[1])), (1, 1));
        unauthorized(&mut machine);
        let mut exchange = send(&mut machine);
        if is_refused {
            let refused = status(StatusCode::UNAUTHORIZED, b"");
            machine.handle_response(NOW, exchange, refused);
            exchange = send(&mut machine);
            machine.handle_credentials(NOW, Credentials::new("u", "PASSWORDNEW"));
        }
        machine.handle_credentials(NOW, Credentials::new("w", "PASSWORDONE"));
        assert_gone(&["PASSWORDNEW", ACCESS[1], REFRESH[1]]);
        assert_eq!(copies(PASSWORDS[1]), usize::from(is_refused)); // it is on its way
        machine.handle_response(NOW, exchange, tokens(2));
        assert_gone(&[PASSWORDS[1], ACCESS[2], REFRESH[2]]);
        drop(machine);
        assert_gone(&PASSWORDS);
    }
}

/// The driver's threads, to wait for their end. Nobody keeps the time: nothing is waited for but them.
#[derive(Clone, Default)]
struct Threads(Arc<Mutex<Vec<JoinHandle<()>>>>);

impl System for Threads {
    fn spawn(&self, name: &str, run: Box<dyn FnOnce() + Send>) -> io::Result<()> {
        if name == "simacan-auth" {
            self.0.lock().expect("no panic").push(thread::spawn(run));
        }
        Ok(())
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    fn time(&self) -> SystemTime {
        NOW.into()
    }
}

impl Threads {
    fn join(&self) {
        for thread in self.0.lock().expect("no panic").drain(..) {
            thread.join().expect("it did not panic");
        }
    }
}

/// A login and a refresh in the driver's thread, each saved; then another password, and the end.
fn driver() {
    let (place, store) = store();
    let (threads, answers) = (Threads::default(), AtomicUsize::new(0));
    let settings = Driver::settings(Provider::simacan(), credentials(0)).store(store);
    let settings = settings.process(Process::new(threads.clone()));
    let driver = settings.build(move |request| {
        drop(request);
        let answer = tokens(answers.fetch_add(1, Ordering::SeqCst));
        Ok(answer.map(|answer| {
            let mut body = ResponseBody::new();
            assert!(body.push(answer).is_continue());
            body
        }))
    });
    let settle = || {
        assert!(block_on(driver.settle(Duration::from_secs(10))));
        threads.join();
    };
    let mut target = http::Request::get(API).body(()).expect("it is well formed");
    let sent = block_on(driver.authorize(None, &mut target)).expect("there is a token");
    settle();
    assert_eq!((copies(ACCESS[0]), copies(REFRESH[0])), (1, 1));

    let Review::Retry(pending) = driver.review(sent, StatusCode::UNAUTHORIZED) else {
        panic!("a newer token may help");
    };
    let again = block_on(driver.authorize(Some(pending), &mut target));
    drop((again.expect("there is another token"), target));
    settle();
    assert_gone(&[ACCESS[0], REFRESH[0]]);
    assert_eq!((copies(ACCESS[1]), copies(REFRESH[1])), (1, 1));
    assert_eq!(copies(PASSWORDS[0]), 1);

    driver.set_credentials(credentials(1));
    settle();
    assert_gone(&PASSWORDS[..1]);
    drop(driver);
    threads.join();
    assert_gone(&PASSWORDS);
    assert_gone(&ACCESS);
    assert_gone(&REFRESH);
    std::fs::remove_dir_all(place).expect("it is ours");
}

/// Read in pieces, as a driver reads it, and larger than the room that there is at first.
fn bodies() {
    let mut body = ResponseBody::new();
    for _ in 0..40 {
        assert!(body.push(&tokens(0).body()[..90]).is_continue());
        assert!(body.push(&[b' '; 1000]).is_continue());
    }
    assert!(copies(ACCESS[0]) >= 40);
    drop(body);
    assert_gone(&[ACCESS[0], REFRESH[0]]);
}

/// I3, I9.
fn main() {
    // A backtrace would take more memory than there is, and then wait for its own lock for ever.
    std::panic::set_hook(Box::new(|panic| {
        eprintln!("{panic}");
        std::process::exit(101);
    }));
    // The arena is no blind witness.
    let seen = String::from_utf8(vec![b'Z'; 20]).expect("it is ASCII");
    drop(seen);
    assert!(copies("ZZZZZZZZZZZZZZZZZZZZ") >= 1);

    typestate(Provider::simacan(), false);
    for client in [ClientAuth::basic, ClientAuth::form] {
        let secret = "CLIENTSECRET&more-than-a-buffer-would-have-grown-to-by-then";
        let client = client("me", secret);
        let provider = Provider::oauth2("https://l.example/token", client);
        let provider = provider.allow_origin("https://a.services.simacan.com");
        typestate(provider.build().expect("it is well formed"), true);
    }
    machine();
    superseded();
    bodies();
    saved();
    driver();
    println!("no copy of a dropped password or token is left in memory");
}
