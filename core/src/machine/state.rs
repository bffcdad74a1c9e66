//! The session of a machine, in whichever state it is.

#[cfg(any(model, fuzzing))]
mod fork;

use std::mem;

use super::JobId;
use super::cached_bearer::Cached;
use crate::session::{
    Authenticated, Context, Exchange, ReLogin, Refreshing, Rejected, Session,
    State as SessionState, Unauthenticated,
};
use crate::token::{AccessToken, RefreshToken};
use crate::wire::GrantType;
use crate::{Credentials, Provider, Timestamp};

/// The state of a session: logged in, refreshing, rejected and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// There are no tokens yet.
    Unauthenticated,
    /// The session is logged in.
    Authenticated {
        /// When the access token expires, if the server said so.
        expires_at: Option<Timestamp>,
    },
    /// A refresh is due or in flight.
    Refreshing,
    /// The refresh token was refused: a login is due or in flight.
    ReLogin,
    /// The password was refused, and the session waits for other credentials.
    Rejected,
    /// A panic has interrupted a transition: nothing is sent any more.
    Interrupted,
}

#[derive(Debug)]
pub(super) enum State {
    Unauthenticated(Phase<Unauthenticated>),
    /// With the cached bearer that is out on its token, if one is.
    Authenticated(Session<Authenticated>, Cached),
    Refreshing(Phase<Refreshing>),
    ReLogin(Phase<ReLogin>),
    /// Another user's credentials have come while an exchange is in flight: its answer is awaited and
    /// then discarded, since it is about the old user.
    Superseded(JobId, Superseded),
    Rejected(Rejected),
    /// Stands in place of the session while it moves. Only a panic lets it be seen: no password
    /// leaves then. Nothing in a move is known to panic, so no test sees what is done about it.
    Interrupted,
}

/// A session that talks to the auth endpoint: about to, or waiting for the answer.
#[derive(Debug)]
pub(super) enum Phase<S: SessionState> {
    Due(Session<S>),
    InFlight(JobId, Exchange<S>),
}

/// What goes on once the discarded exchange has ended.
#[derive(Debug)]
pub(super) struct Superseded {
    pub(super) next: Next,
    /// The credentials that are on their way, if it is a login: should they be refused, they are not
    /// sent again (I2).
    pub(super) sent: Option<Credentials>,
}

#[derive(Debug)]
pub(super) enum Next {
    Login(Session<Unauthenticated>),
    ReLogin(Session<ReLogin>),
}

impl<S: SessionState> From<Session<S>> for Phase<S> {
    fn from(session: Session<S>) -> Self {
        Self::Due(session)
    }
}

impl<S: SessionState> Phase<S> {
    pub(super) fn session(&self) -> &Session<S> {
        match self {
            Self::Due(session) => session,
            Self::InFlight(_, exchange) => exchange.session(),
        }
    }

    pub(super) fn session_mut(&mut self) -> &mut Session<S> {
        match self {
            Self::Due(session) => session,
            Self::InFlight(_, exchange) => exchange.session_mut(),
        }
    }

    fn in_flight(&self) -> Option<JobId> {
        match self {
            Self::Due(_) => None,
            Self::InFlight(id, _) => Some(*id),
        }
    }
}

impl Next {
    pub(super) fn context(&self) -> &Context {
        match self {
            Self::Login(session) => session.context(),
            Self::ReLogin(session) => session.context(),
        }
    }

    pub(super) fn context_mut(&mut self) -> &mut Context {
        match self {
            Self::Login(session) => session.context_mut(),
            Self::ReLogin(session) => session.context_mut(),
        }
    }

    pub(super) fn forget_tokens(self) -> Session<Unauthenticated> {
        match self {
            Self::Login(session) => session,
            Self::ReLogin(session) => session.forget_tokens(),
        }
    }

    pub(super) fn reject(self) -> Rejected {
        match self {
            Self::Login(session) => session.reject(|_| None),
            Self::ReLogin(session) => session.reject(|state| Some(state.into_token())),
        }
    }
}

impl From<Rejected> for State {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(rejected)
    }
}

impl From<Next> for State {
    fn from(next: Next) -> Self {
        match next {
            Next::Login(session) => Self::Unauthenticated(session.into()),
            Next::ReLogin(session) => Self::ReLogin(session.into()),
        }
    }
}

