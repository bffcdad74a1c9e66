use simacan_auth::{Session, Timestamp, Unauthenticated};

fn send(session: &Session<Unauthenticated>, now: Timestamp, request: &mut http::Request<()>) {
    session.authorize(now, request).unwrap();
}

fn main() {}
