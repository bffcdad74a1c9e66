//! The rules of `simacan_auth::manual::rules`, held against what leaves and what comes back.

mod answer;
mod limits;
mod party;
mod passwords;
mod rules;
mod service;
mod shared;
mod store;
mod tokens;
mod violation;

mod targets;

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, HeaderMap, HeaderName};
use http::{Request, Response, StatusCode, Uri};
use simacan_auth::{Config, Event, Timestamp};

pub use rules::{RULES, Rule};
pub use service::Service;
pub use shared::SharedReferee;
pub use tokens::Held;
pub use violation::Violation;

use answer::Meaning;
use limits::Limits;
use party::{Carried, Flight, Party};
use passwords::Login;
use service::Secret;
use store::Store;
use tokens::Standing;

/// Who sees what a driver sends and gets, and says which rule it breaks.
///
/// It is told of each request before it leaves, and of what has become of it. That is enough for most of the
/// [`RULES`]; each further call that a driver can make decides more of them, and what it is not told it counts in
/// the driver's favour. Processes have numbers, from 0; a driver that is alone is number 0. Times are the driver's
/// own, and may jump.
///
/// ```
/// use http::{Request, Response, StatusCode};
/// use simacan_auth::Timestamp;
/// use simacan_auth_testkit::referee::{Referee, Service};
///
/// let mut referee = Referee::new(Service::simacan());
/// let now = Timestamp::from_millis(1_800_000_000_000);
/// let login = Request::post("https://auth-service.services.simacan.com/api/v1/auth/password")
///     .body("username=fleet&password=secret")?;
///
/// let exchange = referee.sent(now, 0, &login)?;
/// let mut refused = Response::new("");
/// *refused.status_mut() = StatusCode::UNAUTHORIZED;
/// referee.answered(now, exchange, &refused);
///
/// let violation = referee.sent(now, 0, &login).unwrap_err();
/// assert_eq!(violation.rule, 2); // a refused password is not repeated
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Referee {
    service: Service,
    limits: Limits,
    /// Whether processes share a session, and whether that is told.
    shares: bool,
    parties: Vec<Party>,
    store: Store,
    /// What the clock showed last, and how much time went by, however often it was set back.
    latest: Option<u64>,
    elapsed: u64,
    sees_targets: bool,
    /// How often a request with this header was sent, and the token that got a 401 (I7).
    request_id: Option<HeaderName>,
    requests: Vec<(usize, Vec<u8>, u32, Option<Arc<str>>)>,
    /// All passwords and tokens, if they are looked for (I9).
    secrets: Option<Vec<Arc<str>>>,
    history: Option<Vec<String>>,
}

/// What was sent, and is not answered yet.
#[derive(Clone, Debug)]
#[must_use = "say what has become of it: `answered`, `lost`, `not_sent`"]
pub struct Exchange {
    process: usize,
    carried: Carried,
    request_id: Option<Vec<u8>>,
}

impl Referee {
    /// For a session at this service, with the default configuration.
    pub fn new(service: Service) -> Self {
        Self {
            service,
            limits: Limits::of(&Config::default(), 5_000),
            shares: false,
            parties: Vec::new(),
            store: Store::default(),
            latest: None,
            elapsed: 0,
            sees_targets: false,
            request_id: None,
            requests: Vec::new(),
            secrets: None,
            history: None,
        }
    }

    /// The configuration that the driver was given.
    #[must_use]
    pub fn with_config(mut self, config: &Config) -> Self {
        self.limits = Limits::of(config, self.limits.slack);
        self
    }

    /// For a world in which no time goes by between what is decided and what is seen of it. Without this, a
    /// request may be some seconds late.
    #[must_use]
    pub fn exact(mut self) -> Self {
        self.limits.slack = 0;
        self
    }

    /// The processes share a session by a store. What they do there is told by [`locked`](Self::locked),
    /// [`saved`](Self::saved) and the other calls of that kind, or it is not known.
    #[must_use]
    pub fn with_store(mut self) -> Self {
        self.shares = true;
        self
    }

