#![deny(unused_must_use)]

use simacan_auth::{Authenticated, Cause, Exchange, ReLogin, Refreshing, Session, Timestamp};

fn forget(
    session: Session<ReLogin>,
    logged_in: Session<Authenticated>,
    exchange: Exchange<Refreshing>,
    now: Timestamp,
    answer: http::Response<Vec<u8>>,
) {
    session.begin(now);
    logged_in.refresh(now, Cause::Unauthorized);
    exchange.receive(now, answer);
}

fn fail(exchange: Exchange<Refreshing>) {
    exchange.fail();
}

fn main() {}
