//! The hot path without the machine: what it would say, for as long as nothing happens to it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use http::{HeaderMap, HeaderValue, Request, StatusCode, header};

use super::state::State;
use super::{Machine, Ticket, Verdict};
use crate::allowed::AllowedOrigins;
use crate::origin::OriginId;
use crate::token::Generation;

/// Says to a request what [`Machine::authorize`] would say, without the machine and its lock: for each thread
/// of a driver to keep one.
///
/// It is void as soon as the machine has anything else to say: the token is due, or has got a 401, or there
/// is another, or an [`Event`](crate::Event) to tell. Then, and for an origin that the machine has not met
/// yet, it says nothing, and the machine is to be asked, which gives a new one. A request that is sent a
/// second time is the machine's.
///
/// It holds the token, which is wiped when the last clone is dropped: so drop one that says nothing any more.
#[derive(Clone)]
pub struct Pass(Arc<Terms>);

struct Terms {
    is_void: AtomicBool,
    /// By the system's clock as it is read: to turn each reading into a [`Timestamp`](crate::Timestamp)
    /// would take longer than all the rest.
    from: SystemTime,
    until: Option<SystemTime>,
    allowed: AllowedOrigins,
    header: HeaderValue,
    machine: u64,
    generation: Generation,
    /// No target's 401s have to be forgiven for another answer.
    is_calm: bool,
}

impl Pass {
    /// Puts the bearer token on a request that has not been sent yet, in place of any `Authorization` that
    /// it has. `None`: ask the machine.
    pub fn authorize<B>(&self, now: SystemTime, request: &mut Request<B>) -> Option<Ticket> {
        let ticket = self.ticket(now, self.0.allowed.of_uri(request.uri())?)?;
        self.put(request.headers_mut());
        Some(ticket)
    }

    /// As [`authorize`](Self::authorize), for a request that is no `http::Request`, with where its URL and
    /// its headers are.
    pub fn authorize_other<R>(
        &self,
        now: SystemTime,
        request: &mut R,
        url: impl FnOnce(&R) -> &str,
        headers: impl FnOnce(&mut R) -> &mut HeaderMap,
    ) -> Option<Ticket> {
        let ticket = self.ticket(now, self.0.allowed.of_url(url(request))?)?;
        self.put(headers(request));
        Some(ticket)
    }

    /// What [`Machine::review`] would say to an answer other than 401.
    #[inline]
    pub fn review(&self, ticket: &Ticket, status: StatusCode) -> Option<Verdict> {
        let terms = &*self.0;
        let is_void = terms.is_void.load(Ordering::Acquire);
        let is_news = status == StatusCode::UNAUTHORIZED || !terms.is_calm || is_void;
        let is_own = ticket.machine == terms.machine;
        (is_own && !is_news).then_some(Verdict::Deliver)
    }

    #[inline]
    fn put(&self, headers: &mut HeaderMap) {
        headers.insert(header::AUTHORIZATION, self.0.header.clone());
    }

    #[inline]
    fn ticket(&self, now: SystemTime, origin: OriginId) -> Option<Ticket> {
        let terms = &*self.0;
        let is_void = terms.is_void.load(Ordering::Acquire);
        if is_void || now < terms.from || terms.until.is_some_and(|until| now >= until) {
            return None;
        }
        Some(Ticket {
            machine: terms.machine,
            generation: terms.generation,
            origin,
            is_retry: false,
        })
    }
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pass")
            .field("generation", &self.0.generation)
            .finish_non_exhaustive()
    }
}

/// The pass that is out on a token, if one is. It goes where the token stays, and is void when it is dropped.
#[derive(Default)]
pub(crate) struct Issued(Option<Pass>);

impl Drop for Issued {
    fn drop(&mut self) {
        if let Some(Pass(terms)) = &self.0 {
            terms.is_void.store(true, Ordering::Release);
        }
    }
}

impl Machine {
    /// A pass, if to authorize with the current token is all that there is to do for now.
    pub fn pass(&mut self) -> Option<Pass> {
        // A save that has failed is tried again by whoever polls.
        if self.store.as_ref().is_some_and(|store| store.is_unsaved()) {
            return None;
        }
        let State::Authenticated(session) = &mut self.state else {
            return None;
        };
        if let Issued(Some(pass)) = session.issued()
            && pass.0.allowed.is_same(&self.allowed)
        {
            return Some(pass.clone());
        }
        let token = session.token();
        if token.is_condemned() {
            return None;
        }
        let due = self.refresh_due.moment();
        let due = due.filter(|_| session.has_refresh_token());
        let until = token.expires_at().into_iter().chain(due).min();
        let pass = Pass(Arc::new(Terms {
            is_void: AtomicBool::new(false),
            from: token.received_at().into(),
            until: until.map(SystemTime::from),
            allowed: self.allowed.clone(),
            header: token.header(),
            machine: self.id,
            generation: self.generation,
            is_calm: self.targets.are_calm(),
        }));
        session.issue(Issued(Some(pass.clone())));
        Some(pass)
    }
}
