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

/// Keeps a session for an HTTP client: puts the token on its requests, and looks at what becomes of them.
///
/// Clones share one session. What waits is `async`, under any executor; [`block_on`](crate::block_on) waits
/// for it in blocking code.
#[derive(Clone)]
pub struct Driver(Arc<Client>);

/// How a request waits for its token.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wait {
    /// It can be sent only once, so that no 401 to it is cured: if the token has only seconds to live, it waits
    /// for the refresh that is due anyway. Should that fail, the token serves to its end.
    pub is_once: bool,
    /// A time-out of its own, if that is shorter than the session's
    /// [`token_timeout`](Settings::token_timeout).
    pub timeout: Option<Duration>,
}

impl Wait {
    /// With both of these.
    pub fn new(is_once: bool, timeout: Option<Duration>) -> Self {
        Self { is_once, timeout }
    }
}

/// The last one's drop is the end of the session.
struct Client(Arc<Session>);

impl Driver {
    /// Starts with where to log in and as whom.
    pub fn settings(provider: Provider, credentials: impl Into<CredentialsSource>) -> Settings {
        Settings::new(provider, credentials)
    }

    pub(crate) fn of(session: Session) -> Self {
        Self(Arc::new(Client(Arc::new(session))))
    }

    /// Waits until the bearer token is on the request, or until it is certain that there is none. `pending` is
    /// what [`Retry`](Review::Retry) gave; `None` for a request that has not been sent yet.
    pub async fn authorize(
        &self,
        pending: Option<Pending>,
        request: &mut impl TargetRequest,
    ) -> Result<Sent, Error> {
        self.authorize_with(pending, Wait::default(), request).await
    }

    /// As [`authorize`](Self::authorize), with more said about how it waits.
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

    /// As [`authorize_with`](Self::authorize_with), in blocking code: what need not wait has no future around it.
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

    /// Puts this thread's cached bearer on a request that has not been sent yet. No lock is taken. `None`:
    /// [`authorize`](Self::authorize) it.
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

    /// Logs in, if there is no token yet.
    pub async fn log_in(&self) -> Result<Status, Error> {
        let sent = Box::pin(self.session().ask(None, Wait::default(), Machine::log_in)).await?;
        drop(sent);
        // The thread that logs in need not be one that sends: it would keep the token beyond its end.
        self.session().cached.keep(None);
        Ok(self.status())
    }

    /// What the status of the answer means for the request that was [`Sent`]: see
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

    /// Other credentials.
    pub fn set_credentials(&self, credentials: Credentials) {
        self.input(|machine, now| machine.handle_credentials(now, credentials));
    }

    /// Logs out, and waits until that is saved, and the tokens are revoked if the provider has a
    /// [revocation endpoint](simacan_auth::ProviderBuilder::revocation_endpoint). Whether nothing is left to do
    /// within `timeout`; an event says whether they were. See [`Machine::forget`].
    pub async fn forget(&self, timeout: Duration) -> bool {
        self.input(Machine::forget);
        self.settle(timeout).await
    }

    /// Sends the refused password once more, for when it is right by now.
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

    /// Waits for a future in this thread, as all calls that block do: as its [`System`](crate::System) waits.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.session().process.block_on(future)
    }

    /// What the session is doing.
    pub fn status(&self) -> Status {
        match self.session().check_process() {
            Ok(()) => self.session().lock().machine.status(),
            Err(_) => Status::Interrupted,
        }
    }

    /// How the session does: whether there is a token that can be used now, and if not, why not and until when. For
    /// a page or a probe; it starts nothing.
    ///
    /// [`Error::Forked`]: this process was forked from the one that made the client.
    pub fn health(&self) -> Result<Health, Error> {
        let session = self.session();
        session.check_process()?;
        let now = session.now();
        Ok(session.lock().machine.health(now))
    }

    /// Waits until nothing is under way and what there is is saved: for a program that is about to end. Whether
    /// that is so within `timeout`.
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
