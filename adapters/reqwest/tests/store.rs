//! What a store asks of the driver.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::{Duration, SystemTime};

use simacan_auth::{
    ClientAuth, Config, Credentials, LockedStore, Provider, SavedSession, SessionStore,
    StoreFailure, Timestamp,
};
use simacan_auth_reqwest::Client;
use tokio::runtime::{Builder, Runtime};

#[derive(Default)]
struct Inner {
    json: Option<Vec<u8>>,
    is_locked: bool,
    unlocked_by: Vec<ThreadId>,
}

/// A store in memory, whose lock one process holds at a time.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Inner>>);

struct Locked(Memory);

impl SessionStore for Memory {
    fn lock(&self, patience: Duration) -> Result<Box<dyn LockedStore>, StoreFailure> {
        const LOOK: Duration = Duration::from_millis(5);
        let mut left = patience;
        loop {
            let mut inner = self.0.lock().unwrap();
            if !inner.is_locked {
                inner.is_locked = true;
                return Ok(Box::new(Locked(self.clone())));
            }
            drop(inner);
            if left.is_zero() {
                return Err(StoreFailure::Locked);
            }
            thread::sleep(LOOK);
            left = left.saturating_sub(LOOK);
        }
    }
}

impl LockedStore for Locked {
    fn load(&mut self) -> Result<Option<SavedSession>, StoreFailure> {
        let json = self.0.0.lock().unwrap().json.clone();
        Ok(json.as_deref().map(SavedSession::from_json).transpose()?)
    }

    fn save(&mut self, session: &SavedSession) -> Result<(), StoreFailure> {
        self.0.0.lock().unwrap().json = Some(session.to_json().to_vec());
        Ok(())
    }
}

/// A database would commit here, over its connection: this blocks.
impl Drop for Locked {
    fn drop(&mut self) {
        let mut inner = self.0.0.lock().unwrap();
        inner.is_locked = false;
        inner.unlocked_by.push(thread::current().id());
    }
}

fn one_attempt() -> Config {
    let mut config = Config::default();
    config.attempts = 1;
    config
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn provider(address: SocketAddr) -> Provider {
    Provider::oauth2(
        format!("http://{address}/token"),
        ClientAuth::public("review"),
    )
    .allow_origin(format!("http://{address}"))
    .allow_loopback_http()
    .build()
    .unwrap()
}

/// Head and body.
fn read_request(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let mut chunk = [0; 4096];
    loop {
        let length = stream.read(&mut chunk).unwrap_or(0);
        text.push_str(&String::from_utf8_lossy(&chunk[..length]));
        let lower = text.to_ascii_lowercase();
        let Some((head, body)) = lower.split_once("\r\n\r\n") else {
            assert_ne!(length, 0, "{text}");
            continue;
        };
        let expected = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= expected.unwrap_or(0) || length == 0 {
            return text;
        }
    }
}

fn answer(stream: &mut TcpStream, status: &str, body: &str) {
    let length = body.len();
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
}

/// "In async code nothing blocks the runtime's threads": giving a lock free can block like taking it (a
/// commit, a DELETE), and a blocking client of a database panics in a runtime's thread.
#[test]
fn a_lock_is_given_free_in_a_thread_for_blocking() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener); // nobody answers
    let store = Memory::default();
    let client = Client::builder(provider(address), Credentials::new("fleet", "p"))
        .store(store.clone())
        .config(one_attempt())
        .build()
        .unwrap();
    runtime().block_on(client.log_in()).unwrap_err();
    let unlocked_by = store.0.lock().unwrap().unlocked_by.clone();
    assert!(!unlocked_by.is_empty());
    assert!(
        !unlocked_by.contains(&thread::current().id()),
        "the runtime's own thread has given it free"
    );
}

