use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use simacan_auth::{
    Credentials, Health, Machine, Pending, Provider, Review, Sent, Status, TargetRequest, Timestamp,
};

use crate::error::Error;
use crate::session::Session;
use crate::{CredentialsSource, Settings, carrier};

/// A session for an HTTP client: it puts the bearer token on requests, and acts on the status of their answers.
///
/// Clones share one session. The methods that wait are `async` and run on any executor; in blocking code
/// [`block_on`](crate::block_on) runs them.
#[derive(Clone)]
pub struct Driver(Arc<Client>);

/// How a request waits for its token: for how long, and whether it can be sent only once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wait {
    /// Whether the request can be sent only once, so that a 401 to it can't be cured. Then a token that has only
    /// seconds to live is not used while its refresh is due or under way, unless that fails. Default: no.
    pub is_once: bool,
    /// The longest wait of this request, if that is shorter than the session's
    /// [`token_timeout`](Settings::token_timeout). Default: none.
    pub timeout: Option<Duration>,
}

impl Wait {
    /// Makes a wait with both of these.
    pub fn new(is_once: bool, timeout: Option<Duration>) -> Self {
        Self { is_once, timeout }
    }
}

/// The last one's drop is the end of the session.
struct Client(Arc<Session>);

impl Driver {
    /// Returns the settings of a driver that logs in at this provider with these credentials.
    pub fn settings(provider: Provider, credentials: impl Into<CredentialsSource>) -> Settings {
        Settings::new(provider, credentials)
    }

    pub(crate) fn of(session: Session) -> Self {
        Self(Arc::new(Client(Arc::new(session))))
    }

    /// Puts the bearer token on the request, and waits for one if there is none. `pending` is what
    /// [`Retry`](Review::Retry) gave; `None` for a request that has not been sent yet.
    pub async fn authorize(
        &self,
        pending: Option<Pending>,
        request: &mut impl TargetRequest,
    ) -> Result<Sent, Error> {
        self.authorize_with(pending, Wait::default(), request).await
    }

    /// Puts the bearer token on the request as [`authorize`](Self::authorize) does, and waits as `wait` says.
    pub async fn authorize_with(
        &self,
        pending: Option<Pending>,
        wait: Wait,
        request: &mut impl TargetRequest,
    ) -> Result<Sent, Error> {
        match self.authorize_now(pending.as_ref(), request) {
            Some(sent) => Ok(sent),
            None => self.authorize_by_machine(pending, wait, request).await,
        }
    }

    /// Puts the bearer token on the request as [`authorize_with`](Self::authorize_with) does, in blocking code.
    /// If this thread has a copy of the token, it makes no future.
    pub fn authorize_blocking(
        &self,
        pending: Option<Pending>,
        wait: Wait,
        request: &mut impl TargetRequest,
    ) -> Result<Sent, Error> {
        match self.authorize_now(pending.as_ref(), request) {
            Some(sent) => Ok(sent),
            None => self.block_on(self.authorize_by_machine(pending, wait, request)),
        }
    }

    async fn authorize_by_machine(
        &self,
        pending: Option<Pending>,
        wait: Wait,
        request: &mut impl TargetRequest,
    ) -> Result<Sent, Error> {
        // In a box: else each request would pay for the size of what seldom happens.
        Box::pin(self.session().ask(pending, wait, |machine, now, pending| {
            machine.authorize(now, pending, request)
        }))
        .await
    }

    /// Puts this thread's copy of the token on a request that has not been sent yet, without a lock. Returns `None`
    /// if there is no such copy, so that the request needs [`authorize`](Self::authorize).
    #[inline]
    pub fn authorize_now(
        &self,
        pending: Option<&Pending>,
        request: &mut impl TargetRequest,
    ) -> Option<Sent> {
        if pending.is_some() {
            return None;
        }
        let session = self.session();
        let now = match &session.clock {
            Some(clock) => clock().into(),
            None => session.process.time(),
        };
        session.cached.ask(|cached| cached.authorize(now, request))
    }

