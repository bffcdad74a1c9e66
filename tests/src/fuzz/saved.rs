use http::{Response, StatusCode};
use simacan_auth::Pending;
use simacan_auth::{
    Authorization, Config, Credentials, InvalidSavedSession, JobEnd, Machine, Output, Provider,
    SavedSession, StoreOp, Timestamp,
};

/// As what a store has: it is read or told to be damaged, no panic (I10); what is read is written the
/// same; and a machine that finds it makes do with it, whatever its times and numbers (I11, I12).
pub fn saved_session(json: &[u8]) {
    let saved = SavedSession::from_json(json);
    // Nothing is sent for it before somebody updates the program.
    let is_newer = matches!(saved, Err(InvalidSavedSession::UnknownVersion(_)));
    if let Ok(saved) = saved {
        let written = saved.to_json();
        let again = SavedSession::from_json(&written).expect("what is written can be read");
        assert_eq!(*again.to_json(), *written);
    }
    let mut now = Timestamp::from_millis(1_800_000_000_000);
    let credentials = Credentials::new("u", "p");
    let mut machine =
        Machine::new(Provider::simacan(), credentials, Config::default()).with_store();
    let mut stored = json.to_vec();
    let mut sent = 0;
    // An hour of callers, on a platform that is down.
    for _ in 0..120 {
        let pending = Pending::new();
        if let Authorization::Ready(_) = machine.log_in(now, pending) {
            return;
        }
        for _ in 0..50 {
            match machine.poll(now) {
                Output::Event(event) => assert!(event.to_string().len() < 400, "{event}"),
                Output::Transmit(transmit) => {
                    sent += 1;
                    let mut response = Response::new("");
                    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                    machine.handle_response(now, transmit.exchange, response);
                }
                Output::Store(StoreOp::Lock(op)) => {
                    machine.handle_end(now, op, JobEnd::Locked(None));
                }
                Output::Store(StoreOp::Load(op)) => match SavedSession::from_json(&stored) {
                    Ok(saved) => machine.handle_end(now, op, JobEnd::Loaded(Some(saved))),
                    Err(defect) => machine.handle_end(now, op, JobEnd::StoreFailed(defect.into())),
                },
                Output::Store(StoreOp::Save(op, session)) => {
                    stored = session.to_json().to_vec();
                    machine.handle_end(now, op, JobEnd::Saved);
                }
                Output::Store(StoreOp::Mark(op, _)) => machine.handle_end(now, op, JobEnd::Marked),
                Output::Store(StoreOp::Unlock) | Output::Credentials(_) => {}
                Output::Wait(until) => {
                    assert!(until.is_none_or(|until| until > now), "I11");
                    break;
                }
            }
        }
        now = now.saturating_add(std::time::Duration::from_secs(30));
    }
    let refused = matches!(machine.status(), simacan_auth::Status::Rejected);
    assert!(
        sent > 0 || refused || is_newer,
        "I12: nothing was tried for an hour"
    );
}
