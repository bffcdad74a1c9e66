//! Keeps a program logged in over any HTTP client: the [`Machine`] of [`simacan_auth`] behind a lock, and the
//! one thread that does for it what takes time.
//!
//! The adapters `simacan-auth-ureq` and `simacan-auth-reqwest` are built on it. Take it to put another client
//! under it: you write one function that makes an exchange, and get all that the adapters promise. It knows no
//! HTTP client and no async runtime.
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
//! An exchange replaces the refresh token, and has to outlive whoever wanted it: an answer that nobody reads is
//! a session lost. A caller may go away. A task dies with its runtime, sleeps with it, and would let go of a
//! store's lock on a runtime's worker, where nothing may block. So what rotates a token or holds a store's lock
//! is on a stack that none of them can take away: a plain thread, the *carrier*. It lives for as long as there
//! is something to do, which is once an hour. There is one at most for each session, and at most 64 at a time
//! for one auth host over one kind of store; more queue behind their own kind.
//!
//! What it costs, and whom:
//!
//! | who | what |
//! |---|---|
//! | a request with a good token | nothing: it looks into its thread's cached bearer, takes no lock, and waits for no exchange |
//! | the request that finds a refresh due | the start of a thread |
//! | a request without a token | the exchange, and to be woken from another thread |
//! | a program at rest | nothing; with [`stay_logged_in`](Settings::stay_logged_in) one thread for all its sessions |
//! | an exchange, a store or a callback that hangs | one thread, until it comes back |
//!
//! A thread inherits signal mask, priority and seccomp filter from the one that starts it.
//! `tokio::runtime::Handle::current` has no meaning in a store, an exchange or a callback: a store over an async
//! client brings a runtime of its own.
//!
//! # What ends, and when
//!
//! After the drop of the last [`Driver`] no exchange is begun. What is in flight ends, and is saved; where a
//! store is, that drop waits for it, [`drop_timeout`](Settings::drop_timeout) at most. A program that ends
//! without drops (a client in a `static`, [`std::process::exit`]) calls [`settle`](Driver::settle) first, and
//! so does an async one, so that no worker is blocked. In a forked child every call that would need the session
//! is [`Error::Forked`]: make clients after forking.
//!
//! # What it tells
//!
//! [`on_event`](Settings::on_event) gets each [`Event`](simacan_auth::Event), which prints as a sentence.
//! [`health`](Driver::health) says at any time whether there is a token that can be used, until when, what failed
//! last and when the next attempt can be made.
//!
//! With the feature `tracing` each event is one of `tracing`, too, and each exchange is in a span `exchange` with
//! `server.address`, `url.path` and `http.response.status_code` or `error`:
//!
//! | level | when |
//! |---|---|
//! | `ERROR` | the password was refused: somebody has to give another |
//! | `WARN` | an attempt or a round has failed, a refresh token was refused, the store failed, a target refuses even fresh tokens: the session goes on by itself |
//! | `INFO` | logged in, refreshed, took over a saved session, logged out, got new credentials |
//! | `DEBUG` | an exchange has begun or ended, a target has refused a token, an answer was unclear |
//!
//! Its fields, each where it has a meaning: `event` (its [name](simacan_auth::Event::name)), `generation`, `attempt`,
//! `expires_at`, `retry_at`, `failure`, and `took`, in seconds.
//!
//! With the feature `metrics` the recorder that the program has installed gets the counter
//! `simacan_auth_events_total` with the label `event`, and the histogram `simacan_auth_exchange_seconds` with the label
//! `status` (`none` if no answer came). The example `metrics_page` shows them on a page.
//!
//! # Where things are
//!
//! - `session`: what callers, carrier and time-keeper share, and which carrier is at work
//! - `caller`: what a request does that has to ask, and how it waits
//! - `carrier`: polls the machine, makes the exchanges, is inside the store, tells the events
//! - `process`: the threads of all sessions, and the time-keeper
//! - `wakeup`: the one wake-up, for threads and for tasks
//! - `interleavings`: all of these under the checker shuttle
//!
//! [`Machine`]: simacan_auth::Machine

#![cfg_attr(docsrs, feature(doc_cfg))]

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

/// Waits for a future in this thread: for the async methods of a [`Driver`] in blocking code.
pub fn block_on<F: Future>(future: F) -> F::Output {
    sync::block_on(future)
}
