//! How does a session outlive its process, and how do several processes share one?
//!
//! A program that logs in at each of its starts sends its password too often (rule 3 of the API).
//! And processes that share a refresh token end each other's sessions, since it is good once.
//! Both need a place for the session and a lock on it: a [`SessionStore`](crate::SessionStore).
//!
//! # Bytes under a lock
//!
//! A store knows neither sessions nor JSON. It keeps some bytes, and it has a lock. So each store
//! is short, and any can be wrapped in another, such as one that encrypts.
//!
//! - `lock` waits for the lock, for the request's `patience`, and gives a
//!   [`LockedStore`](crate::LockedStore).
//! - `load` gives what was saved last. `save` puts bytes in its place: all of them or none, and
//!   durably, before it returns. There may be two saves under one lock, so a transaction is no
//!   lock.
//! - `unlock` lets go of it. So does a drop, and so does the death of the process, by whatever
//!   the system or the server has for that.
//! - All of them may block. A driver calls them on a thread where nothing else waits.
//!
//! # Leases
//!
//! A lock in a file or on a connection ends with its holder. A lock on a server that has no
//! connections is a lease: it runs out. For leases the request says `hold`, the longest time
//! between two renewals. The driver's is the longest exchange and ten seconds, 30 s by default. A
//! process that is killed keeps the others out for that long at most.
//!
//! `renew` sets a lease to `hold` again. It is called before an exchange and before a save, never
//! during either. If it fails before an exchange, the exchange is not made. A store without
//! leases need not implement it.
//!
//! # A visit
//!
//! Each attempt of a machine with a store is a visit (module `machine::store`):
//!
//! ```text
//! lock ─▶ load ─▶ announce ─▶ exchange ─▶ save ─▶ unlock
//!           │  └── a refresh ────▲ └─ nothing new ───▲
//!           └── another process has made it ─────────┘
//! ```
//!
//! - **Load** comes before each exchange: another process may have made it already. Then its
//!   tokens are taken over, and nothing is sent.
//! - **Announce** is a save before a password leaves. It holds the count of passwords, so that
//!   the death of the process does not let the next one out too soon (I13).
//! - **Save** comes before anybody hears of new tokens: a program may end as soon as it has its
//!   answer. Callers who have a good token need not wait for it.
//! - If others have sent passwords, this one's waits. If another had this very password refused,
//!   it is not sent (I2).
//! - Between visits the lock is free. It is held for the length of an exchange, about once an
//!   hour.
//!
//! # What is saved
//!
//! A [`SavedSession`](crate::SavedSession) is JSON with a version. It is wiped when dropped.
//!
//! - the tokens, with the times of receipt and expiry
//! - a *revision*, which counts the saves
//! - whose it is: auth endpoint, client, scope, user
//! - the count of passwords, and when the last one left
//! - the last word on each password, *refused*, *unclear* or *accepted*: 16 bits of a hash, when,
//!   how many were unclear, and how often a gateway refused it
//! - how the server has answered the refresh token so far, if never with tokens
//! - for each target origin, by a number: when its 401s started refreshes in the last hour, and
//!   its strikes
//!
//! It holds no password. What paces is saved even if there are no tokens: a program with a wrong
//! password must not send it at each start.
//!
//! # Which session is newer
//!
//! Of two, the one with the higher revision is newer, whatever the clocks say. A machine knows
//! the revision that its own session comes from, and a digest of the access token that was in the
//! store then. With these it reads what it finds (module `machine::store::load`), first line
//! first:
//!
//! | found | reading |
//! |---|---|
//! | nothing | ours goes on and will be saved |
//! | another user's, endpoint's, client's or scope's | its tokens are not used; an event says so |
//! | the same revision and token | nothing has happened |
//! | the token that ours has replaced, ours unsaved | ours is its successor; it will be saved |
//! | a lower revision, and we have a refresh token | an old copy came back; ours goes on |
//! | no tokens | ours goes on |
//! | any other | another process has been here; its tokens are taken over |
//!
//! - Passwords are counted together, whoever's session it is, and so are the refreshes of each
//!   target. Of what was said of each password the later word holds, refused or accepted.
//!   A time that is ahead stays beside the one that is put in its place, and either keeps a
//!   refusal believed: the clock that is right may be the other one.
//! - Tokens that are taken over and not yet due end the round. If they are due, the visit goes on
//!   with their refresh token.
//! - A set without a refresh token says that the server gave none, or has refused it. So a
//!   refresh token that was refused to one process is not sent by the next that loads.
//! - A 401 that one process has seen on a token holds if it finds that same token in the store.
//! - A session whose password was refused takes nothing over. What is there is kept: no save of
//!   the refusal loses another process's tokens.
//! - Another's session in the store is replaced when there are tokens of our own to save.
//!
//! # Failures
//!
//! A store says what went wrong as a [`StoreFailure`](crate::StoreFailure). The kinds are for
//! whoever has to mend it, and the machine tells some of them apart.
//!
//! | kind | what it means | who mends it |
//! |---|---|---|
//! | `Locked` | another had the lock all the time | it ends, or it hangs and is to be looked for |
//! | `Unreachable` | the store's server is away | time |
//! | `Superseded` | another has saved since: the lock was lost | nobody; it is noticed |
//! | `Denied` | permissions | a person |
//! | `Damaged` | what is there is no session | the next save |
//! | `Abandoned` | the store panicked, or hangs | whoever wrote it |
//! | `Other` | all else | time, or a person |
//!
//! What a failure leads to depends on the step.
//!
//! | step | kind | consequence |
//! |---|---|---|
//! | lock | any | nothing is sent; a failed attempt |
//! | load | `Damaged` | an event; goes on as if nothing was there |
//! | load | any other | nothing is sent; a failed attempt |
//! | announce | `Superseded`, `Abandoned` | the password does not leave; a failed attempt |
//! | announce | any other | an event; the password leaves |
//! | renew before an exchange | any | the exchange is not made; a failed attempt |
//! | save | any | an event; the tokens serve from memory |
//! | unlock | any | an event |
//!
//! - *A failed attempt* is a transient failure like any other: backoff, then the cool-down. A
//!   token that is good serves meanwhile. Processes that refreshed without the lock would end
//!   each other's sessions, so nothing is sent without it.
//! - *A failed save* is tried again for its own sake after 30 s, doubling to 5 min, and with each
//!   visit in between. Callers are woken at once: they have tokens (I14).
//! - A lock that was lost protects nothing at the server: the other process may have sent the
//!   same refresh token. That may cost a password.
//!
//! # A mark
//!
//! A store may have a place that can be written when nothing else can: a full disk still takes a
//! file's time. [`mark`](crate::LockedStore::mark) notes there until when no password is to
//! leave, and [`marked`](crate::LockedStore::marked) reads it. By default a store can't. The file
//! store sets the modification time of its lock file ahead. They are part of the trait; neither
//! the machine nor the driver calls them.
//!
//! # Writing one
//!
//! - Make `save` durable: synced, committed, acknowledged. The old bytes or the new ones are
//!   there after a crash, never half of either.
//! - Let the lock end with the process. A stale lock is an outage.
//! - Where the lock can be lost, compare at each save with what `load` saw, and say `Superseded`.
//!   Don't compare revisions: they rise with each attempt.
//! - Errors hold no secret (I9). Say in them what is to be done, and where.
//! - Whoever can read the bytes can act as the user. Keep them as safe as the password.
//! - A client that needs a runtime brings its own: there is none on the driver's thread.
//! - Have the crate `simacan-auth-testkit` check it: its `StoreContract` tries each of these.
