//! Keeps a program logged in to the Simacan platform, or to another OAuth 2.0 API, without doing any I/O.
//!
//! You have a username, a password and requests for target APIs that want a bearer token. This
//! crate gets the tokens, refreshes them when they are about to expire or when a target answers
//! 401, and falls back to the password when the refresh token itself is refused, as the Simacan
//! platform asks its clients to. It speaks plain RFC 6749 as well.
//!
//! It opens no socket, reads no clock, draws no random number and starts no thread: it emits
//! [`http::Request`] values, consumes [`http::Response`] values, and is told the time. To have the
//! I/O done, take one of the adapters, `simacan-auth-ureq` (blocking) or `simacan-auth-reqwest`
//! (async). To do it yourself, read on.
//!
//! # The states
//!
//! ```text
//!                         401 refused: over, until there are other credentials
//!                                 ▲
//!    ┌─────────────────┐ password │   tokens   ┌───────────────┐
//!    │ Unauthenticated ├──────────┴───────────▶│ Authenticated │◀───────┐
//!    └─────────────────┘                       └───────┬───────┘        │
//!                                 it is time, or a 401 │                │
//!                                                      ▼                │
//!    ┌─────────┐     401: the refresh is refused ┌────────────┐ tokens  │
//!    │ ReLogin │◀────────────────────────────────┤ Refreshing ├─────────┤
//!    └────┬────┘                                 └────────────┘         │
//!         │ password                                             tokens │
//!         └─────────────────────────────────────────────────────────────┘
//! ```
//!
//! Anything else that the auth endpoint may answer, or no answer at all, decides nothing: the session
//! stays where it is and tries again later. While a token is good it can be used in every state.
//!
//! [`Session`] is these four states as types. What must not happen does not compile: no request
//! is authorized before a login, no spent refresh token is sent again, no password leaves while a
//! refresh token is alive.
//!
//! # The machine
//!
//! [`Machine`] is one such session for a whole program: one value, many callers, behind whatever lock the runtime
//! likes. It decides what to send when; a driver does the sending:
//!
//! 1. For each target request make a [`Pending`] and call [`authorize`](Machine::authorize).
//!    [`Ready`](Authorization::Ready): the token is on the request; send it.
//! 2. Then call [`poll`](Machine::poll) until it says [`Wait`](Output::Wait), whatever `authorize`
//!    has said.
//! 3. On [`Transmit`](Output::Transmit) release the lock, send the request, and report how it ended:
//!    [`handle_response`](Machine::handle_response) or [`handle_failure`](Machine::handle_failure). Then poll again.
//! 4. On [`Event`](Output::Event) log it, and wake everyone to whom `authorize` said [`Wait`](Authorization::Wait):
//!    they call `authorize` again, with the [`Pending`] that they got back. [`Store`](Output::Store) comes only if
//!    you have given the machine a store; see below.
//! 5. On [`Wait`](Output::Wait) with a time, poll again when it has come, or after any other call.
//! 6. When the target has answered, call [`review`](Machine::review) with what `Ready` gave and the status.
//!    [`Retry`](Review::Retry): go to step 1 with its [`Pending`] and the same request.
//!
//! The example `custom_runtime` is that loop over a bare `TcpStream`.
//!
//! # Words
//!
//! Where the RFCs have a word for a thing, that is its name here. The few that are ours:
//!
//! | word | what it means |
//! |---|---|
//! | target | an API that wants the bearer token: RFC 6749's resource server |
//! | exchange | one request to the auth endpoint with its answer, or the failure to get one |
//! | generation | the number of a set of tokens: the next login or refresh brings the next one |
//! | round | a few attempts to get a token, one after the other; a caller waits for one round at most |
//! | to condemn | to stop using an access token, since a target has answered it with 401 |
//! | carrier | the thread of `simacan-auth-driver` that makes the exchanges of a session |
//!
//! # A whole life
//!
//! Here `simacan-auth-emulator` plays the platform, also without I/O.
//!
//! ```
//! use http::{Request, StatusCode};
//! use simacan_auth::*;
//! use simacan_auth_emulator::{Emulator, Settings};
//! use std::time::{Duration, SystemTime};
//!
//! let mut platform = Emulator::new(Settings::new().with_user("foo@bar.com", "open sesame"));
//! let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
//! let now = Timestamp::from(time);
//!
//! let credentials = Credentials::new("foo@bar.com", "open sesame");
//! let mut machine = Machine::new(Provider::simacan(), credentials, Config::default());
//!
//! // Sends one target request as a driver would; gives the paths of all that was sent.
//! let mut push = |platform: &mut Emulator| {
//!     let uri = "https://sct-tracking-data-api.services.simacan.com/api/v1/realisation";
//!     let mut request = Request::post(uri).body("<realisation/>").unwrap();
//!     let mut pending = Pending::new();
//!     let mut paths = Vec::new();
//!     loop {
//!         pending = match machine.authorize(now, pending, &mut request) {
//!             Authorization::Ready(sent) => {
//!                 let response = platform.respond(time, &request).unwrap();
//!                 paths.push(request.uri().path().to_owned());
//!                 match machine.review(now, sent, response.status()) {
//!                     Review::Deliver => {
//!                         assert_eq!(response.status(), StatusCode::NO_CONTENT);
//!                         return paths;
//!                     }
//!                     Review::Retry(pending) => pending,
//!                 }
//!             }
//!             Authorization::Wait(pending) => pending,
//!             Authorization::Denied(error) => panic!("{error}"),
//!             Authorization::Foreign(error) => panic!("{error}"),
//!         };
//!         loop {
//!             match machine.poll(now) {
//!                 Output::Transmit(Transmit { exchange, request }) => {
//!                     let response = platform.respond(time, &request).unwrap();
//!                     paths.push(request.uri().path().to_owned());
//!                     machine.handle_response(now, exchange, response);
//!                 }
//!                 Output::Event(event) => println!("{event}"),
//!                 Output::Store(_) | Output::Credentials(_) => unreachable!("it has neither"),
//!                 Output::Wait(_) => break,
//!             }
//!         }
//!     }
//! };
//!
//! const LOGIN: &str = "/api/v1/auth/password";
//! const REFRESH: &str = "/api/v1/auth/refresh";
//! const TARGET: &str = "/api/v1/realisation";
//!
//! // The first request causes the login; the next ones use its token.
//! assert_eq!(push(&mut platform), [LOGIN, TARGET]);
//! assert_eq!(push(&mut platform), [TARGET]);
//!
//! // The token dies early: the target says 401, and a refresh cures it.
//! platform.revoke_access_tokens();
//! assert_eq!(push(&mut platform), [TARGET, REFRESH, TARGET]);
//!
//! // The refresh token dies, too: the refresh is refused, and only then the password goes out again.
//! platform.revoke_access_tokens();
//! platform.revoke_refresh_tokens();
//! assert_eq!(push(&mut platform), [TARGET, REFRESH, LOGIN, TARGET]);
//! ```
//!
//! # A session that outlives the process
//!
//! A program that logs in at each start sends its password too often, and processes that share a refresh token end
//! each other's sessions unless they agree. A machine [with a store](Machine::with_store) prevents both:
//! [`Output::Store`] asks its driver to lock, load, save and unlock a [`SavedSession`], and each end is reported like
//! that of an exchange ([`handle_end`](Machine::handle_end)).
//!
//! Before each exchange the machine looks whether another process has made it already. After one it saves the tokens,
//! and only then wakes its callers. It also saves that a password is about to leave, and that one was refused: so
//! passwords are paced, and refused ones not repeated, across restarts. A store that fails costs no request that
//! could be made without it. The adapters drive any [`SessionStore`]; `simacan-auth-file-store` is one in a file.
//! Without a machine, see [`Session::resume`] and [`Session::save`].
//!
//! # Time
//!
//! A [`Timestamp`] is milliseconds since the Unix epoch, and the driver supplies it. The clock may jump. If it is set
//! back by more than a minute, refreshes and expiries count as due, and delays start again: so it neither freezes the
//! machine nor sends a password early. A jump forward may end one delay early.
//!
//! # Secrets
//!
//! Passwords, tokens and bodies are wiped from memory when they are dropped, print as `[redacted]`, and are in no
//! error and no event, whatever the server has sent. Header values that hold one are marked sensitive. What an HTTP
//! client copies into its own buffers is out of reach. The token goes to the origins that the [`Provider`] allows and
//! over https only.
//!
//! Sources of the rules: the platform's documentation of its Auth API; RFC 6749 (OAuth 2.0), RFC
//! 6750 (bearer tokens), RFC 9700 (their security), RFC 9110 (HTTP).
//!
//! What must always hold and why, and what real servers do, is in the [manual].

