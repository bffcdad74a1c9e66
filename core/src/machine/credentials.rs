//! New credentials, in whatever state the session is.

use std::mem;

use super::inputs::revived;
use super::state::{Next, Phase, State, Superseded};
use super::{JobId, Machine};
use crate::event::Event;
use crate::session::Session;
use crate::{Credentials, Timestamp};

impl Machine {
    /// Replaces the credentials, which ends a rejection at once.
    ///
    /// With the same username the tokens stay, and those that a login in flight brings are taken; its refusal
    /// counts for the password that was sent. With another one they are wiped, but for what a
    /// [`CachedBearer`](crate::CachedBearer) holds, the answer to what is in flight is discarded, and the answers
    /// to requests that were sent with them are delivered as they are.
    ///
    /// Credentials that are in use already, or whose refusal is still believed, change nothing:
    /// [`retry_refused`](Self::retry_refused) is the way to say that they are valid now.
    pub fn handle_credentials(&mut self, now: Timestamp, credentials: Credentials) {
        let Some(current) = self.state.credentials() else {
            return;
        };
        let is_other_user = credentials.username() != current.username();
        if current.same_as(&credentials) || self.refusal(now, Some(&credentials)).is_some() {
            return;
        }
        self.source = None;
        self.is_retry = false;
        self.replace(now, credentials, is_other_user);
    }

    pub(super) fn replace(&mut self, now: Timestamp, new: Credentials, is_other_user: bool) {
        let username = new.username().to_owned();
        if is_other_user {
            self.replace_user(new);
        } else {
            self.replace_password(now, new);
        }
        self.leave_store(is_other_user);
        self.tell(Event::CredentialsReplaced { username });
    }

    /// The same user: tokens stay, a rejection ends.
    fn replace_password(&mut self, now: Timestamp, new: Credentials) {
        let in_flight = self.state.logging_in().map(Credentials::duplicate);
        let sent = self.replaced.take().or(in_flight);
        self.replaced = sent.filter(|sent| !sent.same_as(&new));
        self.state.replace(|state| match state {
            State::Rejected(rejected) => (revived(now, rejected, Some(new)), ()),
            mut other => {
                other.replace_credentials(new);
                (other, ())
            }
        });
    }

    /// Another user: nothing of the old one's is kept, and nothing is done for the new one
    /// before somebody asks.
    pub(super) fn replace_user(&mut self, new: Credentials) {
        let replaced = self.replaced.take();
        self.expected = None;
        self.state.replace(|state| {
            let mut state = match state {
                State::Unauthenticated(Phase::InFlight(id, exchange)) => {
                    return (supersede(id, Next::Login(exchange.fail()), new), ());
                }
                State::ReLogin(Phase::InFlight(id, exchange)) => {
                    let next = Next::Login(exchange.fail().forget_tokens());
                    return (supersede(id, next, new), ());
                }
                State::Rejected(rejected) => {
                    return (State::new(Session::new(rejected.into_provider(), new)), ());
                }
                State::Refreshing(Phase::InFlight(id, exchange)) => {
                    let next = Next::Login(exchange.fail().forget_tokens());
                    State::Superseded(id, Superseded { next, sent: None })
                }
                State::Superseded(id, Superseded { next, sent }) => {
                    let next = Next::Login(next.forget_tokens());
                    State::Superseded(id, Superseded { next, sent })
                }
                State::Authenticated(session, _) => State::new(session.forget_tokens()),
                State::Refreshing(Phase::Due(session)) => State::new(session.forget_tokens()),
                State::ReLogin(Phase::Due(session)) => State::new(session.forget_tokens()),
                State::Unauthenticated(Phase::Due(_)) | State::Interrupted => state,
            };
            state.replace_credentials(new);
            (state, ())
        });
        if let (State::Superseded(_, superseded), Some(replaced)) = (&mut self.state, replaced) {
            superseded.sent = Some(replaced);
        }
        // A number that no token has: what is older is the last user's.
        self.generation = self.generation.next();
        self.first_generation = self.generation;
        self.targets.reset_all();
        self.round.close_if_early();
    }
}

/// A login is on its way with credentials that have been replaced.
fn supersede(id: JobId, mut next: Next, new: Credentials) -> State {
    let sent = Some(mem::replace(&mut *next.context_mut().credentials, new));
    State::Superseded(id, Superseded { next, sent })
}
