//! How the machine is driven, and by whom.
//!
//! A [`Machine`](crate::Machine) decides what is sent and when. It sends nothing itself. Whoever
//! does that for it is a driver. There are three ways to have one.
//!
//! | you have | take | you write |
//! |---|---|---|
//! | a program with ureq or reqwest | `simacan-auth-ureq`, `simacan-auth-reqwest` | nothing |
//! | another HTTP client, with threads | `simacan-auth-driver` | one function for an exchange |
//! | no threads, or an event loop of your own | this crate alone | the loop below |
//! | a test, or a simulation | this crate alone, with the emulator | the loop below |
//!
//! The guarantees about waiting, hanging and ending are the driver's. Who takes the core alone
//! has those of the machine ([`rules`](super::rules)), and has to see to the rest.
//!
//! # The loop
//!
//! Callers ask and are told. Nobody but the loop polls.
//!
//! 1. A caller asks with [`authorize`](crate::Machine::authorize). Either the token is on the
//!    request now, or the caller has to wait, or it is denied one, or the target is foreign.
//! 2. After any call, [`poll`](crate::Machine::poll) until it says [`Wait`](crate::Output::Wait).
//!    [`wants`](crate::Machine::wants) tells whether it would say anything else.
//! 3. On [`Transmit`](crate::Output::Transmit) let go of the lock, send the request, and report
//!    the end. Then poll again.
//! 4. On [`Event`](crate::Output::Event) tell it, then wake all who wait. They ask again, with
//!    what they were given back.
//! 5. On [`Store`](crate::Output::Store) do the step at the store with no lock held, and report
//!    its end ([`stores`](super::stores)).
//!    On [`Credentials`](crate::Output::Credentials), which only a machine
//!    [with a source](crate::Machine::with_credentials_source) says, ask for them, with no lock
//!    held, and report them. It says so when a password is needed, once the store is let go, and
//!    when one was refused. The same ones again count as refused.
//! 6. On `Wait` with a time, poll again when it has come, or after any other call.
//! 7. When a target has answered, ask [`review`](crate::Machine::review) what the status means:
//!    the answer is the caller's, or the request is sent once more.
//!
//! ```
//! use http::{Request, Response, StatusCode};
//! use simacan_auth::*;
//!
//! /// Stands for your HTTP client.
//! fn send(request: &Request<RequestBody>) -> Result<Response<ResponseBody>, TransportFailure> {
//!     assert_eq!(request.uri().path(), "/api/v1/auth/password");
//!     let mut body = ResponseBody::new(); // bounded, and wiped when it is dropped
//!     let _ = body.push(br#"{"access_token":"ey.A","refresh_token":"ey.R","expires_in":3600}"#);
//!     Ok(Response::new(body))
//! }
//!
//! /// Does what the machine wants done. Gives the time to come back at.
//! fn drive(machine: &mut Machine, now: Timestamp) -> Option<Timestamp> {
//!     loop {
//!         match machine.poll(now) {
//!             Output::Transmit(Transmit { exchange, request }) => {
//!                 let end = match send(&request) {
//!                     Ok(response) => JobEnd::Answered(response),
//!                     Err(failure) => JobEnd::Unanswered(failure),
//!                 };
//!                 machine.handle_end(now, exchange, end);
//!             }
//!             Output::Event(event) => println!("{event}"), // and wake whoever waits
//!             Output::Store(_) | Output::Credentials(_) => unreachable!("it has neither"),
//!             Output::Wait(until) => return until,
//!         }
//!     }
//! }
//!
//! let now = Timestamp::from_millis(1_800_000_000_000); // from your clock
//! let credentials = Credentials::new("foo@bar.com", "open sesame");
//! let mut machine = Machine::new(Provider::simacan(), credentials, Config::default());
//!
//! let mut request = Request::get("https://api.services.simacan.com/x").body(()).unwrap();
//! let mut held = Pending::new();
//! let sent = loop {
//!     held = match machine.authorize(now, held, &mut request) {
//!         Authorization::Ready(sent) => break sent,
//!         Authorization::Wait(held) => held,
//!         Authorization::Denied(denied) => panic!("{denied}"),
//!         Authorization::Foreign(foreign) => panic!("{foreign}"),
//!     };
//!     drive(&mut machine, now);
//! };
//! assert_eq!(request.headers()["authorization"], "Bearer ey.A");
//! assert!(matches!(machine.review(now, sent, StatusCode::OK), Review::Deliver));
//! ```
//!
//! The example `custom_runtime` of this crate is a whole driver over a bare `TcpStream`.
//!
//! # Jobs
//!
//! What the machine wants done is a job, named by a [`JobId`](crate::JobId). There is one at a
//! time (I4). Its end is reported once, with [`handle_end`](crate::Machine::handle_end).
//!
//! | job | ends |
//! |---|---|
//! | exchange | `Answered`, `Unanswered`; `StoreFailed` if the store's lock is lost before it |
//! | lock | `Locked`, with the store's mark; `NotLocked` if it is denied; `StoreFailed` |
//! | load | `Loaded`, `StoreFailed` |
//! | save | `Saved`, `StoreFailed` |
//! | mark | `Marked`, `StoreFailed` |
//! | unlock | nothing to report |
//! | credentials | `Credentials`, `NoCredentials` |
//!
//! - Renew the store's lock before an exchange and before a save: where that fails, the exchange is
//!   not made, nor the save, and the end is `StoreFailed`. Put the lock where the next job finds
//!   it, then report.
//! - An answer whose body breaks off is `Answered`, with what was read: the status decides, and a
//!   whole object with tokens is tokens. `Unanswered` is for no answer, not even a status.
//! - [`TransportFailure::not_sent`](crate::TransportFailure::not_sent) is for an exchange that
//!   never had a connection: no password has left, so none is counted. Say it by where the
//!   exchange was, not by its error. Who can't tell says that it was sent.
//! - [`abandon`](crate::Machine::abandon) is for a job whose end is not known: a panic, a thread
//!   that hangs. A report that comes after it changes nothing.
//!
//! # The exchange
//!
//! What a driver sends for the machine is no request like others:
//!
//! - No redirect is followed (I8). Nothing is sent a second time by the client itself.
//! - HTTP/1.1 only. An HTTP/2 server says what it likes when it closes, and errors repeat it
//!   (I9).
//! - A time-out of its own, rather long than short: an answer that is given up after the server
//!   has replaced the refresh token costs a password. Connecting has the smaller part of it.
//! - No pool: a stale connection fails like a lost answer, and there is one exchange an hour.
//! - No cookies, no referer, no decoding, and a bounded body that is wiped.
//! - Loopback is never reached by way of a proxy of the environment.
//!
//! # What must never happen
//!
//! - **The machine's lock is held across an exchange,** or across a step at the store. Every
//!   request with a good token would wait for it (I16).
//! - **Two poll.** One would get the job and the other would tell its event too early.
//! - **A job is made and not reported.** Nobody gets a token any more. After a panic, `abandon`.
//! - **A user's code runs under the lock:** a callback, a clock, a store, the drop of a store. It
//!   may ask for a token itself.
//! - **Those who wait are woken before the event is told.** A program may end as soon as it has
//!   its answer, and would lose its last lines.
//! - **A caller asks and then listens.** The wake-up in between is lost. Listen, then ask.
//! - **The loop leaves, and lets go of the lock in between.** A wish that falls there is lost.
//!   Say that nobody drives under the same lock as the poll that said `Wait`.
//! - **A process is forked and both go on.** They spend each other's refresh tokens. Make
//!   sessions after forking.
//!
//! # Why the driver carries on a plain thread
//!
//! An exchange replaces the refresh token. It has to outlive whoever wanted it: an answer that
//! nobody reads is a session lost (I14). What else could carry it was tried, and each fails in
//! its own way:
//!
//! - **A caller** goes away, or has a good token and would wait for nothing (I16).
//! - **A task** dies with its runtime, and sleeps with it. One runtime for each call is common.
//! - **A runtime's worker** must not block. A store blocks, and its lock is let go of in a drop.
//! - **A callback of the user's** may hang.
//!
//! So `simacan-auth-driver` has a carrier: a thread that lives while there is something to do,
//! once an hour for the length of an exchange. There is one at most for each session. All
//! sessions of a process share at most 64 for one auth host over one kind of store; more queue
//! behind their own kind. One more thread keeps the time for all sessions, and runs nothing of
//! the user's.
//!
//! - A carrier that takes longer for one thing than that can take is seen to twice, a second
//!   apart, and then given up: a process that was stopped must not throw away an answer that lies
//!   in its socket. Its job is abandoned. What it brings later is dropped.
//! - While one that was given up is inside the store, nobody else enters the store. So a store
//!   that hangs costs one thread, not one for each attempt.
//! - During an exchange the store's lock lies where others reach it. Whoever gives the carrier up
//!   has another thread let go of it.
//!
//! # The token itself
//!
//! A reconnect of a WebSocket, an MQTT client or a vendor's SDK wants the token, not a request.
//! Both adapters have `bearer(&uri)` for that. It makes the same checks as for a request: a `wss`
//! origin counts as https. `report` says what became of it, in whatever form the server said
//! that: a close code, a status of gRPC, a 403 that means 401. A token that was reported is not
//! given again.
//!
//! # How it ends
//!
//! After [`close`](crate::Machine::close) no exchange is begun. What is in flight is to be ended
//! and saved, so poll on until there is nothing to do; [`is_saved`](crate::Machine::is_saved)
//! says whether all of it is. The driver does so when its last clone is dropped. With a store
//! that drop waits, five seconds at most by default. A program that ends without drops, or must
//! not block there, calls the driver's `settle` first.
