//! The emulator as a value.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use http::header::CONTENT_LENGTH;
use http::{Method, Request, Response, StatusCode};

use crate::accounts::Accounts;
use crate::auth::{bare, reject};
use crate::body::Body;
use crate::entry::{Entry, What};
use crate::fault::{Endpoint, Fault, FaultRates};
use crate::http1::has_no_body;
use crate::ledger::Ledger;
use crate::mix::mix;
use crate::route::{Head, Route};
use crate::sessions::{Sessions, millis};
use crate::settings::Settings;
use crate::target::Decree;
use crate::token::{Kind, Token};

/// The Simacan Auth API, an RFC 6749 token endpoint and target APIs, as one deterministic value.
///
/// It is cheap to copy, to compare and to hash, so that a model checker can do so at every step:
/// its state is a few numbers for each live login. The [`Ledger`] is part of it and grows; switch
/// that off with [`Detail::Nothing`](crate::Detail::Nothing).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emulator {
    pub(crate) settings: Arc<Settings>,
    pub(crate) accounts: Accounts,
    pub(crate) sessions: Sessions,
    pub(crate) decrees: Vec<Decree>,
    script: [VecDeque<Fault>; Endpoint::COUNT],
    /// How many faults have been drawn by seed.
    draws: u64,
    ledger: Ledger,
}

