//! Sends requests with [reqwest] and keeps the program logged in: the async adapter of [`simacan_auth`].
//!
//! A [`Client`] takes a username and a password, and sends requests. It logs in at the first request, and refreshes
//! the token before it expires. When a target API answers 401, it refreshes and sends that request once more. It
//! sends the password again only when the refresh is refused. Clones share one session: a thousand tasks at the
//! moment of expiry cause one refresh.
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
//! - **Your settings serve your requests**: set proxy, roots, time-outs and pool with [`Builder::http`]. Set a
//!   time-out: reqwest has none by default.
//! - **A status is an answer.** The adapter acts on a 401 only; a 403 is yours, like all others.
//! - **The exchanges run on a client of their own**, from the same configuration. It takes over roots and client
//!   certificates, proxies, name resolution, local address and interface; and default headers, which reqwest can't
//!   remove. The rest is its own: HTTP/1.1, no redirects, no referer, no pool, no retries, no decoding, time-outs to
//!   connect and in all, a bounded body. With the feature `rustls` it checks certificates and host names even if that
//!   is turned off for targets (add the root instead), unless the TLS backend is preconfigured. With the feature
//!   `cookies` it has no cookies; if cookies are turned on in reqwest alone, it shares the jar of `cookie_provider`.
//! - **A proxy of the environment is not used for a loopback address**, neither for an exchange nor for a request. If
//!   the provider allows a loopback target, none is used for any target. A proxy that you set is used.
//! - **A redirect is followed within the origins that the provider allows**, ten times at most. Any other redirect is
//!   delivered, not followed. A 401 from another origin than the request's says nothing about the token, and is
//!   delivered.
//! - **A request gets the token from its own `send`**: [`Client::post`] and the like return a [`RequestBuilder`] of
//!   this crate, so that no request is sent without the token by mistake.
//! - **A body that can be replayed** is sent again after a 401: bytes, strings, JSON, forms. A stream or a multipart
//!   form can't: its 401 is delivered, and the next request has a new token. To avoid that 401, a token with less
//!   than five seconds to live is not used for it while its refresh is due or under way.
//! - **A session can outlive the program**: give a store to [`Builder::store`]. Processes with the same store share
//!   one session.
//! - **A client that you have already** can take this one: with the feature `middleware` as a
//!   `reqwest_middleware::Middleware`, with `tower` as a layer of its [`driver`](Client::driver), for clients of
//!   `http` requests such as hyper and tonic. Their redirects are their own.
//! - **A thread of the driver makes the exchanges**, and runs only while there is something to do. A request waits
//!   for it only if there is no token, and no longer than [`Builder::token_timeout`]. Dropping its future cancels the
//!   request and nothing else.
//! - **A session outlives its runtimes**, and can be used in several. reqwest's pool can't: a connection ends with
//!   the runtime that made it. Where runtimes come and go, turn the pool off.
//!
//! # The token for something else
//!
//! A WebSocket, an MQTT client or a vendor's SDK needs the token itself, and only you see whether the target accepts
//! it:
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
//! [`Client::report`] waits for a newer token as a request would. If there is none, its error says [when to try
//! again](simacan_auth_driver::Error::retry_at).
//!
//! # Tests without a socket
//!
//! [`Builder::exchange_with`] takes a function that makes the exchanges, such as the emulator's:
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
//! # Secrets in logs
//!
//! No error, event or `Debug` of this library holds a secret. With `connection_verbose` reqwest logs what goes over
//! the wire at the level `trace`, tokens included. The exchanges, which send the password, are never logged that way.
//!
//! # Health, events and metrics
//!
//! [`Client::health`] says whether a token can be used now, until when, what failed last, and when the next attempt
//! can be made. With the feature `tracing`, each [`Event`] is a `tracing` event with fields, and each exchange with
//! the auth endpoint is in a root span named `exchange`. With the feature `metrics`, events are counted and exchanges
//! timed. None of these holds a secret; levels and names are in the documentation of [`simacan_auth_driver`].
//!
//! # TLS
//!
//! The default feature `rustls` is reqwest's. Without it, choose among reqwest's own features in your `Cargo.toml`.
//! Without any, reqwest would send to a proxy in the clear what is meant for https. So [`Builder::build`] fails with
//! [`Error::NoTls`] if the auth endpoint is https, and so does each request to a target over https. Whether reqwest
//! has TLS is found out at run time, by a connection to port 0 of this machine, which can't succeed.

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
    InvalidProvider, LockRequest, LockedStore, Provider, ProviderBuilder, SavedSession,
    SessionStore, Status, StoreFailure, Timestamp,
};
pub use simacan_auth_driver::{self, Bearer, BearerOutcome, CredentialsSource, Driver};

/// The reason why a request got no answer. Its variants say what failed, and its methods what to do.
pub type Error = simacan_auth_driver::Error<reqwest::Error>;
