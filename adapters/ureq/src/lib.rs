//! Sends requests with [ureq] and keeps the program logged in: the blocking adapter of [`simacan_auth`].
//!
//! A [`Client`] takes a username and a password, and sends requests. It logs in at the first request, and refreshes
//! the token before it expires. When a target API answers 401, it refreshes and sends that request once more. It
//! sends the password again only when the refresh is refused. Clones share one session: a thousand threads at the
//! moment of expiry cause one refresh.
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
//! - **Your settings serve your requests**: set proxy, roots, time-outs and pool with [`Builder::http`], or give an
//!   agent with middleware to [`Builder::agent`]. Set a time-out: ureq has none by default.
//! - **A status is an answer.** Whatever `http_status_as_error` says, the response comes back to you. The adapter
//!   acts on a 401 only; a 403 is yours, like all others.
//! - **The exchanges run on an agent of their own**, with your proxy, roots, client certificate and address family:
//!   no redirects, no pool, no cookies, no middleware, time-outs of their own and a bounded body. They check
//!   certificates even if `disable_verification` is set for targets: add the root instead.
//! - **A proxy of the environment is not used for a loopback address**, neither for an exchange nor for a request. A
//!   proxy that you set is. (An agent that has a [`Client`] as its middleware keeps its own proxies.)
//! - **A redirect is followed without the token**, also within one origin, since ureq offers no check of each hop.
//!   `redirect_auth_headers` does not change that. A 401 from the second place says nothing about the token.
//!   `simacan-auth-reqwest` keeps the token within the origins that the provider allows.
//! - **A body that can be replayed** is sent again after a 401: see [`Body`]. Send one that can't, such as a reader
//!   or a multipart form, with [`Client::send_once`]: its 401 is delivered. To avoid that 401, a token with less than
//!   five seconds to live is not used while its refresh is due or under way.
//! - **A 401 that comes while a body is being sent** is read after the body. If the server closes the connection
//!   instead of reading on, the 401 may be lost, and the request fails. `Expect: 100-continue` spares the body, but
//!   ureq 3.5 notices an answer in place of the 100 only if the connection closes after it, else after its time-out.
//! - **A session can outlive the program**: give a store to [`Builder::store`]. Processes with the same store share
//!   one session.
//! - **An agent that you have already** can take a [`Client`] as its middleware, which delivers each 401, since it
//!   can't send a request again.
//! - **A thread of the driver makes the exchanges**, and runs only while there is something to do. A request waits
//!   for it only if there is no token, and no longer than [`Builder::token_timeout`].
//!
//! # The token for something else
//!
//! A WebSocket, an MQTT client or a vendor's SDK needs the token itself, and only you see whether the target accepts
//! it:
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
//! # Secrets in logs
//!
//! No error, event or `Debug` of this library holds a secret. ureq itself writes what goes over the wire
//! to the `log` crate at the level `trace`, tokens and password included: keep `ureq` and
//! `ureq_proto` at `debug` or above.
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
//! The features `rustls` (the default), `rustls-no-provider` and `native-tls` are ureq's. Choose here, not in ureq
//! alone: the exchanges take over the `TlsConfig` of your agent. Without any of these features, [`Builder::build`]
//! fails with [`Error::NoTls`] if the auth endpoint is https, and ureq sends nothing to a target over https.

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
    InvalidProvider, LockRequest, LockedStore, Provider, ProviderBuilder, SavedSession,
    SessionStore, Status, StoreFailure, Timestamp,
};
pub use simacan_auth_driver::{self, Bearer, BearerOutcome, CredentialsSource, Driver};
pub use ureq;

/// The reason why a request got no answer. Its variants say what failed, and its methods what to do.
pub type Error = simacan_auth_driver::Error<ureq::Error>;