impl Emulator {
    /// Makes an emulator that has not received anything yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            accounts: Accounts::new(&settings),
            sessions: Sessions::new(),
            decrees: Vec::new(),
            script: Default::default(),
            draws: 0,
            ledger: Ledger::new(settings.detail),
            settings: Arc::new(settings),
        }
    }

    /// Handles a request that is received at `now`, and returns what the client gets.
    ///
    /// The model reads `now` as a number of milliseconds and minds neither gaps nor steps back.
    pub fn handle<B: AsRef<[u8]>>(&mut self, now: SystemTime, request: &Request<B>) -> Reply {
        let head = Head {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
        };
        self.receive(now, &head, &Body::whole_of(request.body().as_ref()))
            .0
    }

    /// Handles a request as [`handle`](Self::handle) does, and returns the answer whole and at once: without its
    /// delay, or `None` if it was lost or breaks off.
    pub fn respond<B: AsRef<[u8]>>(
        &mut self,
        now: SystemTime,
        request: &Request<B>,
    ) -> Option<Response<Vec<u8>>> {
        match self.handle(now, request).outcome {
            Outcome::Answer(answer) => Some(answer),
            Outcome::CutShort(_) | Outcome::Lost => None,
        }
    }

    /// Returns a function from request to answer that needs no socket: an exchange for the adapters' `exchange_with`.
    /// What is lost is a time-out, and of an answer that breaks off there is what has arrived, as their own exchanges
    /// have it; delays are not waited for.
    pub fn exchange<B: AsRef<[u8]>, A: From<Vec<u8>>, E: From<io::Error>>(
        emulator: Arc<Mutex<Self>>,
        clock: impl Fn() -> SystemTime + Clone,
    ) -> impl Fn(Request<B>) -> Result<Response<A>, E> + Clone {
        move |request| {
            let mut emulator = emulator.lock().unwrap_or_else(PoisonError::into_inner);
            match emulator.handle(clock(), &request).outcome {
                Outcome::Answer(answer) | Outcome::CutShort(answer) => Ok(answer.map(A::from)),
                Outcome::Lost => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
            }
        }
    }

    /// Returns the record of what was received so far.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Returns the ledger, to [`clear`](Ledger::clear) it.
    pub fn ledger_mut(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    /// Lets this fault strike the next request to an endpoint that no fault is scripted for yet.
    pub fn script(&mut self, endpoint: Endpoint, fault: Fault) {
        self.script_n(endpoint, fault, 1);
    }

    /// Lets this fault strike `n` requests: [`script`](Self::script), `n` times.
    pub fn script_n(&mut self, endpoint: Endpoint, fault: Fault, n: usize) {
        self.script[endpoint as usize].extend(std::iter::repeat_n(fault, n));
    }

    /// Forgets the scripted faults that have not struck yet.
    pub fn clear_script(&mut self) {
        self.script = Default::default();
    }

    /// Ends all that interferes: scripted faults, fault rates and the orders of
    /// [`answer_targets`](Self::answer_targets).
    pub fn clear_faults(&mut self) {
        self.clear_script();
        self.answer_targets_as_usual();
        for rates in &mut Arc::make_mut(&mut self.settings).fault_rates {
            *rates = FaultRates {
                delay: rates.delay,
                ..FaultRates::default()
            };
        }
    }

    /// Returns how many scripted faults have not struck yet.
    pub fn faults_in_store(&self) -> usize {
        self.script.iter().map(VecDeque::len).sum()
    }

    /// Ends the life of all access tokens, before the time that their `expires_in` named.
    pub fn revoke_access_tokens(&mut self) {
        self.sessions.revoke_access_tokens();
    }

    /// Ends the life of all refresh tokens: only a password gets new ones.
    pub fn revoke_refresh_tokens(&mut self) {
        self.sessions.revoke_refresh_tokens();
    }

    /// Ends the life of one token. Returns `false` if it is none of the emulator's own.
    pub fn revoke(&mut self, token: &str) -> bool {
        let token = self.read(token);
        if let Some(token) = &token {
            self.sessions.revoke(token);
        }
        token.is_some()
    }

    /// Ends all sessions: every token of theirs is dead, whatever its kind.
    pub fn end_sessions(&mut self) {
        self.sessions.end(None);
    }

    /// Ends the sessions of one user. Returns `false` if there is no such user.
    pub fn end_sessions_of(&mut self, user: &str) -> bool {
        let user = self.accounts.position(user);
        if user.is_some() {
            self.sessions.end(user);
        }
        user.is_some()
    }

    /// Changes a password. Tokens and the lock-out stay as they are.
    ///
    /// # Panics
    ///
    /// If there is no such user.
    pub fn set_password(&mut self, user: &str, password: &str) {
        self.accounts.set_password(user, password);
    }

    /// Ends the lock-out of a user, and forgets the wrong passwords so far.
    ///
    /// # Panics
    ///
    /// If there is no such user.
    pub fn unlock(&mut self, user: &str) {
        self.accounts.unlock(user);
    }

    /// Returns the serial number of a token, by which the ledger knows it, if it is one of the emulator's own, dead or
    /// alive.
    pub fn serial_of(&self, token: &str) -> Option<u64> {
        self.read(token).map(|token| token.serial)
    }

    fn read(&self, token: &str) -> Option<Token> {
        let read = |kind| Token::read(self.settings.seed, kind, token);
        read(Kind::Access).or_else(|| read(Kind::Refresh))
    }

    /// [`handle`](Self::handle) for the server: a body too big to keep, and the entry for the log.
    pub(crate) fn receive(
        &mut self,
        now: SystemTime,
        head: &Head<'_>,
        body: &Body,
    ) -> (Reply, Entry) {
        if let Some(order) = head.uri.path().strip_prefix("/emulator/") {
            return self.control(now, order, head, body);
        }
        let route = Route::of(head, body);
        let endpoint = route.endpoint();
        let fault = self.next_fault(endpoint);
        let instead = fault.as_ref().and_then(Fault::instead);
        let (mut reply, what) = if let Some(reply) = instead {
            (reply, What::Unhandled)
        } else {
            let (answer, what) = self.answer(since_1970(now), route, head, body);
            match &fault {
                Some(fault) => (fault.spoil(answer), what),
                None => (answer.into(), what),
            }
        };
        reply.outcome = reply.outcome.read_in_answer_to(head.method);
        let answered = match &reply.outcome {
            Outcome::Answer(answer) | Outcome::CutShort(answer) => Some(answer.status()),
            Outcome::Lost => None,
        };
        let entry = Entry {
            at: now,
            endpoint,
            what,
            fault,
            answered,
        };
        self.ledger.record(&entry, body);
        (reply, entry)
    }

    fn answer(&mut self, now: u64, route: Route, head: &Head<'_>, body: &Body) -> (Answer, What) {
        match route {
            Route::Password(Ok(form)) => self.auth_password(now, &form),
            Route::Refresh(Ok(form)) => self.auth_refresh(now, &form),
            Route::Password(Err(malformed)) | Route::Refresh(Err(malformed)) => reject(malformed),
            Route::OAuth2(form) => self.oauth2(now, head.headers, form),
            Route::Target => self.target(now, head, body),
            Route::Nowhere => (
                bare(StatusCode::NOT_FOUND),
                What::Rejected {
                    why: "unknown path",
                },
            ),
        }
    }

    fn next_fault(&mut self, endpoint: Endpoint) -> Option<Fault> {
        if let Some(fault) = self.script[endpoint as usize].pop_front() {
            return Some(fault);
        }
        let rates = &self.settings.fault_rates[endpoint as usize];
        if rates.are_zero() {
            // Drawing nothing leaves the state as it is: one state fewer for a model checker.
            return None;
        }
        self.draws += 1;
        rates.pick(mix(self.settings.seed ^ mix(self.draws)))
    }
}

