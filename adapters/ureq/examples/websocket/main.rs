//! A WebSocket that wants a bearer token: it is opened with the current one, opened again with a newer one when
//! the token has died, and left alone while there is none.
//!
//! ```sh
//! cargo run --example websocket
//! ```
//!
//! The platform is emulated, and so is the feed, in `feed.rs`. It ends a connection whose token is worth
//! nothing any more with the close code 4401.

mod feed;

use std::thread;
use std::time::{Duration, SystemTime};

use feed::Feed;
use http::Uri;
use simacan_auth_ureq::{Bearer, BearerOutcome, Client, Credentials, Error};
use tungstenite::client::IntoClientRequest;
use tungstenite::http::StatusCode;
use tungstenite::http::header::AUTHORIZATION;
use tungstenite::{Message, WebSocket};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const MESSAGES: usize = 40;

pub(crate) fn main() -> Result<()> {
    let feed = Feed::start()?;
    let client = Client::builder(feed.provider()?, Credentials::new("u", "p"))
        .config(Feed::config())
        .exchange_with(feed.exchange())
        .on_event(|event| println!("  {event}"))
        .build()?;
    listen(&client, &feed.uri()?, MESSAGES)?;
    feed.check()
}

/// Receives so many messages, over as many connections as it takes.
fn listen(client: &Client, uri: &Uri, messages: usize) -> Result<()> {
    let mut bearer = patiently(client, uri, |client| client.bearer(uri))?;
    let mut received = 0;
    while received < messages {
        let end = match connect(uri, &bearer) {
            Ok(socket) => {
                println!("connected");
                bearer = client.report(bearer, BearerOutcome::Accepted)?;
                read(socket, || {
                    received += 1;
                    received < messages
                })
            }
            Err(error) => End::of(&error),
        };
        println!("after {received} messages: {end:?}");
        if end == End::Unauthorized {
            bearer = patiently(client, uri, |client| {
                client.report(bearer, BearerOutcome::Unauthorized)
            })?;
        } else {
            thread::sleep(Duration::from_millis(100)); // the network's trouble, not the token's
        }
    }
    Ok(())
}

/// What it was asked for; after that, the bearer, as soon as it is of use to ask for one.
fn patiently(
    client: &Client,
    uri: &Uri,
    first: impl FnOnce(&Client) -> std::result::Result<Bearer, Error>,
) -> Result<Bearer> {
    let mut asked = first(client);
    loop {
        match asked {
            Ok(bearer) => return Ok(bearer),
            Err(error) => {
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
    }
}

type Socket = WebSocket<tungstenite::stream::MaybeTlsStream<std::net::TcpStream>>;

fn connect(uri: &Uri, bearer: &Bearer) -> tungstenite::Result<Socket> {
    let mut request = uri.into_client_request()?;
    request
        .headers_mut()
        .insert(AUTHORIZATION, bearer.header_value());
    Ok(tungstenite::connect(request)?.0)
}

/// Until the feed ends it, or nobody wants more.
fn read(mut socket: Socket, mut on_message: impl FnMut() -> bool) -> End {
    loop {
        match socket.read() {
            Ok(Message::Text(_)) if on_message() => {}
            Ok(Message::Text(_)) => return End::Other,
            Ok(Message::Close(frame)) => {
                let code = frame.map(|frame| u16::from(frame.code));
                return if code == Some(4401) {
                    End::Unauthorized
                } else {
                    End::Other
                };
            }
            Ok(_) => {}
            Err(error) => return End::of(&error),
        }
    }
}

#[derive(Debug, PartialEq)]
enum End {
    /// As this feed says that it does not believe the token.
    Unauthorized,
    Other,
}

impl End {
    fn of(error: &tungstenite::Error) -> Self {
        match error {
            tungstenite::Error::Http(answer) if answer.status() == StatusCode::UNAUTHORIZED => {
                Self::Unauthorized
            }
            _ => Self::Other,
        }
    }
}
