//! When something happens, and what each number is for.
//!
//! The core reads no clock. Each method is given the time as a [`Timestamp`](crate::Timestamp):
//! milliseconds since the Unix epoch, from whatever clock the driver has. One notion of time
//! serves expiry, delays and a saved session.
//!
//! # Jumps
//!
//! The clock may jump. A device starts in 1970 and is set forward by decades; another is set
//! back. Two threads read the clock in one order and take the lock in the other.
//!
//! There are two kinds of times, and they go wrong in opposite ways:
//!
//! | kind | which | after the clock was set back by more than a minute |
//! |---|---|---|
//! | deadline | expiry, a refresh that is due | counts as passed |
//! | delay | backoff, cool-down, spacing, guard, refusal | starts again from now |
//!
//! A deadline that stayed in the future would freeze the session. A delay that counted as over
//! would let a password out early. A minute of disorder is no jump. A jump forward may end one
//! delay early, once. A time that another process has saved from a clock that was ahead counts
//! from now, and the mended time is saved. (I12; module `time`.)
//!
//! # Life of a token
//!
//! - Its life counts from when the request was *emitted*: the server began to count no earlier.
//! - It is usable for a second at least from its receipt. Otherwise a slow answer with a
//!   short-lived token would start refreshes without end. If a save delays it, from when it is
//!   handed out.
//! - A number, a number in a string, or a fraction is a life. Anything else is an unknown one:
//!   the token serves until a 401. A life that reaches the end of time is unknown, too.
//! - A refresh is due a margin before the expiry: a minute, or a quarter of the life if that is
//!   less. A jitter makes it earlier by up to as much again, so never in the first half of the
//!   life.
//! - A due refresh starts at the next request, whose caller does not wait for it (I16). With
//!   [`keep_alive`](crate::Config::keep_alive) it starts by itself, for a driver that keeps
//!   polling.
//! - At expiry callers wait.
//!
//! # A round
//!
//! A demand opens a round. It is *urgent* if somebody has no token, else *early*.
//!
//! - A transient failure is tried again, up to [`attempts`](crate::Config::attempts) in all, with
//!   backoff: half of it sure, half drawn. `Retry-After` is kept if it is longer (RFC 9110,
//!   section 10.2.3): seconds, with fractions rounded up, or a date counted from the answer's own
//!   `Date`.
//! - Any other failure ends the round at once: it would only be repeated.
//! - A round that fails is followed by a cool-down. Who waited for it is told why, and until
//!   when. The cool-down of an early round does not hold up those who need a token, but for what
//!   the server has asked for.
//! - If the server failed it, with an answer of its own, other processes that share the session
//!   keep the cool-down, too. 407, 502 and 504 are a proxy's or a gateway's, and hold up nobody
//!   else.
//! - A token that a 401 condemned is usable again when the round that it started has failed: one
//!   target's 401 during an outage must not cost the others a token.
//! - Nobody is kept waiting for an attempt that is further away than
//!   [`patience`](crate::Config::patience).
//! - The jitter is drawn from [`seed`](crate::Config::seed): the core has no randomness.
//!
//! # The login guard
//!
//! Every password that leaves counts, whoever asked for it and whatever came of it. The first
//! three are free. Each further one waits for the spacing since the last, which doubles. An hour
//! without one resets the count. The count is saved before the password leaves, so it holds
//! across restarts and processes; of two counts the larger one holds.
//!
//! An attempt that never got a connection sent none. Its count is taken back, with its time, and
//! that is saved before callers are told. It is still bound to backoff and cool-down.
//!
//! Where a server gives no refresh tokens, a login is expected at the end of each token's life.
//! The first attempt then waits for nothing but 30 seconds since the last login, and if it brings
//! tokens, it does not count. One that a 401 has asked for, or that fails, counts as any. (I13;
//! modules `pacing` and `machine::logins`.)
//!
//! # The reactive guard
//!
//! A 401 starts a refresh. If the next token gets a 401 from the same origin, with no other
//! answer in between, the refresh was no cure: a strike. Then that origin's 401s are delivered
//! and start nothing, for ten seconds, doubling to ten minutes. Any other answer from it resets
//! that. Other origins notice nothing. (I15; module `targets`.)
//!
//! - Only an exchange of our own proves anything. A round that ended because another process had
//!   tokens already is no strike, and its start is taken back. Nor is a 401 on a token that is
//!   older than the longest guard a strike: it may have been revoked since it came.
//! - An origin starts 60 refreshes at most in any hour: the hour slides, and each round that its
//!   401 has opened counts in it from when it was. A clock that was set back has them count from
//!   now.
//! - **Evidence:** a request, by its method and its path, that this origin has answered otherwise
//!   with this very generation. Its 401 passes both bounds, within one of its own of as many
//!   refreshes again. It opens them to no other request. Evidence is gathered once an origin has
//!   used half of its refreshes, of 64 requests at most, which are kept as numbers. Until then
//!   nothing is looked at, and a good answer takes no lock.
//! - Moments and strikes are saved with the session, and merged when it is loaded. A moment that
//!   two processes know of is one. Of two strikes the later one holds, and once it is forgiven it
//!   is so for all. So a program that is started every six seconds is bounded like one that runs.
//!
//! # The refusal's memory
//!
//! A refused password is not sent again for a day, in this process as in the next. If it was
//! plainly a gateway that refused, the first time for an hour, which doubles. New credentials end
//! it, and [`retry_refused`](crate::Machine::retry_refused) allows one attempt. (I2, I10; module
//! `login_answers`.)
//!
//! Three answers to a password that are of no use make the next attempt wait for an hour, which
//! doubles to a day; [`retry_refused`](crate::Machine::retry_refused) allows one before. (I10;
//! module `login_answers`.)
//!
//! A refresh token is refused by the server's word, by three unclear answers a quarter of an hour
//! apart, or by a day of answers that brought no tokens. (I10; module `answers`.)
//!
//! # Every number
//!
//! Those of the machine are members of [`Config`](crate::Config).
//!
//! | member | default | reason |
//! |---|---|---|
//! | `keep_alive` | off | nothing happens that nobody asked for |
//! | `seed` | 0; the driver draws one | a fleet that starts together must not refresh together |
//! | `refresh_margin` | 60 s | time for all attempts of a round |
//! | `attempts` | 3 | a hiccup is over by the third; 0 counts as 1 |
//! | `backoff` | 250 ms, doubling to 30 s | soon after a hiccup, seldom in an outage |
//! | `cool_down` | 30 s, doubling to 5 min | an outage costs some requests an hour |
//! | `patience` | 30 s | an error tells a caller more than a longer wait |
//! | `free_logins` | 3 | one round of attempts |
//! | `login_spacing` | 30 s, doubling to 15 min | ten passwords an hour at most |
//! | `login_reset` | 1 h | the life of a token |
//! | `refusal_memory` | 24 h | a wrong password each minute is sent once a day |
//! | `gateway_refusal` | 1 h, doubling to `refusal_memory` | a gateway's bad minute is no bad day |
//! | `unclear_refusal` | 15 min | longer than a gateway's bad minute |
//! | `unclear_login` | 1 h, doubling to `refusal_memory` | as `gateway_refusal` |
//! | `target_guard` | 10 s, doubling to 10 min | a target that refuses all tokens costs little |
//! | `target_refreshes` | 60 | one a minute, for a target that answers well in between; 0 counts as 1 |
//! | `target_window` | 1 h | see `target_refreshes` |
//!
//! These are the core's own and can't be set.
//!
//! | number | value | reason |
//! |---|---|---|
//! | tolerance of the clock | 60 s | threads out of order, a clock that is slewed |
//! | shortest life of a token | 1 s | a slow answer |
//! | longest `Retry-After` | 1 h | a server must not stop a program for a day |
//! | unclear answers to a refresh token | 3 | one or two may be a gateway's |
//! | such answers to a password | 3 | the same |
//! | passwords whose answers are remembered | 300 | more than are sent in a day |
//! | body of an answer, saved session | 1 MiB | many times what either needs |
//! | events that nobody polls for | 256 | memory is bounded; the oldest are dropped |
//! | origins with a guard of their own | 256 | beyond it, those whose hour is over are forgotten, and the others share one |
//! | requests of an origin that are evidence | 64 | memory is bounded; a program seldom has more |
//!
//! These are settings of `simacan-auth-driver`, or follow from them.
//!
//! | number | default | reason |
//! |---|---|---|
//! | `exchange_timeout` | 20 s | rather long: an answer given up costs a password |
//! | to connect | half of it | the rest is left for the answer |
//! | `token_timeout` | 30 s | longer than an exchange, so that its failure comes first |
//! | `patience` | at most `token_timeout` | the same |
//! | wait for a store's lock | `exchange_timeout` and 5 s | another process makes its exchange |
//! | hold of a store's lock | `exchange_timeout` and 10 s | the longest between two renewals |
//! | `drop_timeout` | 5 s | the last client's drop waits for a save |
//! | a callback is given up after | 5 s | it hangs |
//! | an exchange | 5 s over its time-out | it hangs |
//! | a step at the store | 5 s over the wait for its lock | it hangs |
//! | life in which a body sent once waits | under 5 s | a 401 to it can't be cured |
//! | look at the clocks | each 5 s at the latest | a suspended machine is noticed |
//! | carriers of one line | 64 | threads are dear; more queue |
//! | carriers given up | 4 | more of them hang than anything explains |
//!
//! [`Config::compressed`](crate::Config::compressed) divides every time of the machine by a
//! factor, for tests in which an hour takes seconds.
