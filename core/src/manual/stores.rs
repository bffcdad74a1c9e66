//! How a session outlives its process, and how several processes share one.
//!
//! A program that logs in at each of its starts sends its password too often (rule 3 of the API).
//! And processes that share a refresh token end each other's sessions, since it is good once.
//! Both need a place for the session and a lock on it: a [`SessionStore`](crate::SessionStore).
//!
//! | where | for whom | what can be lost, and what that costs |
//! |---|---|---|
//! | a file | one machine, or one volume with locks | nothing |
//! | a row of a database | several machines | what a failover to a standby loses: a password |
//! | a key of Redis | several machines | what a failover or a crash loses, or a lease that runs out: a password |
//! | any of these, sealed | where others can read the place | as it is there |
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
//!          ┌───── refresh, or probe before ──┐
//! lock ─▶ load ─▶ announce ───────────────▶ exchange ─▶ save ─▶ unlock
//!          │       │   └─ not saved ─▶ mark ─▲   │        │      ▲ ▲
//!          │       └──────── the lock is lost ───┴────────┴▶ load │
//!          └── another process has made it ──────────────────────┘
//! ```
//!
//! - **Load** comes before each exchange: another process may have made it already. Then its
//!   tokens are taken over, and nothing is sent.
//! - **Announce** is a save before a password leaves. It holds the count of passwords, so that
//!   the death of the process does not let the next one out too soon (I13).
//! - **Probe** is a save before a refresh by a process that has not saved yet: a refresh token
//!   that is in the store is everybody's, and is not sent by whoever may not save its successor.
//!   Denied that, a process serves the access token, and then needs a login of its own.
//! - **Save** comes before anybody hears of new tokens: a program may end as soon as it has its
//!   answer. Callers who have a good token need not wait for it.
//! - If others have sent passwords, this one's waits. If another had this very password refused,
//!   it is not sent (I2).
//! - If another process has just found that the server answers with an error, nothing is sent
//!   until its cool-down is over.
//! - Between visits the lock is free. It is held for the length of an exchange, about once an
//!   hour.
//! - A session whose password was refused looks at the store when it is asked, at most once in a
//!   cool-down. Tokens that another process has got there serve; the password stays refused.
//!
//! # What is saved
//!
//! A [`SavedSession`](crate::SavedSession) is JSON with a version. It is wiped when dropped.
//!
//! - the tokens, with the times of receipt and expiry
//! - a *lineage*, an id of the login that they come from, drawn from the seed, the time and
//!   the token
//! - a *revision*, which counts the saves
//! - whose it is: auth endpoint, client, scope, user
//! - the count of passwords, and when the last one left
//! - the last word on each password, *refused*, *unclear* or *accepted*: 16 bits of a hash, when,
//!   how many were unclear, and how often a gateway refused it
//! - how the server has answered the refresh token so far, if never with tokens
//! - for each target origin, by a number: when its 401s started refreshes in the last hour, and
//!   its strikes
//! - the cool-down after a round that the server has failed with an answer of its own. What a
//!   process's own network, proxy, gateway or store did to it holds up nobody else.
//! - a checksum over all of it, at its end
//!
//! It holds no password. What paces is saved even if there are no tokens: a program with a wrong
//! password must not send it at each start. Members are only ever added: one that is not known is
//! kept and written back. A newer *version* is a newer program's: it is neither used nor replaced.
//!
//! # Which session is newer
//!
//! Each login begins a lineage. Within one, the higher revision is newer, whatever the clocks say.
//! A machine knows the lineages that it has left, 16 of them, and what was in the store last. With
//! these it reads what it finds (module `machine::store::load`), first line first:
//!
//! | found | reading |
//! |---|---|
//! | nothing | ours goes on and will be saved |
//! | another user's, endpoint's, client's or scope's | its tokens are not used; an event says so |
//! | neither a lineage nor tokens | nobody had logged in; ours goes on |
//! | a lineage that was left | an old copy came back, such as a backup; ours replaces it |
//! | a lineage that was never known | another process has logged in; its tokens are taken over |
//! | the token that ours has replaced, ours unsaved | ours is its successor; it will be saved |
//! | a lower revision | an old copy; ours replaces it |
//! | the same revision and token | nothing has happened |
//! | any other | another process has refreshed; its tokens are taken over |
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
//! - Where the revision is newer and there are no tokens, the refresh token was refused or
//!   forgotten: ours is dropped, an access token that is good stays.
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
//! | lock | `Denied` | goes on alone: what is in memory serves and is refreshed; what can be [looked at](crate::SessionStore::look) serves without its refresh token; no password |
//! | lock | any other | nothing is sent; a failed attempt |
//! | load | `Damaged` | an event; goes on as if nothing was there |
//! | load | `Damaged`, by a newer format | nothing is sent, nothing replaced; the error says which program to update |
//! | load | any other | nothing is sent; a failed attempt |
//! | announce | `Superseded` | the lock is lost: see below |
//! | announce | `Abandoned` | the password does not leave; a failed attempt |
//! | announce | any other | the mark in its place, or the password does not leave |
//! | renew before an exchange | any | the exchange is not made; as a lost lock |
//! | save | `Superseded` | the lock is lost; the tokens serve from memory |
//! | save | any other | an event; the tokens serve from memory |
//! | unlock | any | an event |
//!
//! - *A failed attempt* that time may mend is tried again: backoff, then the cool-down. What only
//!   a person can mend (`Denied`, a newer format) is told at once, with its cure. A token that is
//!   good serves meanwhile. Processes that refreshed without the lock would end each other's
//!   sessions, so nothing is sent without it.
//! - *Tokens that were not saved* are tried again at once under a new lock, then after 30 s,
//!   doubling to 5 min, and with each visit in between. Callers are woken at once: they have
//!   tokens (I14). What only paces waits the 30 s.
//! - *A lost lock* protects nothing at the server: another process may have sent the same refresh
//!   token. That may cost a password, and no more. Nothing more is sent in this visit. What the
//!   other one has saved is loaded, the callers are woken, and what is still to be sent or saved
//!   is in a new visit. A second lost lock in a round is a failed attempt.
//!
//! # A store that can't be written
//!
//! A program whose disk is full goes on with the tokens in its memory, and refreshes them. But a
//! hundred starts of it must not send a hundred passwords. So a password leaves only if that is
//! recorded: by a save, or else by the store's *mark*, a time until when no password leaves. The
//! file store's is the time of its lock file, which needs no room on the disk.
//!
//! - [`mark`](crate::LockedStore::mark) is set 15 minutes ahead before a password leaves, and as
//!   far ahead as a refusal is believed. [`marked`](crate::LockedStore::marked) is read with each
//!   lock. By default a store can't.
//! - A process does not wait for its own mark: it knows what is behind it. `retry_refused` passes
//!   over it. One that is further ahead than `refusal_memory` is cut to that.
//! - The next save that says what the mark said ends it, and so does a password that is accepted.
//! - Where neither can be recorded (a read-only folder or database), no password leaves, and
//!   callers are told why at once. [`unrecorded_logins`](crate::Config::unrecorded_logins) allows
//!   it; then only this process's own pacing holds.
//!
//! # The end of a session
//!
//! A file that is deleted is written again by whoever still holds tokens: an empty store is the
//! predecessor of any session. [`forget`](crate::Machine::forget) saves an empty session of a new
//! lineage, which all others take for the newest. Their access tokens serve until they expire, and
//! their refresh tokens are dropped. Where the provider has a
//! [revocation endpoint](crate::ProviderBuilder::revocation_endpoint), each refresh token that was
//! held, found in the store or still on its way is revoked once (RFC 7009, section 2.1); without
//! one, the access token.
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
