//! One session shared by many callers.

mod authorization;
mod cached_bearer;
mod callers;
mod credentials;
mod forget;
mod health;
mod inputs;
mod job;
mod logins;
mod outputs;
mod round;
mod source;
mod state;
mod store;

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::allowed::AllowedOrigins;
use crate::config::Config;
use crate::event::Event;
#[cfg(any(model, fuzzing))]
use crate::fork::{Fork, Hash, Hasher};
use crate::login_answers::LoginAnswers;
use crate::pacing::{Jitter, LoginGuard};
use crate::targets::TargetGuards;
use crate::time::{Deadline, Delay};
use crate::{Credentials, Generation, Provider, Session, Timestamp};

pub use authorization::{Authorization, Pending, Review, Sent};
pub use cached_bearer::CachedBearer;
pub use health::Health;
pub use job::{JobEnd, JobId};
pub use outputs::{Output, Transmit};
pub use state::Status;
pub use store::StoreOp;

use forget::Revocations;
use round::Round;
use source::Source;
use state::State;
use store::Store;

/// A machine that keeps one session for many callers: it decides what is sent when, and who waits for it.
///
/// It does no I/O and takes no lock; put it behind whatever lock the runtime likes.
/// Its methods come in four families:
///
/// - **callers**, once for each request to a target API: [`authorize`](Self::authorize), then
///   [`review`](Self::review) with the status of the answer. To put a token on a request without a lock there
///   is [`cached_bearer`](Self::cached_bearer).
/// - **inputs**, once for each [`Transmit`] and each [`StoreOp`]: [`handle_end`](Self::handle_end), or
///   [`abandon`](Self::abandon) where the end is not known; for an exchange also
///   [`handle_response`](Self::handle_response) and [`handle_failure`](Self::handle_failure). At any time
///   [`handle_credentials`](Self::handle_credentials), [`retry_refused`](Self::retry_refused) and
///   [`close`](Self::close).
/// - **output**: [`poll`](Self::poll), after each call of the families above and when the
///   time comes that it has named, until it says [`Output::Wait`]. [`wants`](Self::wants) tells whether it
///   would say anything else.
/// - **getters**: [`status`](Self::status), [`health`](Self::health), [`in_flight`](Self::in_flight),
///   [`provider`](Self::provider), [`generation`](Self::generation).
///
/// Every method takes the time as an argument and is total: no input, however late, foreign
/// or malformed, panics or does more than its documentation says.
///
/// The crate's documentation has the loop that drives it.
#[must_use]
pub struct Machine {
    /// Tells what is this machine's from what is another's. Never repeated in a process and of no other
    /// consequence.
    id: u64,
    config: Config,
    state: State,
    generation: Generation,
    /// What was sent with an older one belong to another user's session.
    first_generation: Generation,
    refresh_due: Deadline,
    round: Round,
    logins: LoginGuard,
    login_answers: LoginAnswers,
    /// The login that is due follows from the end of tokens without a refresh token: since these came.
    expected: Option<Delay>,
    allowed: AllowedOrigins,
    targets: TargetGuards,
    jitter: Jitter,
    /// Somebody says that a refused password is right all the same: for one attempt.
    is_retry: bool,
    /// Those that a login in flight sends, if others of the same user have come since.
    replaced: Option<Credentials>,
    exchanges: u64,
    /// Nobody is left to ask.
    is_closed: bool,
    /// `None`: the session ends with the process.
    store: Option<Box<Store>>,
    /// `None`: the password is in memory.
    source: Option<Box<Source>>,
    revocations: Option<Box<Revocations>>,
    events: VecDeque<Event>,
}

impl Machine {
    /// Makes a machine that has yet to log in. Nothing is sent until somebody asks for a token.
    pub fn new(provider: Provider, credentials: Credentials, config: Config) -> Self {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);
        Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            state: State::new(Session::new(provider, credentials)),
            generation: Generation::default(),
            first_generation: Generation::default(),
            refresh_due: Deadline::never(Timestamp::default()),
            round: Round::default(),
            logins: LoginGuard::default(),
            login_answers: LoginAnswers::default(),
            expected: None,
            allowed: AllowedOrigins::default(),
            targets: TargetGuards::default(),
            jitter: Jitter::new(config.seed),
            is_retry: false,
            replaced: None,
            exchanges: 0,
            is_closed: false,
            store: None,
            source: None,
            revocations: None,
            // There is seldom more than one.
            events: VecDeque::with_capacity(1),
            config,
        }
    }

    /// Returns the state of the session.
    pub fn status(&self) -> Status {
        self.state.status()
    }

    /// Returns where the machine logs in, and which origins may see the token. `None` after
    /// [`Denied::Interrupted`](crate::Denied::Interrupted).
    pub fn provider(&self) -> Option<&Provider> {
        self.state.provider()
    }

    /// Returns the generation of the current tokens; 0 before the first.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Returns when the current access token expires, if there is one and the server said so.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.state.token()?.expires_at()
    }

    /// Queues an event. A driver that never polls costs the oldest ones, not memory without end. Whoever has
    /// a cached bearer would not poll before it ends, so there is none any more.
    fn tell(&mut self, event: Event) {
        const MOST: usize = 256;
        self.state.void_cached();
        if self.events.len() >= MOST {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine")
            .field("state", &self.state)
            .field("generation", &self.generation)
            .field("round", &self.round)
            .finish_non_exhaustive()
    }
}

#[cfg(any(model, fuzzing))]
impl Fork for Machine {
    fn fork(&self) -> Self {
        Self {
            config: self.config.clone(),
            state: self.state.fork(),
            round: self.round.clone(),
            logins: self.logins.clone(),
            login_answers: self.login_answers.clone(),
            expected: self.expected,
            replaced: self.replaced.fork(),
            allowed: self.allowed.clone(),
            targets: self.targets.clone(),
            jitter: self.jitter.clone(),
            events: self.events.clone(),
            store: self.store.as_ref().map(|store| Box::new(store.fork())),
            source: self.source.clone(),
            revocations: self.revocations.as_ref().map(|due| Box::new(due.fork())),
            ..*self
        }
    }

    /// The events only by their number: what they say follows from the rest. Not which machine it is.
    fn fingerprint(&self, mut hasher: &mut dyn Hasher) {
        self.state.fingerprint(hasher);
        self.is_retry.hash(&mut hasher);
        self.round.fingerprint(hasher);
        (self.generation, self.first_generation, self.refresh_due).hash(&mut hasher);
        (&self.logins, &self.login_answers, &self.expected).hash(&mut hasher);
        self.replaced.fingerprint(hasher);
        (&self.targets, &self.jitter).hash(&mut hasher);
        (self.exchanges, self.is_closed, self.events.len()).hash(&mut hasher);
        if let Some(store) = &self.store {
            store.fingerprint(hasher);
        }
        if let Some(revocations) = &self.revocations {
            revocations.fingerprint(hasher);
        }
        if let Some(source) = &self.source {
            source.fingerprint(hasher);
        }
    }
}