    /// The header by whose value a target request is known when it is sent again.
    #[must_use]
    pub fn with_request_id(mut self, header: HeaderName) -> Self {
        self.request_id = Some(header);
        self
    }

    /// Remembers all secrets, for [`check_text`](Self::check_text).
    #[must_use]
    pub fn with_secrets(mut self) -> Self {
        self.secrets = Some(Vec::new());
        self
    }

    /// Remembers what happened last, for [`Violation::history`].
    #[must_use]
    pub fn with_history(mut self) -> Self {
        self.history = Some(Vec::new());
        self
    }

    /// For a driver with threads or tasks.
    pub fn shared(self) -> SharedReferee {
        SharedReferee::new(self)
    }

    // What is sent.

    /// A request is about to leave: to the auth server, or to a target.
    pub fn sent<B: AsRef<[u8]>>(
        &mut self,
        now: Timestamp,
        process: usize,
        request: &Request<B>,
    ) -> Result<Exchange, Violation> {
        self.look_at(now);
        let now = now.as_millis();
        let party_exists = self.parties.len() > process;
        if !party_exists {
            self.parties.resize_with(process + 1, Party::default);
        }
        let sent = self.read(request.uri(), request.headers(), request.body().as_ref());
        let sent = sent.and_then(|carried| {
            let request_id = self.count_request(process, request.headers(), &carried)?;
            let taken = self.review(now, process, &carried)?;
            Ok((carried, request_id, taken))
        });
        let (carried, request_id, taken) = sent.map_err(|violation| self.with_story(violation))?;
        self.tell(process, || match &carried {
            Carried::Password(login) => format!("sends the password of {}", login.user),
            Carried::Refresh(_) => "sends a refresh token".into(),
            Carried::Revoked => "revokes a token".into(),
            Carried::Access(origin, _) => format!("sends a request to {origin}"),
            Carried::Nothing => format!("sends something without a secret to {}", request.uri()),
        });
        if let Some(taken) = taken {
            self.take_over(process, taken);
        }
        self.note_sent(now, process, &carried);
        Ok(Exchange {
            process,
            carried,
            request_id,
        })
    }

    /// The same, without noting it.
    pub fn check<B: AsRef<[u8]>>(
        &self,
        now: Timestamp,
        process: usize,
        request: &Request<B>,
    ) -> Result<(), Violation> {
        if self.parties.len() <= process {
            return self.clone().sent(now, process, request).map(drop);
        }
        let carried = self.read(request.uri(), request.headers(), request.body().as_ref())?;
        self.review(now.as_millis(), process, &carried).map(drop)
    }

    fn read(&self, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Result<Carried, Violation> {
        match self.service.secret_in(uri, body) {
            Some(Secret::Password { user, password }) => {
                return Ok(Carried::Password(Login {
                    user: user.into(),
                    password: password.into(),
                }));
            }
            Some(Secret::Refresh(token)) => return Ok(Carried::Refresh(token.into())),
            Some(Secret::Revoked) => return Ok(Carried::Revoked),
            None => {}
        }
        let bearer = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let bearer = bearer.and_then(|value| value.split_once(' '));
        match bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")) {
            Some((_, token)) => Ok(Carried::Access(
                self.i8_secrets_go_where_they_may(uri)?,
                token.into(),
            )),
            None => {
                let is_secret = self.service.is_auth(uri) || service::holds_secret(body);
                if is_secret && self.service.target(uri).is_none() {
                    self.i8_secrets_go_where_they_may(uri)?;
                }
                Ok(Carried::Nothing)
            }
        }
    }

