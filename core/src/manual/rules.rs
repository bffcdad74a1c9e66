//! The rules that always hold, their reasons, and what each answer means.
//!
//! There are sixteen rules, I1 to I16. Tests that guard one have its number in their name. A
//! number in parentheses behind a project's name is that of an issue in its public tracker. "The
//! API" is the Simacan Auth API. Its documentation asks four things of a client:
//!
//! 1. After a 401 of a target, try a refresh.
//! 2. Send the newest refresh token, and discard older ones.
//! 3. Do not send the password again and again. The one reason to send it a second time is that
//!    the refresh was answered 401. Have that fallback.
//! 4. Tokens last an hour, so plan on a refresh each hour for as long as the program runs.
//!
//! # I1: a password needs a reason
//!
//! The password is sent only if the session has no tokens yet, or if a refresh was refused since
//! it got the last ones, or if these came without a refresh token and have ended.
//!
//! - **Why:** a password is worth more than a token, and each use of it can lock the account.
//! - **Source:** rule 3 of the API; RFC 6749, section 10.7. RFC 9700, section 2.4, rules the
//!   password grant out; the platform has no other, so it is used as seldom as can be. That there
//!   has to be a fallback which works more than once: go-cfclient (444).
//! - **Exceptions:** a process that may not save the session takes over tokens without their
//!   refresh token, which is for the others to send ([`stores`](super::stores)). What counts as
//!   refused is said [below](#how-an-answer-is-read).
//! - **Kept in:** `session`: only a refused refresh gives a [`Session<ReLogin>`](crate::ReLogin).
//!   `machine::round` opens no other way.
//!
//! # I2: a refused password is not repeated
//!
//! A password that was refused is not sent again while the refusal is believed, which is a day.
//! That holds for each process that could read of it in the store.
//!
//! - **Why:** accounts are locked after some wrong passwords.
//! - **Source:** rule 3 of the API; RFC 6749, section 4.3.2 (a server has to defend itself
//!   against guesses); reports of aws-azure-login (63) and of owncloud's client (5909).
//! - **Exceptions:** [`retry_refused`](crate::Machine::retry_refused) allows one attempt. A crash
//!   between the answer and the save may cost one. What is remembered is 16 bits of a hash of all
//!   that was sent: one in 65,536 other passwords is taken for the refused one until the day is
//!   over.
//! - **Kept in:** `session::outcome` (a rejected session can't go on), `login_answers`,
//!   `machine::logins`, `machine::store::load`.
//!
//! # I3: a spent refresh token is gone
//!
//! A refresh token whose successor was received is never sent again, and is wiped.
//!
//! - **Why:** a server that sees a spent token may take it for stolen and end the whole session.
//! - **Source:** rule 2 of the API; RFC 6749, section 6; RFC 9700, section 4.14; matrix (6794),
//!   where the answer was lost.
//! - **Exceptions:** none. If the answer was lost, its successor was not received, so the same
//!   token is sent again. What a store could not overwrite stays there: the process that spent it
//!   does not take it back, but another may send it once, and is refused. So one that was loaded is
//!   not sent by a process that may not save.
//! - **Kept in:** `session::refreshing` (an exchange consumes the token), `machine::store::load`.
//!
//! # I4: one job at a time
//!
//! At most one exchange is unreported at any time. A step at the store and an exchange do not
//! overlap.
//!
//! - **Why:** of two refreshes with one token, one is refused, and the session with it.
//! - **Source:** reports of codex (10332), claude-code (24317), axios-auth-refresh (210).
//! - **Exceptions:** none within a machine. Processes that share a session need a store with a
//!   lock.
//! - **Kept in:** `session` (to begin consumes the session), `machine::job`, `machine::state`.
//!
//! # I5: an old 401 starts nothing
//!
//! A 401 for a token that has been replaced makes no exchange due. The request goes out once
//! more, with the current token.
//!
//! - **Why:** a hundred late answers would cause a hundred refreshes.
//! - **Source:** RFC 6750, section 3.1 (a 401 is about the token that it answers);
//!   matrix-rust-sdk compares the same way.
//! - **Exceptions:** none.
//! - **Kept in:** `machine::callers`, by [`Generation`](crate::Generation).
//!
//! # I6: every caller gets an answer
//!
//! Each caller that waits gets a token or an error, within a bounded number of steps of a driver
//! that reports what it was given. A caller waits for the round that it joined and for no other.
//!
//! - **Why:** a program that hangs is worse than one that fails.
//! - **Source:** servers that accept a connection and never answer ([`field`](super::field)).
//! - **Exceptions:** none, with a driver that keeps its promises ([`driving`](super::driving)).
//!   The drivers of this workspace bound the wait by the clock as well.
//! - **Kept in:** `machine::round`, `machine::callers`; `caller` of the driver.
//!
//! # I7: a request goes out twice at most
//!
//! The machine allows each target request two sends, the second only after a 401.
//!
//! - **Why:** a target that refuses every token would cause a loop.
//! - **Source:** reports of bucketeer (2455) and cognite-sdk-js (1456).
//! - **Exceptions:** none. What an HTTP client repeats by itself is out of the machine's hands.
//! - **Kept in:** the types that a caller holds: they are not `Clone`, and each is spent once.
//!
//! # I8: secrets go where they may
//!
//! Token, password and refresh token go only to origins that the [`Provider`](crate::Provider)
//! allows, over TLS. `wss` counts as https, `ws` as http. Redirects of an exchange are not
//! followed.
//!
//! - **Why:** whoever gets a bearer token can use it.
//! - **Source:** RFC 6750, sections 5.2 and 5.3; RFC 6749, section 3.2; RFC 9700, section 4.12 (a
//!   307 repeats the body elsewhere); golang/oauth2 (500, 805).
//! - **Exceptions:** loopback may be allowed by name, without TLS, for tests; it is never reached
//!   by way of a proxy of the environment. With a client that the user built, and in a middleware
//!   stack, redirects of target requests are that client's: the rule covers the first place only.
//! - **Kept in:** `provider`, `origin`, `allowed`; the adapters' builders, which refuse https
//!   where no TLS was compiled in.
//!
//! # I9: nothing prints a secret
//!
//! No secret is in any `Debug`, `Display`, event, error or log line. A username is not a secret.
//!
//! - **Why:** logs are read by many and kept for long.
//! - **Source:** RFC 6749, sections 10.3 and 10.4; a refresh token in a debug log of yup-oauth2.
//! - **Exceptions:** what an HTTP client logs at its most talkative level.
//! - **Kept in:** `credentials`, `token`, `wiped`, `error`, `event`, `wire::response` (errors
//!   name a member, never its value).
//!
//! # I10: every answer is survived
//!
//! No bytes of an answer cause a panic. An answer with a usable access token is used, however odd
//! its other members are. No answer leads to a state that only a human can leave.
//!
//! - **Why:** an answer that is thrown away is a rotated token lost.
//! - **Source:** [`field`](super::field).
//! - **Exceptions:** a wrong password needs a person in the end; it is tried again once a day.
//! - **Kept in:** `wire::response`, `answers`, `machine::inputs`.
//!
//! # I11: no driver spins
//!
//! A time that [`poll`](crate::Machine::poll) gives is always later than the `now` it was given.
//!
//! - **Why:** a deadline that has passed would be a busy loop.
//! - **Source:** none but the loop itself.
//! - **Exceptions:** none.
//! - **Kept in:** `time`, `machine::outputs`.
//!
//! # I12: no clock wedges it
//!
//! No jump of the clock stops the machine for good, or lets out a password that I1 forbids.
//!
//! - **Why:** devices start in 1970 and jump by decades once they have a network.
//! - **Source:** reports of such devices ([`field`](super::field)).
//! - **Exceptions:** a forward jump may end one delay early.
//! - **Kept in:** `time`, `pacing`, `answers`, `saved`; see [`time`](super::time).
//!
//! # I13: twelve passwords an hour
//!
//! At most 12 passwords leave in any hour of the supplied clock, whatever the servers answer,
//! with the default configuration. (Its spacing lets ten out.)
//!
//! - **Why:** every bug and every odd server ends in passwords; this bounds them all.
//! - **Source:** rule 3 of the API; servers whose answers a client did not understand, and which
//!   got a hundred logins a day ([`field`](super::field)).
//! - **Exceptions:** each time the clock is set back by more than a minute may add one. An
//!   attempt that never got a connection sent no password and is not counted. Where a server
//!   gives no refresh tokens, logins at the end of a token's life don't count.
//! - **Kept in:** `pacing`, `machine::logins`, `machine::store` (it is saved before the password
//!   leaves).
//!
//! # I14: tokens are not lost
//!
//! Tokens that answer the exchange in flight are never lost: not by a failed save, not by a
//! caller that goes away, not by an early refresh that fails or is refused. A good token serves
//! until it expires or a 401 condemns it.
//!
//! - **Why:** a lost successor of a refresh token costs a password.
//! - **Source:** google-cloud-rust (5809, 4541); codex (41133).
//! - **Exceptions:** the answer to a login or refresh of a user who was replaced by another
//!   meanwhile is discarded.
//! - **Kept in:** `session` (each state holds its token), `machine::inputs`,
//!   `machine::store::save`; the driver's `carrier`.
//!
//! # I15: a target's 401s are bounded
//!
//! The 401s of one origin start at most 60 refreshes in any hour, and at most 60 more for 401s to
//! a request that this origin has answered otherwise with this very generation. Processes that
//! share a store count together, and so do those that follow one another.
//!
//! - **Why:** a target that answers 401 now and then, for reasons of its own, would cause a
//!   refresh each time. But one bad path must not leave the real 401s of its origin uncured, and
//!   a request that was answered otherwise with the same token is the best proof there is.
//! - **Source:** RFC 6750, section 3.1: a token can be "invalid for other reasons", which no
//!   refresh cures. A program that is started every six seconds.
//! - **Exceptions:** each time the clock is set forward may end an hour early. What processes
//!   start at the same time, they hear of from one another with the next load. Beyond 256
//!   origins in an hour the further ones are bounded together.
//! - **Kept in:** `targets`, `machine::callers`, `machine::store::load`.
//!
//! # I16: a good token does not wait
//!
//! A caller whose token is good never waits for an exchange before its request goes out.
//!
//! - **Why:** a refresh that nobody needs yet must cost nobody's latency.
//! - **Source:** measured. With an auth server 200 ms away, one request in a thousand took 201 ms
//!   as long as callers carried the refreshes.
//! - **Exceptions:** a body that can be sent only once waits if its token has less than five
//!   seconds to live and the refresh is due or under way.
//! - **Kept in:** `machine::callers`; `caller` of the driver.
//!
//! # How an answer is read
//!
//! What a server says decides, then its status. The first line that fits holds. The last two
//! columns are what it means for a password and for a refresh token.
//!
//! | answer | password | refresh token |
//! |---|---|---|
//! | 2xx with an access token that a header can hold | tokens | tokens |
//! | `invalid_grant` in a 2xx or 4xx | refused | refused |
//! | another code about the client (below), likewise | configuration | configuration |
//! | Simacan: 401 | refused | refused |
//! | RFC 6749: 400, 401, 403, of the API itself | unclear | refused |
//! | 5xx, 408, 425, 429, no answer, other 2xx | transient | transient |
//! | 3xx, 404, 405, 407, 411, 413 to 415, 417, 421, 426, 431 | configuration | configuration |
//! | any other 4xx | unclear | unclear |
//!
//! - Codes about the client: `invalid_client`, `unauthorized_client`, `unsupported_grant_type`,
//!   `invalid_scope` (RFC 6749, section 5.2).
//! - **Tokens** are taken whatever stands beside them. Only the types `mac`, `dpop` and `pop` are
//!   no bearer. An odd `expires_in` is an unknown life. An absent or empty `refresh_token` is
//!   none, and after a refresh the old one holds. A token that stands there twice with two values
//!   is an error.
//! - **Refused**: of a refresh token, the password follows. Of a password, the session is over.
//! - **Transient**: tried again within the round. **Configuration** and **unclear**: one attempt,
//!   then the cool-down.
//! - An answer is **not the API's own** if it is no JSON object and is HTML, or asks for Basic,
//!   Digest or Negotiate. With the RFC's dialect it is unclear. With Simacan's it refuses, but
//!   the refusal of a password is believed for an hour at first, not for a day.
//! - Three unclear answers to one refresh token, the third 15 minutes after the first, are a
//!   refusal. So is a day in which the server answered, and never with tokens. Silence does not
//!   count.
//!
//! - Three answers to one password that are neither tokens nor a refusal nor transient, a 2xx
//!   without tokens among them, and the next attempt is an hour away, doubling to a day.
//!   [`retry_refused`](crate::Machine::retry_refused) allows one before. Only tokens end the
//!   count; transient answers and silence neither count nor reset.
//! - Counts and refusals of a password belong to all that was sent: endpoint, client and its
//!   secret, scope, username, password, further members of the form. Who mends one of these
//!   starts at none.
//! - A password that was replaced while its login is in flight: tokens are taken, if it is the
//!   same user's; a refusal is remembered for what was sent; anything else says nothing.
//!
//! The table is a test in `wire::response`; the counts are in `answers` and `login_answers`.
//!
//! # How passwords and tokens are paced
//!
//! - A round makes three attempts at transient failures, with backoff. Then comes the cool-down.
//! - Passwords have a guard besides: three are free, further ones are spaced. It counts each one
//!   that leaves, whoever asked for it, and is saved with the session.
//! - A refused password waits a day, in this process as in the next.
//! - A 401 starts a refresh unless the last one that this origin caused was no cure, or it has
//!   caused too many. A request that has just been answered otherwise passes all the same.
//!
//! The numbers and their reasons are in [`time`](super::time).
