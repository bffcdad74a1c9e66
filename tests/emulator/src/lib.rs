//! An emulator of the Simacan Auth API, of an RFC 6749 token endpoint and of target APIs, for tests of their clients.
//!
//! The crate is written from the documentation of the API, and its [profiles](Profile) from what other
//! servers do. It shares no code with the clients it tests, so that a mistake in one is not repeated
//! in the other.
//!
//! # The model
//!
//! [`Emulator`] is the API as a value: requests and times go in, answers come out. It opens no
//! socket, reads no clock and draws no random number that does not follow from its seed. A year of
//! logins takes it a moment, and the same requests always get the same bytes.
//!
//! ```
//! use std::time::{Duration, UNIX_EPOCH};
//!
//! use http::{Request, StatusCode};
//! use simacan_auth_emulator::{Emulator, Endpoint, Fault, Settings};
//!
//! let settings = Settings::new().with_user("foo@bar.com", "open sesame");
//! let mut emulator = Emulator::new(settings);
//! let start = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
//!
//! // Log in.
//! let login = Request::post("/api/v1/auth/password")
//!     .header("content-type", "application/x-www-form-urlencoded")
//!     .body("username=foo%40bar.com&password=open+sesame")?;
//! let answer = emulator.respond(start, &login).expect("no fault is set");
//! let tokens: serde_json::Value = serde_json::from_slice(answer.body())?;
//! assert_eq!(tokens["expires_in"], 3600);
//!
//! // Use the token.
//! let position = Request::post("/api/v1/realisation")
//!     .header("authorization", format!("Bearer {}", tokens["access_token"].as_str().unwrap()))
//!     .body("<realisation/>")?;
//! let answer = emulator.respond(start, &position).expect("no fault is set");
//! assert_eq!(answer.status(), StatusCode::NO_CONTENT);
//!
//! // An hour later it is worth nothing.
//! let later = start + Duration::from_secs(3600);
//! let answer = emulator.respond(later, &position).expect("no fault is set");
//! assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
//!
//! // Refresh, but lose the answer: the token is spent, and the client has nothing to show for it.
//! emulator.script(Endpoint::Refresh, Fault::AnswerLost);
//! let refresh = Request::post("/api/v1/auth/refresh")
//!     .header("content-type", "application/x-www-form-urlencoded")
//!     .body(format!("refresh_token={}", tokens["refresh_token"].as_str().unwrap()))?;
//! assert!(emulator.respond(later, &refresh).is_none());
//! let answer = emulator.respond(later, &refresh).expect("the fault is used up");
//! assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
//!
//! // The ledger saw it all.
//! let counters = emulator.ledger().counters();
//! assert_eq!(counters.refreshes_received, 2);
//! assert_eq!(counters.reuses, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The rules it keeps
//!
//! | request | answer |
//! |---|---|
//! | `POST /api/v1/auth/password` | 200 and a pair of tokens, or 401 |
//! | `POST /api/v1/auth/refresh` | 200 and a new pair, or 401; the old refresh token is spent |
//! | `POST /oauth2/token` | the same two, as RFC 6749 words them |
//! | other paths under these two folders | 404 |
//! | `POST /emulator/…` | control, for programs in other languages: the README has its `curl` lines |
//! | any other path | a target API: 200 or 204 with a good access token, else 401 |
//!
//! That is the documented API; a [`Profile`] answers as a known server does instead.
//!
//! The host does not matter, except for [`Place::Host`]. [`Settings`] sets users, lifetimes of tokens and policies.
//! The methods of [`Emulator`] interfere while it runs: they end tokens early, change a password, let a target answer
//! 401, or script a [`Fault`]. [`FaultRates`] draw faults by seed.
//!
//! # The server
//!
//! [`Server`] puts a socket of the loopback interface in front of the same model, for clients that
//! need one:
//!
//! ```
//! use simacan_auth_emulator::{Emulator, Server, Settings};
//!
//! let settings = Settings::new().with_user("foo@bar.com", "open sesame");
//! let server = Server::start(Emulator::new(settings))?;
//! println!("log in at {}/auth/password", server.base_url());
//! server.with(|emulator| emulator.revoke_access_tokens());
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! The binary of the same name starts one by hand: get it with `cargo install simacan-auth-emulator`.

mod accounts;
mod auth;
mod body;
mod control;
mod entry;
mod fault;
mod flags;
mod form;
mod http1;
mod ledger;
mod mix;
mod model;
mod oauth2;
mod options;
mod profile;
mod route;
mod server;
mod sessions;
mod settings;
mod target;
mod token;
mod wording;

pub use entry::{Entry, PasswordOutcome, Presented, RefreshOutcome, Refusal, What};
pub use fault::{Endpoint, Fault, FaultRates};
pub use flags::BadFlag;
pub use ledger::{Counters, Ledger};
pub use model::{Emulator, Outcome, Reply};
pub use options::Options;
pub use profile::{BasicDecoding, Profile};
pub use server::{Server, Socket};
pub use settings::{Detail, Reuse, Rotation, Settings};
pub use target::{Place, Times};
pub use wording::Case;
