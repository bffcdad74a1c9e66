//! Sends requests with [ureq] and keeps the program logged in: the blocking adapter of [`simacan_auth`].
//!
//! A [`Client`] takes a username, a password and the requests to send. It logs in at the first,
//! refreshes before tokens expire and when a target API answers 401, sends such a request once
//! more, and falls back to the password only when the refresh is refused. Clones share one
//! session: a thousand threads at the moment of expiry cost one refresh.
//!
//! ```no_run
//! use simacan_auth_ureq::{Client, CredentialsSource, Provider};
//!
//! let credentials = CredentialsSource::variable("foo@bar.com", "SIMACAN_PASSWORD");
//! let client = Client::builder(Provider::simacan(), credentials).build()?;
//!
//! let position = r#"<realisation heading="90" speed="80" x="5.387" y="52.155"/>"#;
//! let request = ureq::http::Request::post(
//!     "https://sct-tracking-data-api.services.simacan.com/api/v1/realisation",
//! )
//! .header("content-type", "application/xml")
//! .body(position)?;
//! let response = client.send(request)?;
//! println!("{}", response.status());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! | feature | by default | what it brings |
//! |---|---|---|
//! | `rustls` | yes | TLS by rustls and ring, with Mozilla's roots |
//! | `rustls-no-provider` | no | TLS by rustls, with a crypto provider that you choose |
//! | `native-tls` | no | TLS by the platform's library |
//! | `metrics` | no | counters and times for the `metrics` crate |
//! | `tracing` | no | events as `tracing` events, and a span for each exchange |
//!
//! # What the adapter decides, and what it leaves to you
//!
//! - **Your agent serves your requests**: give one with its proxy, roots, time-outs, pool and
//!   middleware to [`Builder::agent`]. Give it a time-out: ureq has none by default.
//! - **A status is an answer.** Whatever the agent's `http_status_as_error` says, the response
//!   comes back to you. Only a 401 is handled; every other status is left to you.
//! - **The exchanges run on an agent of their own**, with your agent's proxy, roots, client certificate
//!   and address family: no redirects, no pool, no cookies, no middleware, time-outs of their own and a bounded
//!   body. They check certificates even if your agent accepts invalid ones: give it the root instead.
//! - **Exchanges and requests to a loopback address use no proxy of the environment**. A proxy that you set yourself
//!   is used. (An agent that has a [`Client`] as its middleware is yours, and so are its proxies.)
//! - **A redirect is followed without the token**, also within one origin, since ureq doesn't let the library check
//!   each hop. Whatever the agent's `redirect_auth_headers` says, no redirect target sees the token, and a 401 from
//!   there doesn't end it. `simacan-auth-reqwest` keeps the token within the origins that the provider allows.
//! - **A body that can be replayed** is sent again after a 401: see [`Body`]. One that can't is
//!   sent with [`Client::send_once`]: a reader, a multipart form. Its 401 is returned to you. To avoid that, the
//!   library doesn't use a token with less than five seconds to live while its refresh is due or under way.
//! - **A 401 that comes while a body is being sent** is seen once the body is sent. A server that closes the
//!   connection instead of reading on may lose its 401 that way, and the request fails.
//!   `Expect: 100-continue` spares the body, but ureq 3.5 sees an answer in place of the 100 only
//!   if the connection ends behind it, else after its time-out.
//! - **A session can outlive the program**: give a store to [`Builder::store`]. Processes that have the same
//!   one share one session.
//! - **An agent that you have already** can take a [`Client`] as its middleware, which can't send a
//!   request again.
//! - **The exchanges are made in a thread of the driver's**, for as long as there is something to do. A request
//!   waits for it only if there is no token, and no longer than [`Builder::token_timeout`].
//!
//! # The token for something else
//!
//! A WebSocket, an MQTT client and a vendor's SDK need the token itself, and only you see whether it is accepted:
//!
//! ```no_run
//! # fn example(client: simacan_auth_ureq::Client) -> Result<(), Box<dyn std::error::Error>> {
//! use simacan_auth_ureq::BearerOutcome;
//!
//! let uri = "wss://feed.services.simacan.com/positions".parse()?;
//! let bearer = client.bearer(&uri)?;
//! let header = bearer.header_value(); // for the handshake; `as_str` is the token alone
//! // Later, when the connection was closed because of it:
//! let newer = client.report(bearer, BearerOutcome::Unauthorized)?;
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
//! use simacan_auth_ureq::{Client, Credentials, Provider};
//!
//! let emulator = Emulator::new(Settings::new().with_user("u", "p"));
//! let emulator = Arc::new(Mutex::new(emulator));
//! let client = Client::builder(Provider::simacan(), Credentials::new("u", "p"))
//!     .exchange_with(Emulator::exchange(emulator.clone(), SystemTime::now))
//!     .build()?;
//! client.log_in()?;
//! assert_eq!(emulator.lock().unwrap().ledger().counters().passwords_received, 1);
//! # Ok::<(), simacan_auth_ureq::Error>(())
//! ```
//!
//! # Logs
//!
//! No error, event or `Debug` of this library holds a secret. ureq itself writes what goes over the wire
//! to the `log` crate at the level `trace`, tokens and password included: keep `ureq` and
//! `ureq_proto` at `debug` or above.
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
//! The features `rustls` (the default), `rustls-no-provider` and `native-tls` are ureq's. Choose here, not
//! in ureq alone: the exchanges take over what the `TlsConfig` of your agent says. Without one of them, no client
//! is built that would log in over https ([`Error::NoTls`]), and ureq sends nothing to a target over https.

mod body;
mod builder;
mod client;
mod exchange;
mod middleware;

pub use body::Body;
pub use builder::Builder;
pub use client::Client;
pub use simacan_auth_driver::simacan_auth::{
    self, ClientAuth, Config, Credentials, Denied, Event, Failure, ForeignOrigin, Health,
    LockRequest, LockedStore, Provider, SavedSession, SessionStore, Status, StoreFailure,
    Timestamp,
};
pub use simacan_auth_driver::{self, Bearer, BearerOutcome, CredentialsSource, Driver};
pub use ureq;

/// The reason why a request got no answer.
pub type Error = simacan_auth_driver::Error<ureq::Error>;
