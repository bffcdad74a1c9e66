//! The manual: which rules the library keeps, how it is driven, and why it is so. It has no code.
//!
//! The documentation of a type says what it does. This manual says which rules hold over all of
//! them, where each rule comes from, and what real servers and computers do that made it
//! necessary. Comments in the code cite it. Each page can be read alone.
//!
//! | page | what it says |
//! |---|---|
//! | [`rules`] | The rules that always hold, their reasons, and what each answer means |
//! | [`driving`] | How the machine is driven, and by whom |
//! | [`time`] | When something happens, and what each number is for |
//! | [`stores`] | How a session outlives its process, and how several processes share one |
//! | [`field`] | What real servers, networks, runtimes and disks do |
//!
//! # Words
//!
//! Names are those of the specifications, where they have one: access token, refresh token,
//! bearer, scope, client (RFC 6749 and RFC 6750); origin, status, field (RFC 9110). Beside these:
//!
//! - The **auth endpoint** gives tokens for a password or a refresh token. A **target** takes
//!   them.
//! - A **caller** is whoever has a request for a target.
//! - An **exchange** is one request to the auth endpoint and its end: an answer, or none.
//! - A **round** is all the attempts that one demand causes, and the pause if they fail.
//! - A **generation** is the number of a set of tokens. Each new set has the next one.
//! - A **job** is what a driver does for the machine: an exchange, or a step at the store.
//! - A **driver** does the jobs and wakes the callers. A **carrier** is its thread for that.
//! - To be **refused** is to be told by the server that a password or refresh token is no good.
//!   What counts as that is said in [`rules`].
//!
//! # How the crate is cut
//!
//! - `session` is the lifecycle as types. It knows nothing of many callers or of a store.
//! - `machine` is one session for many callers. It decides what is sent when, and who waits.
//! - `wire` builds requests and reads answers.
//! - `pacing`, `answers`, `config` and `time` decide whether it is time.
//! - `provider` and `origin` decide where a secret may go.
//! - `saved` and `store` are what outlives the process.
//!
//! Arrows point one way: adapters use the driver, the driver uses the core, stores use the core.
//! The core uses none of them. The emulator of the tests shares no code with the core, so that a
//! mistake in one is not repeated in the other.

pub mod driving;
pub mod field;
pub mod rules;
pub mod stores;
pub mod time;