    /// A request goes out twice at most, and the second time after a 401 and with another token.
    fn count_request(
        &mut self,
        process: usize,
        headers: &HeaderMap,
        carried: &Carried,
    ) -> Result<Option<Vec<u8>>, Violation> {
        let Carried::Access(_, token) = carried else {
            return Ok(None);
        };
        let id = self.request_id.as_ref().and_then(|name| headers.get(name));
        let Some(id) = id.map(|id| id.as_bytes().to_vec()) else {
            return Ok(None);
        };
        let known = self
            .requests
            .iter_mut()
            .find(|(by, known, ..)| (*by, known) == (process, &id));
        match known {
            None => self.requests.push((process, id.clone(), 1, None)),
            Some((.., sends, refused)) => {
                *sends += 1;
                if *sends > 1 + u32::from(refused.is_some()) {
                    return Violation::found(7, format!("a request is sent for the {sends}. time"));
                }
                if refused.as_ref() == Some(token) {
                    return Violation::found(7, "a retry goes out with the token that got the 401");
                }
            }
        }
        Ok(Some(id))
    }

    fn note_sent(&mut self, now: u64, process: usize, carried: &Carried) {
        let is_expected =
            matches!(carried, Carried::Password(_)) && Self::is_expected(&self.parties[process]);
        let party = &mut self.parties[process];
        match carried {
            Carried::Password(login) => {
                if let Some(held) = &mut party.held {
                    held.has_sent_password = true;
                }
                let at = party.locked.unwrap_or(self.elapsed);
                let pace = if self.store.is_reported {
                    &mut self.store.pace
                } else {
                    &mut party.pace
                };
                pace.count(at, &self.limits);
                let (user, password) = (login.user.clone(), login.password.clone());
                self.remember([Some(password)]);
                if self.parties[process].next_login.as_ref() == Some(login) {
                    self.set_login(
                        process,
                        Login {
                            user,
                            password: login.password.clone(),
                        },
                    );
                }
            }
            Carried::Refresh(token) => {
                if let Some(held) = &mut party.held {
                    held.has_sent_refresh = true;
                }
                self.remember([Some(token.clone())]);
            }
            Carried::Access(..) => self.sees_targets = true,
            Carried::Revoked | Carried::Nothing => {}
        }
        if matches!(
            carried,
            Carried::Password(_) | Carried::Refresh(_) | Carried::Revoked
        ) {
            let flight = Flight {
                carried: carried.clone(),
                sent: now,
                is_void: false,
                is_expected,
            };
            self.parties[process].flight = Some(flight);
        }
    }

    // What has become of it.

    /// The whole answer has come.
    pub fn answered<B: AsRef<[u8]>>(
        &mut self,
        now: Timestamp,
        exchange: Exchange,
        response: &Response<B>,
    ) {
        self.look_at(now);
        let status = response.status();
        self.tell(exchange.process, || format!("gets {}", status.as_u16()));
        match exchange.carried {
            Carried::Access(origin, token) => {
                self.note_target(exchange.process, &origin, &token, status);
                if let Some(id) = exchange.request_id {
                    self.requests.retain_mut(|(by, known, sends, refused)| {
                        if (*by, &*known) == (exchange.process, &id)
                            && status == StatusCode::UNAUTHORIZED
                        {
                            *refused = Some(token.clone());
                            return *sends < 2;
                        }
                        (*by, &*known) != (exchange.process, &id)
                    });
                }
            }
            Carried::Nothing => {}
            Carried::Password(_) | Carried::Refresh(_) | Carried::Revoked => {
                if let Some(flight) = self.parties[exchange.process].flight.take() {
                    self.note_answer(now.as_millis(), exchange.process, flight, response);
                }
            }
        }
    }

