use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Request, StatusCode};
use simacan_auth::{
    Clearance, Credentials, Machine, Origin, Pass, Permit, Provider, Status, Ticket, Timestamp,
    Verdict,
};

use crate::error::Error;
use crate::session::Session;
use crate::sync::block_on;
use crate::{Settings, carrier};

/// Keeps a session for an HTTP client: puts the token on its requests, and looks at what becomes of them.
///
/// Clones share one session. What waits is `async`, under any executor; [`block_on`](crate::block_on) waits
/// for it in blocking code.
#[derive(Clone)]
pub struct Driver(Arc<Client>);

/// The last one's drop is the end of the session.
struct Client(Arc<Session>);

impl Driver {
    /// Starts with where to log in and as whom.
    pub fn settings(provider: Provider, credentials: Credentials) -> Settings {
        Settings::new(provider, credentials)
    }

    pub(crate) fn of(session: Session) -> Self {
        Self(Arc::new(Client(Arc::new(session))))
    }

    /// Waits until the bearer token is on the request, or until it is certain that there is none. A request
    /// that has not been sent yet has no permit.
    pub async fn authorize<B>(
        &self,
        permit: Option<Permit>,
        request: &mut Request<B>,
    ) -> Result<Ticket, Error> {
        if permit.is_none()
            && let Some(ticket) = self.authorize_now(|pass, now| pass.authorize(now, request))
        {
            return Ok(ticket);
        }
        // In a box: else each request would pay for the size of what seldom happens.
        Box::pin(self.ask(permit, None, false, |machine, now, permit| {
            machine.authorize(now, permit, request)
        }))
        .await
    }

    /// As [`authorize`](Self::authorize), for a request that can be sent only once, so that no 401 to it is
    /// cured: if the token has only seconds to live, it waits for the refresh that is due anyway. Should that
    /// fail, the token serves to its end.
    pub async fn authorize_once<B>(&self, request: &mut Request<B>) -> Result<Ticket, Error> {
        if let Some(ticket) = self.authorize_now(|pass, now| pass.authorize(now, request)) {
            return Ok(ticket);
        }
        Box::pin(self.ask(None, None, true, |machine, now, permit| {
            machine.authorize(now, permit, request)
        }))
        .await
    }

    /// As [`authorize`](Self::authorize), or with `is_once` as [`authorize_once`](Self::authorize_once), in
    /// blocking code: what need not wait has no future around it, which would take a third longer.
    pub fn authorize_blocking<B>(
        &self,
        permit: Option<Permit>,
        is_once: bool,
        request: &mut Request<B>,
    ) -> Result<Ticket, Error> {
        if permit.is_none()
            && let Some(ticket) = self.authorize_now(|pass, now| pass.authorize(now, request))
        {
            return Ok(ticket);
        }
        if is_once {
            block_on(self.authorize_once(request))
        } else {
            block_on(self.authorize(permit, request))
        }
    }

    /// What this thread's cached bearer says to a request that has not been sent yet: no lock is taken.
    #[inline]
    pub fn authorize_now(
        &self,
        authorize: impl FnOnce(&Pass, std::time::SystemTime) -> Option<Ticket>,
    ) -> Option<Ticket> {
        let session = self.session();
        session.passes.ask(|pass| {
            let now = match &session.clock {
                Some(clock) => clock().into(),
                None => session.process.time(),
            };
            authorize(pass, now)
        })
    }

    /// As [`authorize`](Self::authorize), or with `is_once` as [`authorize_once`](Self::authorize_once), for a
    /// request that is no [`http::Request`], and with a time-out of its own, if that is shorter than the
    /// session's.
    pub async fn authorize_headers(
        &self,
        permit: Option<Permit>,
        is_once: bool,
        timeout: Option<Duration>,
        origin: Option<Origin<'_>>,
        headers: &mut HeaderMap,
    ) -> Result<Ticket, Error> {
        Box::pin(self.ask(permit, timeout, is_once, |machine, now, permit| {
            machine.authorize_headers(now, permit, origin, headers)
        }))
        .await
    }

    /// Logs in, if there is no token yet.
    pub async fn log_in(&self) -> Result<Status, Error> {
        let ticket = Box::pin(self.ask(None, None, false, Machine::log_in)).await?;
        drop(ticket);
        // The thread that logs in need not be one that sends: it would keep the token beyond its end.
        self.session().passes.keep(None);
        Ok(self.status())
    }

    async fn ask(
        &self,
        permit: Option<Permit>,
        timeout: Option<Duration>,
        is_once: bool,
        question: impl FnMut(&mut Machine, Timestamp, Permit) -> Clearance,
    ) -> Result<Ticket, Error> {
        let longest = self.session().token_timeout;
        let timeout = timeout.map_or(longest, |timeout| timeout.min(longest));
        let session = self.session();
        session.ask(permit, timeout, is_once, question).await
    }

    /// What the status of the answer means for the request that the ticket was for: see
    /// [`Machine::review`].
    #[inline]
    pub fn review(&self, ticket: Ticket, status: StatusCode) -> Verdict {
        let session = self.session();
        if let Some(verdict) = session.passes.ask(|pass| pass.review(&ticket, status)) {
            return verdict;
        }
        if session.check_process().is_err() {
            return Verdict::Deliver;
        }
        // The time is of no consequence but to a 401.
        let now = match status {
            StatusCode::UNAUTHORIZED => session.now(),
            _ => Timestamp::default(),
        };
        let mut desk = session.lock();
        let verdict = desk.machine.review(now, ticket, status);
        if status == StatusCode::UNAUTHORIZED {
            let _ = session.hire(desk, now, false); // who asks next hears of it
        }
        verdict
    }

    /// Other credentials.
    pub fn set_credentials(&self, credentials: Credentials) {
        let session = self.session();
        if session.check_process().is_ok() {
            let now = session.now();
            let mut desk = session.lock();
            desk.machine.handle_credentials(now, credentials);
            let _ = session.hire(desk, now, false); // the event is told by whoever comes next
        }
    }

    /// What the session is doing.
    pub fn status(&self) -> Status {
        match self.session().check_process() {
            Ok(()) => self.session().lock().machine.status(),
            Err(_) => Status::Interrupted,
        }
    }

    /// Waits until nothing is under way and what there is is saved: for a program that is about to end. Whether
    /// that is so within `timeout`.
    pub async fn settle(&self, timeout: Duration) -> bool {
        self.session().settle(timeout).await
    }

    fn session(&self) -> &Arc<Session> {
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
        let desk = session.close();
        let has_store = desk.store.is_some();
        // Only what the machine wants by now: the time is not asked for, which may panic.
        let hired = session.hire(desk, Timestamp::default(), false);
        if has_store && hired.is_ok() && !carrier::is_here() {
            block_on(session.end());
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
