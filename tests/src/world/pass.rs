//! What a pass says is what the machine would say, and what a driver is told to be wanted is wanted.

use std::hash::{DefaultHasher, Hasher};
use std::time::SystemTime;

use http::header::AUTHORIZATION;
use http::{Request, StatusCode, Uri};
use simacan_auth::{Clearance, Machine, Output, Pass, Ticket, Timestamp, Verdict};

use super::violation::Violation;

/// A pass from before a step: if it says anything after it, then what the machine says too, and to have
/// asked the machine would have changed nothing and have given its driver nothing to do.
pub(crate) fn check_pass(
    pass: Option<&Pass>,
    machine: &Machine,
    now: Timestamp,
    target: &Uri,
) -> Result<(), Violation> {
    let Some(pass) = pass else {
        return Ok(());
    };
    let Some((mut request, ticket)) = authorized(pass, now, target) else {
        return Ok(());
    };
    if pass.review(&ticket, StatusCode::UNAUTHORIZED).is_some() {
        return Violation::found(14, "a pass keeps a 401 from the machine");
    }
    if pass.review(&ticket, StatusCode::OK).is_some() {
        let mut asked = machine.fork();
        let verdict = asked.review(now, ticket.fork(), StatusCode::OK);
        if !matches!(verdict, Verdict::Deliver) || digest(&asked) != digest(machine) {
            return Violation::found(15, "a pass keeps from the machine that a target is content");
        }
    }
    let token = request.headers_mut().remove(AUTHORIZATION);
    let mut asked = machine.fork();
    let permit = asked.permit();
    match asked.authorize(now, permit, &mut request) {
        Clearance::Go(same) if digest_ticket(&same) == digest_ticket(&ticket) => {}
        other => {
            return Violation::found(
                14,
                format!("a pass lets through, not the machine: {other:?}"),
            );
        }
    }
    if token.is_none() || request.headers().get(AUTHORIZATION) != token.as_ref() {
        return Violation::found(14, "a pass has another token than the machine");
    }
    let is_changed = digest(&asked) != digest(machine);
    if is_changed || !matches!(asked.poll(now), Output::Wait(_)) {
        return Violation::found(14, "a pass keeps from the machine what it wants to know");
    }
    Ok(())
}

/// Before the driver polls again: whoever has a pass may not do so for an hour, so while it lets requests
/// through there is nothing to tell and nothing to do.
pub(crate) fn check_silence(
    pass: Option<&Pass>,
    machine: &Machine,
    now: Timestamp,
    target: &Uri,
) -> Result<(), Violation> {
    let is_good = |pass: &Pass| authorized(pass, now, target).is_some();
    if pass.is_some_and(is_good) && !matches!(machine.fork().poll(now), Output::Wait(_)) {
        return Violation::found(14, "a pass keeps the machine from what it wants to say");
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

/// What a pass lets through.
fn authorized(pass: &Pass, now: Timestamp, target: &Uri) -> Option<(Request<()>, Ticket)> {
    let mut request = Request::new(());
    *request.uri_mut() = target.clone();
    let ticket = pass.authorize(SystemTime::from(now), &mut request)?;
    Some((request, ticket))
}

fn digest(machine: &Machine) -> u64 {
    let mut hasher = DefaultHasher::new();
    machine.fingerprint(&mut hasher);
    hasher.finish()
}

fn digest_ticket(ticket: &Ticket) -> u64 {
    let mut hasher = DefaultHasher::new();
    ticket.fingerprint(&mut hasher);
    hasher.finish()
}
