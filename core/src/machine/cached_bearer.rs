//! The hot path without the machine: what it would say, for as long as nothing happens to it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use http::{HeaderValue, StatusCode};

use super::state::State;
use super::{Machine, Review, Sent};
use crate::TargetRequest;
use crate::allowed::AllowedOrigins;
use crate::origin::ResourceId;
use crate::targets::Watched;
use crate::token::Generation;

/// A copy of the current token, with which a driver's thread authorizes requests without the machine and its lock.
///
/// It stops answering as soon as the machine has something to do: a refresh is due, the token got a 401, there is a
/// newer token, or an [`Event`](crate::Event) to tell. Then, for an origin that is new to the machine, and for a
/// request that is sent a second time, ask the machine.
///
/// It holds the token, which is wiped when the last clone is dropped: so drop one that no longer answers.
#[derive(Clone)]
pub struct CachedBearer(Arc<Terms>);

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
    /// Seldom any.
    watched: Watched,
}

impl CachedBearer {
    /// Puts the bearer token on a request that has not been sent yet, in place of any `Authorization` that it has.
    /// Returns `None` if the machine has to be asked.
    #[inline]
    pub fn authorize(&self, now: SystemTime, request: &mut impl TargetRequest) -> Option<Sent> {
        let terms = &*self.0;
        let (scheme, authority) = request.location()?;
        let origin = terms.allowed.find(scheme, authority)?;
        let is_void = terms.is_void.load(Ordering::Acquire);
        if is_void || now < terms.from || terms.until.is_some_and(|until| now >= until) {
            return None;
        }
        let resource = if terms.watched.gathers(origin) {
            origin.resource(request)
        } else {
            ResourceId::NONE
        };
        request.set_authorization(terms.header.clone());
        Some(Sent {
            machine: terms.machine,
            generation: terms.generation,
            origin,
            resource,
            is_retry: false,
        })
    }

    /// Returns what [`Machine::review`] would say to an answer other than 401; `None` if the machine has to be asked.
    #[inline]
    pub fn review(&self, sent: &Sent, status: StatusCode) -> Option<Review> {
        let terms = &*self.0;
        let is_void = terms.is_void.load(Ordering::Acquire);
        let is_watched = terms.watched.has(sent.origin);
        let is_news = status == StatusCode::UNAUTHORIZED || is_watched || is_void;
        let is_own = sent.machine == terms.machine;
        (is_own && !is_news).then_some(Review::Deliver)
    }
}

impl fmt::Debug for CachedBearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedBearer")
            .field("generation", &self.0.generation)
            .finish_non_exhaustive()
    }
}

/// The one that is out on a token, if one is. It stands beside the session, and is void when it is dropped.
#[derive(Debug, Default)]
pub(super) struct Cached(Option<CachedBearer>);

impl Drop for Cached {
    fn drop(&mut self) {
        if let Some(CachedBearer(terms)) = &self.0 {
            terms.is_void.store(true, Ordering::Release);
        }
    }
}

impl Machine {
    /// Whoever has a cached bearer is to tell of other targets' answers than before.
    pub(super) fn recall_cached(&mut self) {
        if let State::Authenticated(_, Cached(Some(CachedBearer(terms)))) = &self.state
            && terms.watched != self.targets.watched(&self.config)
        {
            self.state.void_cached();
        }
    }

    /// Returns a copy of the current token, or `None` if the machine has something else to do first.
    pub fn cached_bearer(&mut self) -> Option<CachedBearer> {
        // A save that has failed is tried again by whoever polls.
        if self.store.as_ref().is_some_and(|store| store.is_busy()) {
            return None;
        }
        let State::Authenticated(session, out) = &mut self.state else {
            return None;
        };
        if let Cached(Some(cached)) = out
            && cached.0.allowed.is_same(&self.allowed)
        {
            return Some(cached.clone());
        }
        let token = session.token();
        if token.is_condemned() {
            return None;
        }
        let due = self.refresh_due.moment();
        let due = due.filter(|_| session.has_refresh_token());
        let until = token.expires_at().into_iter().chain(due);
        let watched = self.targets.watched(&self.config);
        let until = until.chain(watched.until).min();
        let cached = CachedBearer(Arc::new(Terms {
            is_void: AtomicBool::new(false),
            from: token.received_at().into(),
            until: until.map(SystemTime::from),
            allowed: self.allowed.clone(),
            header: token.header(),
            machine: self.id,
            generation: self.generation,
            watched,
        }));
        *out = Cached(Some(cached.clone()));
        Some(cached)
    }
}
