//! The states by themselves.

use simacan_auth::{
    Authenticated, Cause, LoginOutcome, Provider, Refresh, Refreshing, Session, State, Timestamp,
    Unauthenticated,
};

use super::credentials;

pub(crate) fn new_session() -> Session<Unauthenticated> {
    Session::new(Provider::simacan(), credentials("fleet", 1))
}

#[track_caller]
pub(crate) fn entered<S: State>(outcome: LoginOutcome<S>) -> Session<Authenticated> {
    match outcome {
        LoginOutcome::Authenticated(session) => session,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
pub(crate) fn refreshing(
    session: Session<Authenticated>,
    now: Timestamp,
    cause: Cause,
) -> Session<Refreshing> {
    match session.refresh(now, cause) {
        Refresh::Refreshing(session) => session,
        other => panic!("{other:?}"),
    }
}