    /// The answer has left, and nobody knows whether it arrived: as seen at the server's end.
    pub fn offered<B: AsRef<[u8]>>(
        &mut self,
        now: Timestamp,
        exchange: Exchange,
        response: &Response<B>,
    ) {
        self.look_at(now);
        let process = exchange.process;
        let is_refresh = matches!(exchange.carried, Carried::Refresh(_));
        self.tell(process, || {
            format!("gets {}, perhaps", response.status().as_u16())
        });
        let party = &mut self.parties[process];
        let Some(flight) = party.flight.take() else {
            return;
        };
        if let Meaning::Tokens(answer) = self.service.read_answer(is_refresh, response) {
            let kept = party
                .held
                .as_ref()
                .and_then(|held| held.refresh.clone())
                .filter(|_| is_refresh);
            party.offered = Some(Held::new(
                &answer,
                kept,
                flight.sent,
                now.as_millis(),
                self.elapsed,
            ));
        }
    }

    /// No answer has come, or not all of it.
    pub fn lost(&mut self, now: Timestamp, exchange: Exchange) {
        self.look_at(now);
        self.tell(exchange.process, || "gets no answer".into());
        if !matches!(exchange.carried, Carried::Access(..) | Carried::Nothing) {
            self.parties[exchange.process].flight = None;
        }
    }

    /// It never left: no connection was got.
    pub fn not_sent(&mut self, now: Timestamp, exchange: Exchange) {
        let party = &mut self.parties[exchange.process];
        if let Some(flight) = &party.flight
            && matches!(flight.carried, Carried::Password(_))
        {
            let pace = if self.store.is_reported {
                &mut self.store.pace
            } else {
                &mut party.pace
            };
            pace.take_back();
            if let Some(held) = party.held.as_mut().filter(|_| flight.is_expected) {
                held.has_sent_password = false;
            }
        }
        self.lost(now, exchange);
    }

    fn note_target(
        &mut self,
        process: usize,
        origin: &Arc<str>,
        token: &Arc<str>,
        status: StatusCode,
    ) {
        let now = self.latest.unwrap_or_default();
        let party = &mut self.parties[process];
        party.accused = None;
        if status != StatusCode::UNAUTHORIZED {
            return party.target(origin).accept(token.clone());
        }
        if let Some(held) = party.held.as_mut().filter(|held| held.access == *token) {
            let is_first = !held.has_sent_refresh && !held.has_sent_password;
            if held.standing == Standing::Good && held.has_expired(now, 0) {
                held.standing = Standing::Unsure;
            }
            party.accused = Some(origin.clone()).filter(|_| is_first && party.flight.is_none());
        }
        let all = self
            .parties
            .iter_mut()
            .filter_map(|party| party.held.as_mut());
        let saved = self.store.saved.as_mut().map(|saved| &mut saved.held);
        for held in all.chain(saved).filter(|held| held.access == *token) {
            held.unauthorized = true;
        }
    }

    fn note_answer<B: AsRef<[u8]>>(
        &mut self,
        now: u64,
        process: usize,
        flight: Flight,
        response: &Response<B>,
    ) {
        let is_refresh = matches!(flight.carried, Carried::Refresh(_));
        let meaning = self.service.read_answer(is_refresh, response);
        let (elapsed, limits) = (self.elapsed, &self.limits);
        let party = &mut self.parties[process];
        party.save_failed = false;
        match (&flight.carried, &meaning) {
            (Carried::Password(login), Meaning::Tokens(_)) => {
                party.words.trust(login);
                self.store.words.forget(login);
                if flight.is_expected {
                    let pace = if self.store.is_reported {
                        &mut self.store.pace
                    } else {
                        &mut party.pace
                    };
                    pace.take_back();
                }
            }
            (Carried::Password(login), Meaning::Refused { by_gateway }) => {
                party.words.refuse(now, limits, login, *by_gateway);
                party.has_unsaved_refusal = party.login.as_ref().is_none_or(|set| set == login);
                // A token that a 401 had condemned is not usable again: the attempts have ended with an answer.
                if let Some(held) = &mut party.held {
                    held.has_ended |= held.standing != Standing::Good;
                }
            }
            (Carried::Password(login), Meaning::Unclear | Meaning::Other) => {
                party.words.doubt(elapsed, login)
            }
            (Carried::Refresh(token), Meaning::Refused { .. }) if !flight.is_void => {
                if let Some(held) = &mut party.held {
                    held.is_refused = true;
                }
                if self.shares {
                    party.spend(token.clone());
                }
            }
            (Carried::Refresh(token), meaning)
                if !flight.is_void && !matches!(meaning, Meaning::Tokens(_)) =>
            {
                if let Some(held) = &mut party.held {
                    held.answer_refresh(now, *meaning == Meaning::Unclear, limits);
                    if held.is_refused && self.shares {
                        party.spend(token.clone());
                    }
                }
            }
            _ => {}
        }
        if let Meaning::Tokens(answer) = meaning
            && flight.carried != Carried::Revoked
            && !flight.is_void
        {
            self.remember([Some(answer.access.clone()), answer.refresh.clone()]);
            self.hold(now, process, &flight, &answer);
        }
    }

