//! What a cached bearer says is what the machine would say, and what a driver is told to be wanted is wanted.

use simacan_auth::Pending;
use std::hash::{DefaultHasher, Hasher};
use std::time::SystemTime;

use http::header::AUTHORIZATION;
use http::{Request, StatusCode, Uri};
use simacan_auth::{Authorization, CachedBearer, Machine, Output, Review, Sent, Timestamp};

use super::Violation;

/// A cached bearer from before a step: if it says anything after it, then what the machine says too, and to have
/// asked the machine would have changed nothing and have given its driver nothing to do.
pub(crate) fn check_cached_bearer(
    cached: Option<&CachedBearer>,
    machine: &Machine,
    now: Timestamp,
    target: &Uri,
) -> Result<(), Violation> {
    let Some(cached) = cached else {
        return Ok(());
    };
    let Some((mut request, sent)) = authorized(cached, now, target) else {
        return Ok(());
    };
    if cached.review(&sent, StatusCode::UNAUTHORIZED).is_some() {
        return Violation::found(14, "a cached keeps a 401 from the machine");
    }
    if cached.review(&sent, StatusCode::OK).is_some() {
        let mut asked = machine.fork();
        let review = asked.review(now, sent.fork(), StatusCode::OK);
        if !matches!(review, Review::Deliver) || digest(&asked) != digest(machine) {
            return Violation::found(
                15,
                "a cached keeps from the machine that a target is content",
            );
        }
    }
    let token = request.headers_mut().remove(AUTHORIZATION);
    let mut asked = machine.fork();
    let pending = Pending::new();
    match asked.authorize(now, pending, &mut request) {
        Authorization::Ready(same) if digest_sent(&same) == digest_sent(&sent) => {}
        other => {
            return Violation::found(
                14,
                format!("a cached lets through, not the machine: {other:?}"),
            );
        }
    }
    if token.is_none() || request.headers().get(AUTHORIZATION) != token.as_ref() {
        return Violation::found(14, "a cached has another token than the machine");
    }
    let is_changed = digest(&asked) != digest(machine);
    if is_changed || !matches!(asked.poll(now), Output::Wait(_)) {
        return Violation::found(14, "a cached keeps from the machine what it wants to know");
    }
    Ok(())
}

/// Before the driver polls again: whoever has a cached bearer may not do so for an hour, so while it lets requests
/// through there is nothing to tell and nothing to do.
pub(crate) fn check_silence(
    cached: Option<&CachedBearer>,
    machine: &Machine,
    now: Timestamp,
    target: &Uri,
) -> Result<(), Violation> {
    let is_good = |cached: &CachedBearer| authorized(cached, now, target).is_some();
    if cached.is_some_and(is_good) && !matches!(machine.fork().poll(now), Output::Wait(_)) {
        return Violation::found(14, "a cached keeps the machine from what it wants to say");
    }
    Ok(())
}

/// Before each poll: whether there is anything to do is told as it is.
pub(crate) fn check_wants(machine: &Machine, now: Timestamp) -> Result<(), Violation> {
    let wants = machine.fork().wants(now);
    let output = machine.fork().poll(now);
    if wants == matches!(output, Output::Wait(_)) {
        return Violation::found(11, format!("wants says {wants}, and poll {output:?}"));
    }
    Ok(())
}

/// What a cached bearer lets through.
fn authorized(cached: &CachedBearer, now: Timestamp, target: &Uri) -> Option<(Request<()>, Sent)> {
    let mut request = Request::new(());
    *request.uri_mut() = target.clone();
    let sent = cached.authorize(SystemTime::from(now), &mut request)?;
    Some((request, sent))
}

fn digest(machine: &Machine) -> u64 {
    let mut hasher = DefaultHasher::new();
    machine.fingerprint(&mut hasher);
    hasher.finish()
}

fn digest_sent(sent: &Sent) -> u64 {
    let mut hasher = DefaultHasher::new();
    sent.fingerprint(&mut hasher);
    hasher.finish()
}
