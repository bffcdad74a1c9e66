use simacan_auth::{Authenticated, Cause, Refreshing, RefreshOutcome, Session, Timestamp};

fn refresh_with_the_old_one(
    session: Session<Refreshing>,
    now: Timestamp,
    answer: http::Response<Vec<u8>>,
) {
    let (_request, exchange) = session.begin(now);
    if let RefreshOutcome::Authenticated(_new) = exchange.receive(now, answer) {
        let (_request, _exchange) = session.begin(now);
    }
}

fn two_refreshes_of_one_token(session: Session<Authenticated>, now: Timestamp) {
    let _first = session.refresh(now, Cause::Due);
    let _second = session.refresh(now, Cause::Due);
}

fn main() {}
