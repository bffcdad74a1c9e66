use simacan_auth::{Machine, Permit, Ticket, Timestamp};

fn send_a_retry_twice(machine: &mut Machine, permit: Permit, now: Timestamp) {
    let mut request = http::Request::new(());
    let _clearance = machine.authorize(now, permit, &mut request);
    let _clearance = machine.authorize(now, permit, &mut request);
}

fn retry_twice(machine: &mut Machine, ticket: Ticket, now: Timestamp) {
    let _verdict = machine.review(now, ticket, http::StatusCode::UNAUTHORIZED);
    let _verdict = machine.review(now, ticket, http::StatusCode::UNAUTHORIZED);
}

fn main() {}
