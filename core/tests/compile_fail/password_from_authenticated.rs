use simacan_auth::{Authenticated, Session, Timestamp};

fn log_in_again(session: Session<Authenticated>, now: Timestamp) {
    let (_request, _exchange) = session.begin(now);
}

fn main() {}