mod allowed;
mod answers;
mod cause;
mod config;
mod credentials;
mod error;
mod event;
mod fnv;
#[cfg(any(model, fuzzing))]
mod fork;
mod login_answers;
mod machine;
pub mod manual;
mod origin;
mod outage;
mod pacing;
mod provider;
mod saved;
mod session;
mod store;
mod target;
mod targets;
mod time;
mod token;
mod wiped;
mod wire;

pub use cause::ErrorCause;
pub use config::{Config, Doubling};
pub use credentials::Credentials;
pub use error::{AuthorizeError, BodyDefect, Denied, Failure, OAuthError, TransportFailure};
pub use event::{Event, Purpose};
pub use machine::{
    Authorization, CachedBearer, Health, JobEnd, JobId, Machine, Output, Pending, Review, Sent,
    Status, StoreOp, Transmit,
};
pub use origin::{ForeignOrigin, Origin};
pub use provider::{ClientAuth, InvalidProvider, Provider, ProviderBuilder};
pub use saved::{InvalidSavedSession, SavedJson, SavedSession};
pub use session::{
    Authenticated, Cause, Exchange, HasToken, LoginOutcome, ReLogin, Refresh, RefreshOutcome,
    Refreshing, Rejected, Resumed, Session, State, Unauthenticated,
};
pub use store::{LockRequest, LockedStore, SessionStore, StoreFailure};
pub use target::TargetRequest;
pub use time::Timestamp;
pub use token::Generation;
pub use wire::{RequestBody, ResponseBody};
pub use zeroize::Zeroizing;

/// Stands in place of a secret in every `Debug`.
struct Redacted;

impl std::fmt::Debug for Redacted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}
