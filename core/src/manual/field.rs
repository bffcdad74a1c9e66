//! What real servers, networks, runtimes and disks do.
//!
//! All of it was seen in public bug reports, in servers that this library was run against, or in
//! runs of it. Each line is a kind: the next server that does the like is meant, too. *Reading*
//! is what the library makes of it. A day is one request a minute.
//!
//! # Token servers: refusals
//!
//! | who | what | reading |
//! |---|---|---|
//! | Keycloak before 26.6, Apereo CAS, doorkeeper | wrong password: 401 `invalid_grant` | refused |
//! | Auth0 and others | `invalid_grant` with 403 | refused: the code decides |
//! | reporters of simple-oauth2, gram | 200 with `{"error":"invalid_grant"}` | refused |
//! | league/oauth2-server | dead refresh token: 401 `invalid_request` | refused |
//! | glewlwyd | dead refresh token: 400, empty body | refused |
//! | glewlwyd | wrong password: 403, empty body | unclear |
//! | Authlib | wrong password: 400 `invalid_request` | unclear |
//! | Keycloak | unknown client: 401 `invalid_client` | configuration |
//! | any server or proxy | 401 whose body breaks off | the status decides |
//! | a gateway before the API | 401 with HTML or Basic | refused; a password's for an hour |
//! | a gateway before another API | the same | unclear |
//!
//! - league/oauth2-server is what Passport and `OpenEMR` use. A client that waits for
//!   `invalid_grant` refreshes for ever there.
//! - Bodies break off by a wrong `Content-Length` or a lost last chunk.
//!
//! # Token servers: tokens
//!
//! | who | what | reading |
//! |---|---|---|
//! | reporters of openid-client, oauth2-rs, openHAB | tokens with 201 | tokens |
//! | several | `"refresh_token": ""` | none is given: the old one holds |
//! | deno-oauth2, Duende BFF, crystal | no `token_type`, or an odd spelling | bearer |
//! | go-autorest, githits, MCP sdk | `expires_in` empty, a word, a list | tokens of unknown life |
//! | oauth2-rs (85, 151, 320) | `expires_in` a string, null or absent | a number, or unknown |
//! | users of `aliri_tokens` | JSON escapes in a token | read as JSON has it |
//! | many | more members, any order, a byte order mark | not looked at |
//! | some | tokens of 20 kB | as any: a body may have 1 MiB |
//! | many | HTML with 200 | transient |
//! | MCP typescript-sdk, ai-dial | gzip, though nobody asked | `identity` is asked for; named |
//!
//! An answer that is thrown away is a rotated token lost. So what can be used is used (I10).
//!
//! # Token servers: the rest
//!
//! | who | what | reading |
//! |---|---|---|
//! | oidc-provider | Basic has to be form-encoded | as RFC 6749, section 2.3.1, has it |
//! | node-oauth2-server, glewlwyd | Basic is not decoded | a switch, or the form |
//! | Authlib | of Basic, `%20` is decoded and `+` is not | the form |
//! | MCP rust-sdk, Duende | `scope` wanted at the refresh, too | can be asked for |
//! | others | `audience` or `resource` wanted | members of the form that the user names |
//! | any | tokens of five minutes and no refresh token | a login at each end |
//! | data-prepper, urllib3 | `Retry-After: 0.5` | rounded up |
//! | the same | dates by a wrong clock | counted from the answer's own `Date` |
//! | any | an outage with 503 and `Retry-After` | waited for, up to an hour |
//! | golang/oauth2 (500, 805) | 307 takes the password elsewhere | no redirect is followed |
//! | netatmo, wire | a dead token shows as 403 | the caller can report it |
//! | gRPC | a dead token is `UNAUTHENTICATED`, in a header below a 200 | `tower`'s layer takes it for a 401 |
//! | WebSocket | a dead token is a close code | the caller can report it |
//!
//! [`ClientAuth::form`](crate::ClientAuth::form) puts the client's secret into the form,
//! [`basic_unencoded`](crate::ClientAuth::basic_unencoded) into the header as it is.
//! [`scope_at_refresh`](crate::ProviderBuilder::scope_at_refresh) and
//! [`form_member`](crate::ProviderBuilder::form_member) are the builder's.
//!
//! # Targets
//!
//! | who | what | reading |
//! |---|---|---|
//! | any | 401 before the token's time | one refresh, one more try |
//! | any | 401 that comes late, for an old token | one more try, no refresh (I5) |
//! | bucketeer, cognite-sdk-js | 401 to every token | delivered, and a guard (I15) |
//! | the Simacan API | 403: the user lacks a right | delivered: a refresh does not help |
//! | servers with one connection | the first 401 is held during the second try | let go of before |
//! | any | a redirect | the adapters' pages say what becomes of the token |
//!
//! # Clients
//!
//! What other libraries' users have filed. Each is a test here.
//!
//! | who | what | reading |
//! |---|---|---|
//! | codex (10332), claude-code (24317) | one rotating token, many refreshes | one job (I4) |
//! | yup-oauth2 | 20 refreshes for 20 callers | one round for all |
//! | codex (41133), shunt (73), teamclaude-rs (325) | caller goes away: token lost | a carrier |
//! | audiobookshelf (5281), matrix (6794) | answer lost after the rotation | the same token again |
//! | Duende Support (1286) | waiter uses the token it read before | load under the lock |
//! | go-cfclient (444) | password fallback works once | a state, not a flag |
//! | aws-azure-login (63), owncloud client (5909) | refused password repeated | remembered (I2) |
//! | google-cloud-rust (5809, 4541) | failed refresh displaces a good token | it serves (I14) |
//! | rust-srec (984) | late answer overwrites a newer login | jobs have names |
//! | abs-cli (89) | second try without its body | the body is kept, or sent once |
//! | kcap-cli (946) | time-out of 5 s cuts a refresh | 20 s for an exchange |
//!
//! # Networks
//!
//! | what | reading |
//! |---|---|
//! | `HTTP_PROXY` is set and the target is loopback | no proxy of the environment is asked |
//! | no TLS compiled in, and `HTTPS_PROXY` set | https is an error when the client is built |
//! | HTTP/2 GOAWAY whose text repeats the request | exchanges by HTTP/1.1 only (I9) |
//! | a read time-out that is meant for targets | exchanges have their own |
//! | no network for hours | nothing was sent, so no password counts |
//! | the auth server accepts and never answers | 20 s for an exchange, 30 s for a caller |
//! | HTTP/1.0, trailers, 103 before the answer | as the HTTP client reads it |
//! | a pooled connection has gone stale | exchanges keep no connection |
//!
//! With postman, axios, cypress and actions/toolkit a proxy of the environment has read what was
//! meant for loopback. With octocrab and sendgrid the build without TLS sent secrets in the
//! clear.
//!
//! # Clocks
//!
//! | what | reading |
//! |---|---|
//! | a device starts in 1970 and gets the time with the network | served at once; a refresh more |
//! | a device starts in the future and is set back | delays start again, deadlines have passed |
//! | a computer sleeps | the time is looked at again within 5 s of waking |
//! | two threads read it in another order than they lock | within a minute no jump |
//!
//! # Runtimes
//!
//! | who | what | reading |
//! |---|---|---|
//! | shunt, teamclaude, restate | a runtime for each call | exchanges on a thread |
//! | any `current_thread` runtime | sleeps while it holds the store's lock | the carrier holds it |
//! | blocking `postgres` | a lock dropped on a worker panics | let go of on the carrier |
//! | any | a store hangs | one thread, told once |
//! | any | a callback hangs or panics | one thread; caught |
//! | any | a process forks | a typed error in the child |
//! | any | a process is stopped for a while | an answer in its socket is not thrown away |
//!
//! # Disks and processes
//!
//! | who | what | reading |
//! |---|---|---|
//! | any program under cron | started each minute | one password a day, if any |
//! | any | killed between the rotation and the save | one password |
//! | any | the file is removed while processes run | the next save writes it again |
//! | any | an old backup of the file comes back | a lower revision is not taken |
//! | any | the lock file is deleted | the lock is lost: `Superseded` |
//! | any | others may read the file | refused, with the paths and the cure |
//! | oauth2-proxy and others | a lease shorter than the refresh | `renew` before each step |
//! | `PostgreSQL` behind a pooler | a session's lock is lost | use a connection of its own |
//!
//! Facts for stores over servers: in `PostgreSQL`, `lock_timeout` bounds `pg_advisory_lock`
//! (SQLSTATE 55P03), and `SKIP LOCKED` is for queues. In Redis one script each renews, unlocks,
//! and compares and sets, with owner and record in one hash slot; what is saved is durable only
//! with `appendfsync always`. The Windows Credential Manager takes 2,560 bytes, which is less
//! than two tokens.