    /// Logs in, if there is no token yet. The first request does the same.
    pub async fn log_in(&self) -> Result<Status, Error> {
        let sent = Box::pin(self.session().ask(None, Wait::default(), Machine::log_in)).await?;
        drop(sent);
        // The thread that logs in need not be one that sends: it would keep the token beyond its end.
        self.session().cached.keep(None);
        Ok(self.status())
    }

    /// Says what to do with the answer to a request that was [`Sent`]: deliver it, or send the request once more. See
    /// [`Machine::review`].
    #[inline]
    pub fn review(&self, sent: Sent, status: StatusCode) -> Review {
        let session = self.session();
        if let Some(review) = session.cached.ask(|cached| cached.review(&sent, status)) {
            return review;
        }
        if session.check_process().is_err() {
            return Review::Deliver;
        }
        // The time is of no consequence but to a 401.
        let now = match status {
            StatusCode::UNAUTHORIZED => session.now(),
            _ => Timestamp::default(),
        };
        let mut shared = session.lock();
        let review = shared.machine.review(now, sent, status);
        if status == StatusCode::UNAUTHORIZED {
            let _ = session.ensure_carrier(shared, now, false); // who asks next hears of it
        }
        review
    }

    /// Replaces the credentials. Other ones end a [`Denied::Rejected`](simacan_auth::Denied::Rejected) at once.
    pub fn set_credentials(&self, credentials: Credentials) {
        self.input(|machine, now| machine.handle_credentials(now, credentials));
    }

    /// Logs out: forgets the tokens, here and in the store, and revokes them if the provider has a [revocation
    /// endpoint](simacan_auth::ProviderBuilder::revocation_endpoint). Returns `false` if that takes longer than
    /// `timeout`; an event says whether they were revoked. See [`Machine::forget`].
    pub async fn forget(&self, timeout: Duration) -> bool {
        self.input(Machine::forget);
        self.settle(timeout).await
    }

    /// Lets the password that was refused be sent once more, since it is valid now: an account was unlocked, say.
    pub fn retry_refused(&self) {
        self.input(Machine::retry_refused);
    }

    fn input(&self, input: impl FnOnce(&mut Machine, Timestamp)) {
        let session = self.session();
        if session.check_process().is_ok() {
            let now = session.now();
            let mut shared = session.lock();
            input(&mut shared.machine, now);
            let _ = session.ensure_carrier(shared, now, false); // the event is told by whoever comes next
        }
    }

    /// Runs a future to its end in this thread, which waits as its [`System`](crate::System) says.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.session().process.block_on(future)
    }

    /// Returns the state of the session: logged in, refreshing, rejected and so on.
    pub fn status(&self) -> Status {
        match self.session().check_process() {
            Ok(()) => self.session().lock().machine.status(),
            Err(_) => Status::Interrupted,
        }
    }

    /// Returns the health of the session: whether a token can be used now, and if not, why not and until when. For a
    /// page or a probe; starts nothing.
    ///
    /// [`Error::Forked`]: this process was forked from the one that made the client.
    pub fn health(&self) -> Result<Health, Error> {
        let session = self.session();
        session.check_process()?;
        let now = session.now();
        Ok(session.lock().machine.health(now))
    }

    /// Waits until nothing is under way and the session is saved, for a program that is about to end. Returns `false`
    /// if that takes longer than `timeout`.
    pub async fn settle(&self, timeout: Duration) -> bool {
        self.session().settle(timeout).await
    }

    pub(crate) fn session(&self) -> &Arc<Session> {
        &self.0.0
    }
}

/// No exchange is begun any more. Where a store is, this waits until what is in flight is saved.
impl Drop for Client {
    fn drop(&mut self) {
        let session = &self.0;
        if session.check_process().is_err() {
            // The parent's: a store's connection must not be ended from here.
            std::mem::forget(session.clone());
            return;
        }
        let shared = session.close();
        let has_store = shared.store.is_some();
        // Only what the machine wants by now: the time is not asked for, which may panic.
        let started = session.ensure_carrier(shared, Timestamp::default(), false);
        if has_store && started.is_ok() && !carrier::is_here() {
            session.process.block_on(session.end());
        }
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver")
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}