impl State {
    pub(super) fn new(session: Session<Unauthenticated>) -> Self {
        Self::Unauthenticated(session.into())
    }

    pub(super) fn authenticated(session: Session<Authenticated>) -> Self {
        Self::Authenticated(session, Cached::default())
    }

    /// The cached bearer that is out says nothing any more.
    pub(super) fn void_cached(&mut self) {
        if let Self::Authenticated(_, cached) = self {
            *cached = Cached::default();
        }
    }

    /// The only way to move: through a consuming step that gives a state back.
    pub(super) fn replace<R>(&mut self, step: impl FnOnce(Self) -> (Self, R)) -> R {
        let (state, result) = step(mem::replace(self, Self::Interrupted));
        *self = state;
        result
    }

    pub(super) fn status(&self) -> Status {
        match self {
            Self::Unauthenticated(_) => Status::Unauthenticated,
            Self::Authenticated(session, _) => Status::Authenticated {
                expires_at: session.expires_at(),
            },
            Self::Refreshing(_) => Status::Refreshing,
            Self::ReLogin(_) => Status::ReLogin,
            Self::Superseded(_, superseded) => match superseded.next {
                Next::Login(_) => Status::Unauthenticated,
                Next::ReLogin(_) => Status::ReLogin,
            },
            Self::Rejected(_) => Status::Rejected,
            Self::Interrupted => Status::Interrupted,
        }
    }

    pub(super) fn in_flight(&self) -> Option<JobId> {
        match self {
            Self::Unauthenticated(phase) => phase.in_flight(),
            Self::Refreshing(phase) => phase.in_flight(),
            Self::ReLogin(phase) => phase.in_flight(),
            Self::Superseded(id, _) => Some(*id),
            Self::Authenticated(..) | Self::Rejected(_) | Self::Interrupted => None,
        }
    }

    /// What the answer that is awaited is to.
    pub(super) fn in_flight_sends(&self) -> GrantType {
        match self {
            Self::Refreshing(_) | Self::Superseded(_, Superseded { sent: None, .. }) => {
                GrantType::RefreshToken
            }
            _ => GrantType::Password,
        }
    }

    /// The session's credentials, if a login is in flight.
    pub(super) fn logging_in(&self) -> Option<&Credentials> {
        let is_it = match self {
            Self::Unauthenticated(phase) => phase.in_flight().is_some(),
            Self::ReLogin(phase) => phase.in_flight().is_some(),
            _ => false,
        };
        self.credentials().filter(|_| is_it)
    }

    /// Whether there is something to send.
    pub(super) fn is_due(&self) -> bool {
        matches!(
            self,
            Self::Unauthenticated(Phase::Due(_))
                | Self::Refreshing(Phase::Due(_))
                | Self::ReLogin(Phase::Due(_))
        )
    }

    /// Whether what is to be sent next is a password.
    pub(super) fn sends_password(&self) -> bool {
        match self {
            Self::Unauthenticated(_) | Self::ReLogin(_) | Self::Superseded(..) => true,
            Self::Authenticated(session, _) => !session.has_refresh_token(),
            Self::Refreshing(_) | Self::Rejected(_) | Self::Interrupted => false,
        }
    }

    /// The current access token, good or not, in every state that has one.
    pub(super) fn token(&self) -> Option<&AccessToken> {
        match self {
            Self::Authenticated(session, _) => Some(session.token()),
            Self::Refreshing(phase) => Some(phase.session().token()),
            Self::ReLogin(phase) => Some(phase.session().token()),
            Self::Superseded(_, superseded) => match &superseded.next {
                Next::Login(_) => None,
                Next::ReLogin(session) => Some(session.token()),
            },
            Self::Rejected(rejected) => rejected.token(),
            Self::Unauthenticated(_) | Self::Interrupted => None,
        }
    }

    pub(super) fn token_mut(&mut self) -> Option<&mut AccessToken> {
        match self {
            Self::Authenticated(session, _) => Some(session.token_mut()),
            Self::Refreshing(phase) => Some(phase.session_mut().token_mut()),
            Self::ReLogin(phase) => Some(phase.session_mut().token_mut()),
            Self::Superseded(_, superseded) => match &mut superseded.next {
                Next::Login(_) => None,
                Next::ReLogin(session) => Some(session.token_mut()),
            },
            Self::Rejected(rejected) => rejected.token_mut(),
            Self::Unauthenticated(_) | Self::Interrupted => None,
        }
    }