impl Hash for Emulator {
    /// Leaves out the settings: emulators that are compared tend to share them.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.accounts.hash(state);
        self.sessions.hash(state);
        self.decrees.hash(state);
        self.script.hash(state);
        self.draws.hash(state);
        self.ledger.hash(state);
    }
}

/// The answer to a request, and when it arrives.
#[derive(Clone, Debug)]
pub struct Reply {
    /// How long the answer takes to arrive.
    pub delay: Duration,
    /// What arrives.
    pub outcome: Outcome,
}

impl Reply {
    pub(crate) fn lost() -> Self {
        Self {
            delay: Duration::ZERO,
            outcome: Outcome::Lost,
        }
    }
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self {
            delay: Duration::ZERO,
            outcome: Outcome::Answer(answer),
        }
    }
}

/// The answer that arrives at a client, if one does.
#[derive(Clone)]
pub enum Outcome {
    /// The whole answer arrives.
    Answer(Response<Vec<u8>>),
    /// Part of an answer arrives: its body is what arrives of it, and its `Content-Length` says that there should be
    /// more. A client that reads to the end gets an error there.
    CutShort(Response<Vec<u8>>),
    /// Nothing arrives: the connection is dropped without an answer.
    Lost,
}

impl Outcome {
    /// How long a body is, a client learns from the head (RFC 9112, section 6.3): it sees nothing of what comes
    /// behind that, and misses what does not come.
    fn read_in_answer_to(self, method: &Method) -> Self {
        let (Self::Answer(mut answer) | Self::CutShort(mut answer)) = self else {
            return Self::Lost;
        };
        let arrived = answer.body().len();
        let announced = answer.headers().get(CONTENT_LENGTH);
        let announced = announced.and_then(|length| length.to_str().ok()?.parse().ok());
        if *method == Method::HEAD {
            let headers = answer.headers_mut();
            headers.entry(CONTENT_LENGTH).or_insert(arrived.into());
            answer.body_mut().clear();
        } else if has_no_body(answer.status()) {
            answer.body_mut().clear();
        } else if announced.is_some_and(|announced: usize| announced > arrived) {
            return Self::CutShort(answer);
        } else {
            answer.body_mut().truncate(announced.unwrap_or(arrived));
        }
        Self::Answer(answer)
    }
}

impl std::fmt::Debug for Outcome {
    /// Without the body, which may hold tokens.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (name, answer) = match self {
            Self::Answer(answer) => ("Answer", answer),
            Self::CutShort(answer) => ("CutShort", answer),
            Self::Lost => return f.write_str("Lost"),
        };
        let len = answer.body().len();
        write!(f, "{name}({}, {len} bytes)", answer.status())
    }
}

pub(crate) type Answer = Response<Vec<u8>>;

/// Milliseconds since 1970; 0 for all times before.
fn since_1970(now: SystemTime) -> u64 {
    now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, millis)
}