/// DESIGN 9: a carrier that nobody polls any more can't freeze the rest. It holds the store's lock.
#[test]
fn i6_a_carrier_that_nobody_polls_any_more_does_not_keep_the_lock() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (arrived, arrivals) = channel();
    thread::spawn(move || {
        let mut streams = Vec::new();
        for (n, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            read_request(&mut stream);
            if n > 0 {
                let tokens = r#"{"access_token":"a","refresh_token":"r","token_type":"bearer","expires_in":3600}"#;
                answer(&mut stream, "200 OK", tokens);
            }
            streams.push(stream); // the first is never answered
            let _ = arrived.send(());
        }
    });
    let client = Client::builder(provider(address), Credentials::new("fleet", "p"))
        .store(Memory::default())
        .exchange_timeout(Duration::from_millis(500))
        .build()
        .unwrap();
    let asleep = runtime();
    asleep.block_on(async {
        let log_in = client.log_in();
        let in_flight = async {
            while arrivals.try_recv().is_err() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(5), async {
            tokio::pin!(log_in, in_flight);
            std::future::poll_fn(|context| {
                let _ = log_in.as_mut().poll(context);
                in_flight.as_mut().poll(context)
            })
            .await;
        })
        .await;
    });
    // That runtime lives, and nobody polls it any more.
    let outcome = runtime().block_on(client.log_in());
    assert!(outcome.is_ok(), "{}", told(outcome.unwrap_err()));
    drop(asleep);
}

fn told(error: impl Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}; {cause}");
        source = cause.source();
    }
    text
}

/// What a server of tokens was asked for.
fn serve(listener: TcpListener, seen: Sender<String>, ended: Receiver<()>) {
    thread::spawn(move || {
        let mut spent = false;
        let (refreshing, refreshed) = channel();
        let mut ended = Some(ended);
        let mut refreshed = Some(refreshed);
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let request = read_request(&mut stream);
            if request.contains("grant_type=password") {
                seen.send("password".to_owned()).unwrap();
                answer(&mut stream, "503 Service Unavailable", "");
            } else if request.contains("grant_type=refresh_token") && spent {
                seen.send("spent".to_owned()).unwrap();
                answer(
                    &mut stream,
                    "400 Bad Request",
                    r#"{"error":"invalid_grant"}"#,
                );
            } else if request.contains("grant_type=refresh_token") {
                spent = true;
                seen.send("refresh".to_owned()).unwrap();
                refreshing.send(()).unwrap();
                let ended = ended.take().unwrap();
                thread::spawn(move || {
                    // The program has until its end, and some time.
                    let _ = ended.recv_timeout(Duration::from_secs(2));
                    let tokens = r#"{"access_token":"a2","refresh_token":"r2","token_type":"bearer","expires_in":3600}"#;
                    answer(&mut stream, "200 OK", tokens);
                });
            } else if let Some(refreshed) = refreshed.take() {
                // The target answers while the refresh is on its way.
                thread::spawn(move || {
                    let _ = refreshed.recv_timeout(Duration::from_secs(2));
                    answer(&mut stream, "200 OK", "");
                });
            } else {
                answer(&mut stream, "200 OK", "");
            }
        }
    });
}

/// A cron job's run that comes when a refresh is due starts it, pushes, and ends: its runtime cuts the
/// refresh off, and the next run has a spent refresh token. Once an hour, in a day of tokens.
#[test]
fn i14_a_short_program_that_ends_after_its_push_loses_no_refresh() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (seen, log) = channel();
    let (end, ended) = channel();
    serve(listener, seen, ended);
    let now = Timestamp::from(SystemTime::now()).as_millis();
    let json = format!(
        r#"{{"version":1,"revision":1,"endpoint":"http://{address}/token","client_id":"review",
        "username":"fleet","tokens":{{"access_token":"a1","refresh_token":"r1","received_at":{},
        "expires_at":{}}},"logins":{{"count":0,"last":0}},"refusal":null}}"#,
        now - 3_590_000,
        now + 10_000
    );
    let store = Memory::default();
    store.0.lock().unwrap().json = Some(json.into_bytes());
    let run = |minutes: u64| {
        let now = Timestamp::from_millis(now + minutes * 60_000);
        let client = Client::builder(provider(address), Credentials::new("fleet", "p"))
            .store(store.clone())
            .config(one_attempt())
            .clock(move || now)
            .build()
            .unwrap();
        let outcome = runtime().block_on(async {
            let request = client.get(format!("http://{address}/push"));
            client.send(request).await
        });
        outcome.map(|response| response.status())
    };
    let first = run(0);
    let _ = end.send(()); // it may have waited for it
    assert_eq!(first.unwrap(), 200);
    let _ = run(1);
    let log: Vec<_> = log.try_iter().collect();
    assert!(
        !log.iter().any(|sent| sent == "spent" || sent == "password"),
        "{log:?}"
    );
}
