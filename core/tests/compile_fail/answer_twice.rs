use simacan_auth::{Exchange, Refreshing, Timestamp};

fn fail_after_the_answer(
    exchange: Exchange<Refreshing>,
    now: Timestamp,
    answer: http::Response<Vec<u8>>,
) {
    let _outcome = exchange.receive(now, answer);
    let _session = exchange.fail();
}

fn main() {}
