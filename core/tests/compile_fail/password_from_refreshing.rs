use simacan_auth::{Exchange, LoginOutcome, ReLogin, Refreshing, Session, Timestamp};

/// Only a refused refresh leads here.
fn send_password(session: Session<ReLogin>, now: Timestamp) {
    let _ = session.begin(now);
}

fn give_up_on_the_refresh(session: Session<Refreshing>, now: Timestamp) {
    send_password(session, now);
}

fn take_its_answer_for_a_logins(
    exchange: Exchange<Refreshing>,
    now: Timestamp,
    answer: http::Response<Vec<u8>>,
) -> LoginOutcome<ReLogin> {
    exchange.receive(now, answer)
}

fn main() {}
