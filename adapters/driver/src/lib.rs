//! Keeps a program logged in over any HTTP client: a [`Machine`] of [`simacan_auth`] behind a lock, and one thread
//! that makes its exchanges with the auth server.
//!
//! The adapters `simacan-auth-ureq` and `simacan-auth-reqwest` are built on it. Use it for another HTTP client: you
//! write one function that makes an exchange, and get all that the adapters promise. It depends on no HTTP client and
//! no async runtime.
//!
//! ```
//! use http::{Request, Response};
//! use simacan_auth_driver::simacan_auth::{
//!     Credentials, Provider, RequestBody, ResponseBody, TransportFailure, Review,
//! };
//! use simacan_auth_driver::{Driver, block_on};
//! # use simacan_auth_emulator::{Emulator, Settings};
//! # let platform = Emulator::new(Settings::new().with_user("foo@bar.com", "open sesame"));
//! # let platform = std::sync::Arc::new(std::sync::Mutex::new(platform));
//! # fn send<B: AsRef<[u8]>>(
//! #     platform: &std::sync::Mutex<Emulator>, request: &Request<B>
//! # ) -> Result<Response<Vec<u8>>, std::io::Error> {
//! #     let now = std::time::SystemTime::now();
//! #     platform.lock().unwrap().respond(now, request).ok_or(std::io::ErrorKind::TimedOut.into())
//! # }
//! # let auth = platform.clone();
//!
//! // Blocking; no redirects, no retries, and a time-out. `send` stands for your client.
//! let exchange = move |request: Request<RequestBody>| {
//!     let response = send(&auth, &request).map_err(TransportFailure::new)?;
//!     let (parts, bytes) = response.into_parts();
//!     let mut body = ResponseBody::new(); // bounded, and wiped when it is dropped
//!     let _ = body.push(&bytes);
//!     Ok(Response::from_parts(parts, body))
//! };
//! let credentials = Credentials::new("foo@bar.com", "open sesame");
//! let driver = Driver::settings(Provider::simacan(), credentials)
//!     .on_event(|event| println!("{event}"))
//!     .build(exchange);
//!
//! // What a client does with each request. In async code: `.await` in place of `block_on`.
//! let mut pending = None;
//! let response = loop {
//!     let mut request = Request::get("https://api.services.simacan.com/x").body("")?;
//!     let sent = block_on(driver.authorize(pending, &mut request))?;
//!     let response = send(&platform, &request)?;
//!     match driver.review(sent, response.status()) {
//!         Review::Deliver => break response,
//!         Review::Retry(next) => pending = Some(next), // a 401 that a newer token may cure
//!     }
//! };
//! assert_eq!(response.status(), 200);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! | feature | by default | what it brings |
//! |---|---|---|
//! | `tower` | no | a `tower::Layer` that puts the token on what a client of `http` requests sends: hyper, tonic |
//! | `metrics` | no | counters and times for the `metrics` crate |
//! | `tracing` | no | events as `tracing` events, and a span for each exchange |
//!
//! # Why a thread
//!
//! An exchange replaces the refresh token, so it has to outlive the request that wanted it: if nobody reads the
//! answer, the session is lost. A caller may go away, and a task ends with its runtime. So a plain thread, the
//! *carrier*, makes the exchanges and holds the store's lock. It runs only while there is something to do, which is
//! about once an hour. A session has one at most, and at most 64 run at a time for one auth host and one type of
//! store; further ones wait for these.
//!
//! What it costs:
//!
//! | who | what |
//! |---|---|
//! | a request with a good token | nothing: it uses its thread's copy of the token, takes no lock, and waits for no exchange |
//! | the request that finds a refresh due | the start of a thread |
//! | a request without a token | the exchange, and to be woken from another thread |
//! | a program at rest | nothing; with [`stay_logged_in`](Settings::stay_logged_in) one thread for all its sessions |
//! | an exchange, a store or a callback that hangs | one thread, until it comes back |
//!
//! A thread inherits signal mask, priority and seccomp filter from the one that starts it.
//! `tokio::runtime::Handle::current` panics in a store, an exchange or a callback: a store over an async client
//! brings a runtime of its own.
//!
//! # What ends, and when
//!
//! When the last [`Driver`] is dropped, no further exchange begins. One that is in flight ends, and the session is
//! saved; with a store, the drop waits for that, [`drop_timeout`](Settings::drop_timeout) at most. Call
//! [`settle`](Driver::settle) first in a program that ends without drops (a client in a `static`,
//! [`std::process::exit`]), and in an async one, whose worker the drop would block. In a forked child each call that
//! needs the session fails with [`Error::Forked`]: make clients after forking.
//!
//! # What it tells
//!
//! [`on_event`](Settings::on_event) gets each [`Event`](simacan_auth::Event), which prints as a sentence.
//! [`health`](Driver::health) says at any time whether there is a token that can be used, until when, what failed
//! last and when the next attempt can be made.
//!
//! With the feature `tracing` each event is also a `tracing` event, and each exchange is in a span `exchange` with
//! `server.address`, `url.path` and `http.response.status_code` or `error`:
//!
//! | level | when |
//! |---|---|
//! | `ERROR` | the password was refused: a person has to give another |
//! | `WARN` | an attempt or a round has failed, a refresh token was refused, the store failed, a target refuses even fresh tokens: the session goes on by itself |
//! | `INFO` | logged in, refreshed, took over a saved session, logged out, got new credentials |
//! | `DEBUG` | an exchange has begun or ended, a target has refused a token, an answer was unclear |
//!
//! The fields, where they apply: `event` (its [name](simacan_auth::Event::name)), `generation`, `attempt`,
//! `expires_at`, `retry_at`, `failure`, and `took`, in seconds.
//!
//! With the feature `metrics` the recorder that the program has installed gets the counter
//! `simacan_auth_events_total` with the label `event`, and the histogram `simacan_auth_exchange_seconds` with the label
//! `status` (`none` if no answer came). The event `untold` counts those that were not told, since a callback hung. The
//! example `metrics_page` shows them on a page.
//!
//! [`Machine`]: simacan_auth::Machine

#![cfg_attr(docsrs, feature(doc_cfg))]

// Where things are:
// - `session`: what callers, carrier and time-keeper share, and which carrier is at work
// - `caller`: what a request does that has to ask, and how it waits
// - `carrier`: polls the machine, makes the exchanges, is inside the store, tells the events
// - `process`: the threads of all sessions, and the time-keeper
// - `wakeup`: the one wake-up, for threads and for tasks
// - `interleavings`: all of these under the checker shuttle

mod adapter;
mod bearer;
mod cached_bearers;
mod caller;
mod carrier;
mod count;
mod driver;
mod error;
#[cfg(all(test, shuttle))]
mod interleavings;
mod process;
mod session;
mod settings;
mod source;
mod sync;
#[cfg(feature = "tower")]
mod tower;
mod trace;
mod wakeup;

pub use bearer::{Bearer, BearerOutcome};
pub use driver::{Driver, Wait};
pub use error::Error;
pub use http;
pub use process::{Process, System};
#[doc(hidden)]
pub use session::Exchange;
pub use settings::Settings;
pub use simacan_auth;
pub use source::CredentialsSource;
#[cfg(feature = "tower")]
pub use tower::{Authorize, AuthorizeLayer};

/// Runs a future to its end in this thread: for the async methods of a [`Driver`] in blocking code.
pub fn block_on<F: Future>(future: F) -> F::Output {
    sync::block_on(future)
}
