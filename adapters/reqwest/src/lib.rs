//! Sends requests with [reqwest] and keeps the program logged in: the async adapter of [`simacan_auth`].
//!
//! A [`Client`] takes a username, a password and the requests to send. It logs in at the first,
//! refreshes before tokens expire and when a target API answers 401, sends such a request once
//! more, and falls back to the password only when the refresh is refused. Clones share one
//! session: a thousand tasks at the moment of expiry cost one refresh.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use simacan_auth_reqwest::{Client, CredentialsSource, Provider};
//!
//! let credentials = CredentialsSource::variable("foo@bar.com", "SIMACAN_PASSWORD");
//! let client = Client::builder(Provider::simacan(), credentials).build()?;
//!
//! let position = r#"<realisation heading="90" speed="80" x="5.387" y="52.155"/>"#;
//! let request = client
//!     .post("https://sct-tracking-data-api.services.simacan.com/api/v1/realisation")
//!     .header("content-type", "application/xml")
//!     .body(position);
//! let response = request.send().await?;
//! println!("{}", response.status());
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! | feature | by default | what it brings |
//! |---|---|---|
//! | `rustls` | yes | TLS by rustls and aws-lc, with the platform's roots |
//! | `http2` | no | HTTP/2 with target APIs |
//! | `json` | no | bodies of JSON: `RequestBuilder::json` |
//! | `cookies` | no | reqwest's cookie store for target APIs; the exchanges take no part in it |
//! | `middleware` | no | the client as a `reqwest_middleware::Middleware` |
//! | `tower` | no | a `tower::Layer` for clients of `http` requests: hyper, tonic |
//! | `metrics` | no | counters and times for the `metrics` crate |
//! | `tracing` | no | events as `tracing` events, and a span for each exchange |
//!
//! # What the adapter decides, and what it leaves to you
//!
//! - **Your client configuration serves your requests**: proxy, roots, time-outs, pool. Give
//!   it to [`Builder::http`]. Give it a time-out: reqwest has none by default.
//! - **A status is an answer.** Only a 401 is handled; every other status is left to you.
//! - **The exchanges run on a client of their own**, from the same configuration. It takes over roots and client
//!   certificates, proxies, name resolution, local address and interface; and default headers, which reqwest can't
//!   take off again. The rest is its own: HTTP/1.1, no redirects, no referer, no pool, no retries, no decoding,
//!   time-outs to connect and in all, a bounded body. With the feature `rustls` it checks certificates and host names
//!   even if your configuration accepts invalid ones (add the root instead), except with a preconfigured TLS
//!   backend. With the feature `cookies` it has no cookies; if they are turned on in reqwest alone, it shares a jar
//!   that you give to `cookie_provider`.
//! - **Exchanges and requests to a loopback address use no proxy of the environment**: if the provider allows a
//!   loopback target, requests to all targets use none. A proxy that you set yourself is used.
//! - **A redirect is followed within the origins that the provider allows**, ten times at most.
//!   Any other is returned to you. So is a 401 from another origin than the request's: it doesn't end the token.
//! - **A request is authorized by its own `send`**: [`Client::post`] and the like give a
//!   [`RequestBuilder`] of this crate, so that no request goes out without the token by mistake.
//! - **A body that can be replayed** is sent again after a 401: bytes, strings, JSON, forms. After a 401 to a stream
//!   or a multipart form, you get the 401, and the next request gets a new token. To avoid that, the library doesn't
//!   use a token with less than five seconds to live for such a body while its refresh is due or under way.
//! - **A session can outlive the program**: give a store to [`Builder::store`]. Processes that have the same
//!   one share one session.
//! - **A client that you have already** can take this one: with the feature `middleware` as a
//!   `reqwest_middleware::Middleware`, with `tower` its [`driver`](Client::driver) gives a layer for clients of
//!   `http` requests, such as hyper and tonic. These follow redirects by their own rules.
//! - **The exchanges are made in a thread of the driver's**, for as long as there is something to do. A request
//!   waits for it only if there is no token, and no longer than [`Builder::token_timeout`]. Dropping its future
//!   cancels the request and nothing else.
//! - **A session outlives its runtimes**, and can be used in several. reqwest's pool can't: a connection
//!   ends with the runtime that made it. If your program ends runtimes and starts others, turn the pool off.
//!
//! # The token for something else
//!
//! A WebSocket, an MQTT client and a vendor's SDK need the token itself, and only you see whether it is accepted:
//!
//! ```no_run
//! # async fn example(client: simacan_auth_reqwest::Client) -> Result<(), Box<dyn std::error::Error>> {
//! use simacan_auth_reqwest::BearerOutcome;
//!
//! let uri = "wss://feed.services.simacan.com/positions".parse()?;
//! let bearer = client.bearer(&uri).await?;
//! let header = bearer.header_value(); // for the handshake; `as_str` is the token alone
//! // Later, when the connection was closed because of it:
//! let newer = client.report(bearer, BearerOutcome::Unauthorized).await?;
//! # drop((header, newer));
//! # Ok(())
//! # }
//! ```
//!
//! [`Client::report`] waits for the newer token as a request would. If there is none, its error says
//! [when to try again](simacan_auth_driver::Error::retry_at).
//!
//! # Tests without a socket
//!
//! [`Builder::exchange_with`] takes any function in place of the exchange, such as the emulator's:
//!
//! ```
//! use std::sync::{Arc, Mutex};
//! use std::time::SystemTime;
//!
//! use simacan_auth_emulator::{Emulator, Settings};
//! use simacan_auth_reqwest::{Client, Credentials, Provider};
//!
//! let emulator = Emulator::new(Settings::new().with_user("u", "p"));
//! let emulator = Arc::new(Mutex::new(emulator));
//! let client = Client::builder(Provider::simacan(), Credentials::new("u", "p"))
//!     .exchange_with(Emulator::exchange(emulator.clone(), SystemTime::now))
//!     .build()?;
//! # use simacan_auth_reqwest::simacan_auth_driver::block_on;
//! # block_on(async {
//! client.log_in().await?;
//! # Ok::<(), simacan_auth_reqwest::Error>(())
//! # })?;
//! assert_eq!(emulator.lock().unwrap().ledger().counters().passwords_received, 1);
//! # Ok::<(), simacan_auth_reqwest::Error>(())
//! ```
//!
//! # Logs
//!
//! No error, event or `Debug` of this library holds a secret. A client that is told to be
//! `connection_verbose` logs what goes over the wire at the level `trace`, tokens included; the exchanges,
//! which send the password, are never logged so.
//!
//! # Health, logs and metrics
//!
//! [`Client::health`] says whether there is a token that can be used now, until when, what failed last, and when the
//! next attempt can be made. With the feature `tracing`, each [`Event`] is a `tracing` event with fields, and each
//! exchange with the auth endpoint a span named `exchange`, a root. With the feature `metrics`, events are counted and
//! exchanges timed. None of these holds a secret; the levels and the names are in the documentation of
//! [`simacan_auth_driver`].
//!
//! # TLS
//!
//! The default feature `rustls` is reqwest's. Without it, choose among reqwest's own features in
//! your `Cargo.toml`. Without any, reqwest hands to a proxy in the clear what is meant for https. So no client is built
//! then that would log in over https, and no request is sent to a target over https: both are [`Error::NoTls`].
//! Which features reqwest has is seen at run time, in a connection to port 0 of this machine that can't succeed.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod client;
mod exchange;
#[cfg(feature = "middleware")]
mod middleware;
mod request;

pub use builder::Builder;
pub use client::Client;
pub use request::RequestBuilder;
pub use reqwest;
#[cfg(feature = "middleware")]
pub use reqwest_middleware;
pub use simacan_auth_driver::simacan_auth::{
    self, ClientAuth, Config, Credentials, Denied, Event, Failure, ForeignOrigin, Health,
    LockRequest, LockedStore, Provider, SavedSession, SessionStore, Status, StoreFailure,
    Timestamp,
};
pub use simacan_auth_driver::{self, Bearer, BearerOutcome, CredentialsSource, Driver};

/// The reason why a request got no answer.
pub type Error = simacan_auth_driver::Error<reqwest::Error>;