    fn hold(&mut self, now: u64, process: usize, flight: &Flight, answer: &answer::Answer) {
        let elapsed = self.elapsed;
        let party = &mut self.parties[process];
        let kept = match &flight.carried {
            Carried::Refresh(token) => Some(token.clone()),
            _ => None,
        };
        let mut held = Held::new(answer, kept, flight.sent, now, elapsed);
        held.is_first = !party.held.as_ref().is_some_and(|held| held.is_good(now));
        if let Carried::Refresh(token) = &flight.carried
            && held.refresh.as_ref() != Some(token)
            && self.shares
        {
            party.spend(token.clone());
        }
        party.offered = None;
        self.adopt(process, held);
        if self.shares {
            for (other, party) in self
                .parties
                .iter_mut()
                .enumerate()
                .filter(|(other, _)| *other != process)
            {
                let _ = other;
                party
                    .held
                    .iter_mut()
                    .for_each(|held| held.is_superseded = true);
            }
        }
    }

    /// They were received by another, perhaps before what ended those before: no target's 401 was in vain.
    fn take_over(&mut self, process: usize, held: Held) {
        let party = &mut self.parties[process];
        if party
            .held
            .as_ref()
            .is_none_or(|before| before.access != held.access)
        {
            party
                .targets
                .iter_mut()
                .for_each(|(_, target)| target.prove_nothing());
        }
        self.adopt(process, held);
    }

    /// These are the process's tokens from now on.
    fn adopt(&mut self, process: usize, mut held: Held) {
        let until = self.elapsed + self.limits.slack;
        let party = &mut self.parties[process];
        held.is_superseded = false;
        if party
            .offered
            .as_ref()
            .is_some_and(|offered| offered.access == held.access)
        {
            party.offered = None;
        }
        let before = party.held.replace(held);
        if self.limits.slack > 0 {
            party.previous = before.map(|before| (before.access, until));
        }
        party.has_held = true;
    }

    // What only the driver knows.

    /// The program sets these credentials, in the beginning or in place of others.
    pub fn credentials(&mut self, now: Timestamp, process: usize, user: &str, password: &str) {
        self.look_at(now);
        let login = Login {
            user: user.into(),
            password: password.into(),
        };
        self.remember([Some(login.password.clone())]);
        let party = self.party(process);
        if party.login.as_ref() == Some(&login) {
            return;
        }
        // A refused one is taken or not, as the clock has jumped: which it was, the library says.
        if party.words.of(&login).is_some_and(|word| word.was_refused) {
            party.next_login = Some(login);
        } else {
            self.set_login(process, login);
        }
    }

    fn set_login(&mut self, process: usize, login: Login) {
        let party = &mut self.parties[process];
        let before = party.login.replace(login);
        party.next_login = None;
        party.replaced = before.clone().filter(|_| party.locked.is_some());
        party.has_unsaved_refusal = false; // no news to its callers any more
        let user = party.login.as_ref().map(|login| &login.user);
        if before.is_some_and(|before| Some(&before.user) != user) {
            party.held = None;
            party.previous = None;
            party.offered = None;
            party
                .targets
                .iter_mut()
                .for_each(|(_, target)| target.reset());
            party
                .flight
                .iter_mut()
                .for_each(|flight| flight.is_void = true);
        }
    }

