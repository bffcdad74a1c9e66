use simacan_auth::{LoginOutcome, Rejected, Timestamp, Unauthenticated};

fn again(rejected: Rejected, now: Timestamp) {
    let (_request, _exchange) = rejected.begin(now);
}

fn as_if_it_had_failed(outcome: LoginOutcome<Unauthenticated>, now: Timestamp) {
    let (LoginOutcome::Failed(session, _) | LoginOutcome::Rejected(session)) = outcome else {
        return;
    };
    let (_request, _exchange) = session.begin(now);
}

fn main() {}
