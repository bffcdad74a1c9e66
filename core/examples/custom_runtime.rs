//! The core on a runtime of one's own: nothing but `TcpStream` and a loop of its own.
//!
//! An embedder copies `Runtime`. The emulator beside it plays the platform.
#![expect(
    clippy::disallowed_methods,
    reason = "a driver does what the core does not"
)]

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, SystemTime};

use http::{Request, Response};
use simacan_auth::{
    Authorization, Config, Credentials, Machine, Output, Pending, Provider, Review, Timestamp,
    Transmit, TransportFailure,
};
use simacan_auth_emulator::{Emulator, Server, Settings};

struct Runtime {
    machine: Machine,
}

impl Runtime {
    /// Sends a request to a target API, logged in.
    fn send(
        &mut self,
        mut request: Request<&[u8]>,
    ) -> Result<Response<Vec<u8>>, Box<dyn std::error::Error>> {
        let mut pending = Pending::new();
        loop {
            match self.machine.authorize(now(), pending, &mut request) {
                Authorization::Ready(sent) => {
                    let response = exchange(&request)?;
                    match self.machine.review(now(), sent, response.status()) {
                        Review::Deliver => return Ok(response),
                        Review::Retry(again) => pending = again,
                    }
                }
                Authorization::Wait(again) => {
                    pending = again;
                    self.drive();
                }
                Authorization::Denied(denied) => return Err(denied.into()),
                Authorization::Foreign(foreign) => return Err(foreign.into()),
            }
        }
    }

    /// Does what the machine wants done, until something has happened.
    fn drive(&mut self) {
        let mut happened = false;
        loop {
            match self.machine.poll(now()) {
                Output::Event(event) => {
                    println!("  {event}");
                    happened = true;
                }
                Output::Transmit(Transmit {
                    exchange: id,
                    request,
                }) => match exchange(&request) {
                    Ok(response) => self.machine.handle_response(now(), id, response),
                    Err(error) => {
                        let failure = TransportFailure::new(error);
                        self.machine.handle_failure(now(), id, failure);
                    }
                },
                Output::Store(_) | Output::Credentials(_) => unreachable!("it has neither"),
                Output::Wait(Some(until)) if !happened => {
                    thread::sleep(until.saturating_since(now()));
                }
                Output::Wait(_) => return,
            }
        }
    }
}

fn now() -> Timestamp {
    SystemTime::now().into()
}

/// HTTP/1.0 in a few lines, for an example: one connection, one answer, until the server closes.
fn exchange<B: AsRef<[u8]>>(request: &Request<B>) -> io::Result<Response<Vec<u8>>> {
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let (uri, body) = (request.uri(), request.body().as_ref());
    let authority = uri.authority().ok_or_else(|| invalid("no host"))?.as_str();
    let mut stream = TcpStream::connect(authority)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    write!(
        stream,
        "{} {path} HTTP/1.0\r\nhost: {authority}\r\n",
        request.method()
    )?;
    write!(stream, "content-length: {}\r\n", body.len())?;
    for (name, value) in request.headers() {
        stream.write_all(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat())?;
    }
    stream.write_all(&[b"\r\n", body].concat())?;

    let mut answer = Vec::new();
    stream.take(2 << 20).read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let body = answer.split_off(end.ok_or_else(|| invalid("no headers"))? + 4);
    let head = String::from_utf8_lossy(&answer);
    let status = head.split(' ').nth(1).unwrap_or_default();
    Response::builder()
        .status(status)
        .body(body)
        .map_err(|error| invalid(&error.to_string()))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let settings = Settings::new().with_user("foo@bar.com", "open sesame");
    let server = Server::start(Emulator::new(settings))?;
    let provider = Provider::simacan_at(server.base_url())
        .allow_origin(server.origin())
        .allow_loopback_http()
        .build()?;
    let credentials = Credentials::new("foo@bar.com", "open sesame");
    let mut runtime = Runtime {
        machine: Machine::new(provider, credentials, Config::default()),
    };

    for push in 1..=3 {
        if push == 3 {
            println!("the platform ends the token early");
            server.with(Emulator::revoke_access_tokens);
        }
        let body: &[u8] = b"<realisation heading=\"90\" speed=\"80\" x=\"5.387\" y=\"52.155\"/>";
        let request = Request::post(format!("{}/realisation", server.base_url())).body(body)?;
        println!("push {push}: {}", runtime.send(request)?.status());
    }
    let counted = server.with(|emulator| *emulator.ledger().counters());
    assert_eq!(
        (counted.passwords_received, counted.refreshes_received),
        (1, 1)
    );
    Ok(())
}
