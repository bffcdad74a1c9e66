use simacan_auth::{Session, Timestamp, Unauthenticated};

fn two_logins_at_once(session: Session<Unauthenticated>, now: Timestamp) {
    let (_request, _exchange) = session.begin(now);
    let (_request, _exchange) = session.begin(now);
}

fn main() {}