    /// The library says this.
    pub fn event(
        &mut self,
        now: Timestamp,
        process: usize,
        event: &Event,
    ) -> Result<(), Violation> {
        self.look_at(now);
        self.party(process);
        self.tell(process, || format!("says: {event}"));
        self.note_event(process, event)
            .map_err(|violation| self.with_story(violation))
    }

    fn note_event(&mut self, process: usize, event: &Event) -> Result<(), Violation> {
        let elapsed = self.elapsed;
        let sees_targets = self.sees_targets;
        let party = &mut self.parties[process];
        party.is_heard = true;
        match event {
            Event::Unauthorized { .. } => {
                let accused = party.accused.take();
                let Some(held) = party
                    .held
                    .as_mut()
                    .filter(|held| held.unauthorized || !sees_targets)
                else {
                    return Ok(());
                };
                held.stand(Standing::Condemned, elapsed);
                let (token, age) = (held.access.clone(), elapsed - held.received_after);
                let started = accused.and_then(|origin| {
                    party
                        .target(&origin)
                        .start(elapsed, &self.limits, &token, age)
                });
                started.map_or(Ok(()), |why| Violation::found(15, why))
            }
            Event::TargetGuarded { .. } => {
                if let Some(origin) = party.accused.take() {
                    party.target(&origin).guard(elapsed, &self.limits);
                }
                Ok(())
            }
            // A 401 that led nowhere condemns nothing (`manual::time`).
            Event::RoundFailed { .. } => {
                party
                    .held
                    .iter_mut()
                    .for_each(|held| held.stand(Standing::Good, elapsed));
                Ok(())
            }
            Event::CredentialsReplaced { .. } => {
                if let Some(login) = party.next_login.take() {
                    self.set_login(process, login);
                }
                Ok(())
            }
            Event::Adopted { .. } => {
                if let Some(saved) = &self.store.saved {
                    let held = saved.held.clone();
                    self.take_over(process, held);
                }
                Ok(())
            }
            Event::Forgotten => {
                party.held = None;
                Ok(())
            }
            Event::LoggedIn { .. } | Event::Refreshed { .. } => {
                let is_saved = party.held.as_ref().is_none_or(|held| held.is_saved);
                if self.store.is_reported && !is_saved && !party.save_failed {
                    return Violation::found(14, format!("{event}, and it is not saved"));
                }
                Ok(())
            }
            Event::Rejected { .. } => {
                if self.store.is_reported && party.has_unsaved_refusal && !party.save_failed {
                    return Violation::found(2, format!("{event}, and that is not saved"));
                }
                let is_known = party.login.as_ref().is_none_or(|login| {
                    let mut words = [&party.words, &self.store.words].into_iter();
                    words.any(|words| words.of(login).is_some_and(|word| word.was_refused))
                });
                if !is_known && !self.shares {
                    return Violation::found(10, "the session has ended without a refusal");
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The program allows one attempt with a refused password.
    pub fn retry_refused(&mut self, process: usize) {
        if let Some(login) = self.party(process).login.clone() {
            self.parties[process].words.forget(&login);
            self.store.words.forget(&login);
        }
    }

    /// The process has ended, or was killed. What has this number from now on is another one.
    pub fn ended(&mut self, process: usize) {
        *self.party(process) = Party::default();
        self.tell(process, || "ends".into());
    }

    /// Something was printed, or put where people read: no secret may be in it (I9).
    pub fn check_text(&self, text: &str) -> Result<(), Violation> {
        const LONG: usize = 40; // any part of a token, or more than its end
        let is_of_token = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let (long, short): (Vec<_>, Vec<_>) = self
            .secrets
            .iter()
            .flatten()
            .partition(|secret| secret.len() > LONG);
        let is_secret = |run: &str| {
            run.len() >= LONG
                && long
                    .iter()
                    .any(|token| token.contains(run) || run.contains(&token[token.len() - LONG..]))
        };
        if short.iter().any(|secret| text.contains(&***secret))
            || text.split(|c| !is_of_token(c)).any(is_secret)
        {
            return Violation::found(9, format!("a secret is in {text}"));
        }
        Ok(())
    }

    // What is known.

    /// The clock shows this. Each call that takes the time says so, too.
    pub fn look_at(&mut self, now: Timestamp) {
        let now = now.as_millis();
        let latest = *self.latest.get_or_insert(now);
        // The clocks of threads that report at the same time are not set back by that.
        let is_jitter = now < latest && now + 12 * self.limits.slack >= latest;
        if is_jitter {
            return;
        }
        self.elapsed += now.saturating_sub(latest);
        self.latest = Some(now);
        self.parties.iter_mut().for_each(|party| party.look_at(now));
        self.store.look_at(now);
    }

    /// How much time went by, however often the clock was set back.
    pub fn elapsed(&self) -> Duration {
        Duration::from_millis(self.elapsed)
    }

    /// The tokens that a process has received last, or taken over, if they are still its user's.
    pub fn held(&self, process: usize) -> Option<&Held> {
        self.parties.get(process)?.held.as_ref()
    }

    /// Whether a process holds a token that has not ended and that no 401 was to.
    pub fn holds_good_token(&self, now: Timestamp, process: usize) -> bool {
        self.held(process)
            .is_some_and(|held| held.is_good(now.as_millis()))
    }

    /// Whether the password that a process uses was ever refused to it.
    pub fn was_refused(&self, process: usize) -> bool {
        self.word(process).is_some_and(|word| word.was_refused)
    }

    /// How many answers to the password that a process uses were of no use, and how long it waits for that.
    pub fn doubts(&self, process: usize) -> (u32, Option<Duration>) {
        self.word(process).map_or((0, None), |word| {
            let wait = word.wait_in_doubt(&self.limits);
            (word.doubts, wait.map(Duration::from_millis))
        })
    }

    fn word(&self, process: usize) -> Option<&passwords::Word> {
        let party = self.parties.get(process)?;
        party.words.of(party.login.as_ref()?)
    }

    /// Feeds all that later judgements depend on: of one process, or of what all share.
    pub fn fingerprint(&self, process: Option<usize>, mut hasher: &mut dyn Hasher) {
        let Some(process) = process else {
            self.sees_targets.hash(&mut hasher);
            return self.store.fingerprint(self.elapsed, hasher);
        };
        if let Some(party) = self.parties.get(process) {
            party.fingerprint(self.elapsed, hasher);
        }
    }

    fn party(&mut self, process: usize) -> &mut Party {
        if self.parties.len() <= process {
            self.parties.resize_with(process + 1, Party::default);
        }
        &mut self.parties[process]
    }

    fn others(&self, process: usize) -> impl Iterator<Item = &Party> {
        self.parties
            .iter()
            .enumerate()
            .filter(move |(other, _)| *other != process)
            .map(|(_, party)| party)
    }

    fn remember(&mut self, secrets: impl IntoIterator<Item = Option<Arc<str>>>) {
        if let Some(known) = &mut self.secrets {
            known.extend(secrets.into_iter().flatten());
        }
    }

    fn tell(&mut self, process: usize, line: impl FnOnce() -> String) {
        const LINES: usize = 200;
        if let Some(history) = &mut self.history {
            if history.len() >= LINES {
                history.drain(..LINES / 2);
            }
            let seconds = Duration::from_millis(self.elapsed).as_secs_f64();
            history.push(format!("{seconds:>12.3} s: process {process} {}", line()));
        }
    }

    fn with_story(&self, mut violation: Violation) -> Violation {
        violation.history = self.history.clone().unwrap_or_default();
        violation
    }
}
