//! A WebSocket that wants a bearer token: it is opened with the current one, opened again with a newer one when the
//! token has died, and left alone while there is none.
//! `cargo run --example websocket`
//!
//! Platform and feed are emulated. The feed ends a connection whose token has died with the close code 4401.

mod feed;

use std::net::TcpStream;
use std::thread;
use std::time::{Duration, SystemTime};

use feed::Feed;
use http::Uri;
use simacan_auth_ureq::{Bearer, BearerOutcome, Client, Credentials, Error};
use tungstenite::client::IntoClientRequest;
use tungstenite::http::{StatusCode, header::AUTHORIZATION};
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Message, WebSocket};

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;
type Socket = WebSocket<MaybeTlsStream<TcpStream>>;

pub(crate) fn main() -> Result<()> {
    let feed = Feed::start()?;
    let client = Client::builder(feed.provider()?, Credentials::new("u", "p"))
        .config(Feed::config())
        .exchange_with(feed.exchange())
        .on_event(|event| println!("  {event}"))
        .build()?;
    listen(&client, &feed.uri()?, 40)?;
    feed.check()
}

/// Receives so many messages, over as many connections as it takes.
fn listen(client: &Client, uri: &Uri, wanted: usize) -> Result<()> {
    let mut bearer = patiently(client, uri, client.bearer(uri))?;
    let mut received = 0;
    while received < wanted {
        let is_refused = match connect(uri, &bearer) {
            Ok(socket) => {
                bearer = client.report(bearer, BearerOutcome::Accepted)?;
                read(socket, &mut received, wanted)
            }
            Err(tungstenite::Error::Http(answer)) => answer.status() == StatusCode::UNAUTHORIZED,
            Err(_) => false,
        };
        println!("after {received} messages; the token is refused: {is_refused}");
        if is_refused {
            let asked = client.report(bearer, BearerOutcome::Unauthorized);
            bearer = patiently(client, uri, asked)?;
        } else {
            thread::sleep(Duration::from_millis(100)); // the network's trouble, not the token's
        }
    }
    Ok(())
}

/// What it was asked for; after that, the bearer, as soon as it is of use to ask for one.
fn patiently(client: &Client, uri: &Uri, mut asked: Result<Bearer, Error>) -> Result<Bearer> {
    loop {
        let error = match asked {
            Ok(bearer) => return Ok(bearer),
            Err(error) => error,
        };
        let soon = SystemTime::now() + Duration::from_secs(1);
        let at = match error {
            Error::TimedOut { .. } | Error::NoThread(_) => soon,
            error => error.retry_at().ok_or(error)?, // without a time it is for a human
        };
        let wait = at.duration_since(SystemTime::now()).unwrap_or_default();
        println!("no token for {wait:.1?}");
        thread::sleep(wait);
        asked = client.bearer(uri);
    }
}

fn connect(uri: &Uri, bearer: &Bearer) -> tungstenite::Result<Socket> {
    let mut request = uri.into_client_request()?;
    request
        .headers_mut()
        .insert(AUTHORIZATION, bearer.header_value());
    Ok(tungstenite::connect(request)?.0)
}

/// Until the feed ends it, or nobody wants more. Whether it ends because it does not believe the token.
fn read(mut socket: Socket, received: &mut usize, wanted: usize) -> bool {
    while *received < wanted {
        match socket.read() {
            Ok(Message::Text(_)) => *received += 1,
            Ok(Message::Close(frame)) => {
                return frame.is_some_and(|frame| u16::from(frame.code) == 4401);
            }
            Ok(_) => {}
            Err(_) => return false,
        }
    }
    false
}