    pub(super) fn refresh_token(&self) -> Option<&RefreshToken> {
        match self {
            Self::Authenticated(session, _) => session.refresh_token(),
            Self::Refreshing(phase) => Some(phase.session().refresh_token()),
            _ => None,
        }
    }

    /// Whether it can go on with the tokens of another process.
    pub(super) fn may_adopt(&self) -> bool {
        self.is_due() || matches!(self, Self::Authenticated(..) | Self::Rejected(_))
    }

    /// Goes on with the tokens of another process, if it may.
    pub(super) fn adopt(&mut self, token: AccessToken, refresh: Option<RefreshToken>) {
        self.replace(|state| {
            let session = match state {
                Self::Unauthenticated(Phase::Due(session)) => session.with_tokens(token, refresh),
                Self::Authenticated(session, _) => session.with_tokens(token, refresh),
                Self::Refreshing(Phase::Due(session)) => session.with_tokens(token, refresh),
                Self::ReLogin(Phase::Due(session)) => session.with_tokens(token, refresh),
                Self::Rejected(rejected) => {
                    let (provider, refused, _) = rejected.into_parts();
                    Session::new(provider, refused).with_tokens(token, refresh)
                }
                other => return (other, ()),
            };
            (Self::authenticated(session), ())
        });
    }

    /// It is for others to send.
    pub(super) fn drop_refresh_token(&mut self) {
        self.replace(|state| match state {
            Self::Refreshing(Phase::Due(session)) => {
                (Self::ReLogin(session.without_refresh_token().into()), ())
            }
            other => (other, ()),
        });
    }

    /// It stays over.
    pub(super) fn forget_rejected_token(&mut self) {
        self.replace(|state| match state {
            Self::Rejected(rejected) => {
                let (provider, refused, _) = rejected.into_parts();
                let session = Session::new(provider, refused);
                (Next::Login(session).reject().into(), ())
            }
            other => (other, ()),
        });
    }

    /// The password that is due is not to be sent. Whether one was.
    pub(super) fn reject_unsent(&mut self) -> bool {
        self.replace(|state| match state {
            Self::Unauthenticated(Phase::Due(session)) => {
                (Next::Login(session).reject().into(), true)
            }
            Self::ReLogin(Phase::Due(session)) => (Next::ReLogin(session).reject().into(), true),
            other => (other, false),
        })
    }

    pub(super) fn has_usable_token(&self, now: Timestamp) -> bool {
        self.token().is_some_and(|token| token.is_usable(now))
    }

    pub(super) fn provider(&self) -> Option<&Provider> {
        Some(&self.context()?.provider)
    }

    /// Those that the next login would send; of a rejected session, the refused ones.
    pub(super) fn credentials(&self) -> Option<&Credentials> {
        Some(&self.context()?.credentials)
    }

    /// A rejected session keeps those that were refused.
    pub(super) fn replace_credentials(&mut self, new: Credentials) {
        let is_rejected = matches!(self, Self::Rejected(_));
        if let Some(context) = self.context_mut().filter(|_| !is_rejected) {
            *context.credentials = new;
        }
    }

    fn context(&self) -> Option<&Context> {
        Some(match self {
            Self::Unauthenticated(phase) => phase.session().context(),
            Self::Authenticated(session, _) => session.context(),
            Self::Refreshing(phase) => phase.session().context(),
            Self::ReLogin(phase) => phase.session().context(),
            Self::Superseded(_, superseded) => superseded.next.context(),
            Self::Rejected(rejected) => rejected.context(),
            Self::Interrupted => return None,
        })
    }

    fn context_mut(&mut self) -> Option<&mut Context> {
        Some(match self {
            Self::Unauthenticated(phase) => phase.session_mut().context_mut(),
            Self::Authenticated(session, _) => session.context_mut(),
            Self::Refreshing(phase) => phase.session_mut().context_mut(),
            Self::ReLogin(phase) => phase.session_mut().context_mut(),
            Self::Superseded(_, superseded) => superseded.next.context_mut(),
            Self::Rejected(rejected) => rejected.context_mut(),
            Self::Interrupted => return None,
        })
    }
}
