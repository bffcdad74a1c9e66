use simacan_auth::{Authenticated, ReLogin, Session, Unauthenticated};

fn state() -> ReLogin {
    ReLogin {}
}

fn parts(session: Session<Unauthenticated>) {
    drop(session.state);
}

fn token(state: Authenticated) {
    drop(state.token);
}

fn main() {}
