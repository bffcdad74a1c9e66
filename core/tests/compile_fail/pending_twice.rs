use simacan_auth::{Machine, Pending, Sent, Timestamp};

fn send_a_retry_twice(machine: &mut Machine, pending: Pending, now: Timestamp) {
    let mut request = http::Request::new(());
    let _authorization = machine.authorize(now, pending, &mut request);
    let _authorization = machine.authorize(now, pending, &mut request);
}

fn retry_twice(machine: &mut Machine, sent: Sent, now: Timestamp) {
    let _review = machine.review(now, sent, http::StatusCode::UNAUTHORIZED);
    let _review = machine.review(now, sent, http::StatusCode::UNAUTHORIZED);
}

fn main() {}
