//! The callers, and the targets' side of them.

use std::hash::{DefaultHasher, Hash, Hasher};

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response, StatusCode};
use simacan_auth::{Authorization, Denied, Generation, Pending, Review, Sent, Status, Timestamp};
use simacan_auth_emulator::{Place, Times};
use simacan_auth_testkit::referee::Exchange;

use super::step::AtTarget;
use super::{Subject, TARGETS, Violation, World};

/// Someone who sends one target request after another.
#[derive(Debug, Default)]
pub(super) struct Caller {
    phase: Phase,
    /// How often this request was sent (I7).
    sends: u8,
    /// The generation whose 401 makes this a retry.
    unauthorized: Option<Generation>,
}

#[derive(Debug, Default)]
enum Phase {
    #[default]
    Idle,
    Waiting {
        pending: Pending,
        woken: bool,
    },
    Sent {
        sent: Sent,
        token: HeaderValue,
        exchange: Exchange,
    },
}

impl Caller {
    pub(super) fn wake(&mut self) {
        if let Phase::Waiting { woken, .. } = &mut self.phase {
            *woken = true;
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Idle)
    }

    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.phase, Phase::Waiting { .. })
    }

    pub(super) fn is_woken(&self) -> bool {
        matches!(self.phase, Phase::Waiting { woken: true, .. })
    }

    pub(super) fn is_sent(&self) -> bool {
        matches!(self.phase, Phase::Sent { .. })
    }

    pub(super) fn fork(&self) -> Self {
        let phase = match &self.phase {
            Phase::Idle => Phase::Idle,
            Phase::Waiting { pending, woken } => Phase::Waiting {
                pending: pending.fork(),
                woken: *woken,
            },
            Phase::Sent {
                sent,
                token,
                exchange,
            } => Phase::Sent {
                sent: sent.fork(),
                token: token.clone(),
                exchange: exchange.clone(),
            },
        };
        Self { phase, ..*self }
    }

    pub(super) fn fingerprint(&self, mut hasher: &mut dyn Hasher) {
        (self.sends, self.unauthorized).hash(&mut hasher);
        match &self.phase {
            Phase::Idle => 0.hash(&mut hasher),
            Phase::Waiting { pending, woken } => {
                (1, woken).hash(&mut hasher);
                pending.fingerprint(hasher);
            }
            Phase::Sent { sent, token, .. } => {
                token.as_bytes().hash(&mut hasher);
                sent.fingerprint(hasher);
            }
        }
    }
}

impl<S: Subject> World<S> {
    pub(super) fn ask(&mut self, index: u16) -> Result<(), Violation> {
        let (index, host) = (usize::from(index), usize::from(index % 2));
        let caller = &mut self.callers[index];
        let pending = match std::mem::take(&mut caller.phase) {
            Phase::Idle => {
                *caller = Caller::default();
                Pending::new()
            }
            Phase::Waiting {
                pending,
                woken: true,
            } => pending,
            other => {
                caller.phase = other;
                return Ok(());
            }
        };
        let now = Timestamp::from_millis(self.now);
        let mut request = Request::new(());
        *request.uri_mut() = TARGETS[host].clone();
        let must_go = caller.sends == 0 && self.referee.holds_good_token(now, 0);
        let authorization = self.subject.authorize(now, pending, &mut request);
        let token = request.headers().get(AUTHORIZATION).cloned();
        let caller = &mut self.callers[index];
        match authorization {
            Authorization::Ready(sent) => {
                caller.sends += 1;
                if caller.sends > 1 + u8::from(caller.unauthorized.is_some()) {
                    let n = caller.sends;
                    return Violation::found(7, format!("caller {index} is let through {n} times"));
                }
                if caller
                    .unauthorized
                    .is_some_and(|old| sent.generation() <= old)
                {
                    return Violation::found(7, "a retry goes out with the token that got the 401");
                }
                let token = token.unwrap_or(HeaderValue::from_static(""));
                let exchange = self.referee.sent(now, 0, &request.map(|()| []))?;
                caller.phase = Phase::Sent {
                    sent,
                    token,
                    exchange,
                };
                Ok(())
            }
            _ if must_go => {
                Violation::found(16, format!("caller {index} waits despite a good token"))
            }
            _ if token.is_some() => {
                Violation::found(8, "a token is on a request that was not cleared")
            }
            Authorization::Wait(pending) => {
                let woken = false;
                caller.phase = Phase::Waiting { pending, woken };
                Ok(())
            }
            Authorization::Denied(denied) => {
                *caller = Caller::default();
                let is_over = matches!(denied, Denied::Rejected { .. } | Denied::Interrupted);
                if is_over && self.subject.machine().status() != Status::Rejected {
                    return Violation::found(10, format!("a session that goes on says: {denied}"));
                }
                if self.secrets {
                    self.referee.check_text(&format!("{denied} {denied:?}"))?;
                }
                Ok(())
            }
            Authorization::Foreign(origin) => {
                Violation::found(6, format!("{origin} is not foreign"))
            }
        }
    }

    /// A new request would get the good token.
    pub(super) fn probe(&self) -> Result<(), Violation> {
        let mut subject = self.subject.fork();
        let mut request = Request::new(());
        *request.uri_mut() = TARGETS[0].clone();
        let pending = Pending::new();
        let now = Timestamp::from_millis(self.now);
        match subject.authorize(now, pending, &mut request) {
            Authorization::Ready(_) => self.referee.check(now, 0, &request.map(|()| [])),
            other => Violation::found(14, format!("a token was lost: {other:?}")),
        }
    }

    pub(super) fn answer(&mut self, index: u16, answer: AtTarget) -> Result<(), Violation> {
        let (index, host) = (usize::from(index), usize::from(index % 2));
        let time = self.time();
        let caller = &mut self.callers[index];
        let now = Timestamp::from_millis(self.now);
        let (sent, token, exchange) = match std::mem::take(&mut caller.phase) {
            Phase::Sent {
                sent,
                token,
                exchange,
            } => (sent, token, exchange),
            other => {
                caller.phase = other;
                return Ok(());
            }
        };
        let status = match answer {
            AtTarget::Lost => {
                *caller = Caller::default();
                self.referee.lost(now, exchange);
                return Ok(());
            }
            AtTarget::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            AtTarget::Honest => {
                let mut request = Request::new([]);
                *request.uri_mut() = TARGETS[host].clone();
                request.headers_mut().insert(AUTHORIZATION, token);
                let response = self.emulator.respond(time, &request);
                response.map_or(StatusCode::BAD_GATEWAY, |response| response.status())
            }
        };
        let generation = sent.generation();
        let current = self.subject.machine().generation();
        self.is_stale = status == StatusCode::UNAUTHORIZED && generation < current;
        let mut response = Response::new([]);
        *response.status_mut() = status;
        self.referee.answered(now, exchange, &response);
        let review = self.subject.review(now, sent, status);
        let caller = &mut self.callers[index];
        match review {
            Review::Deliver => *caller = Caller::default(),
            Review::Retry(_) if status != StatusCode::UNAUTHORIZED => {
                return Violation::found(7, format!("a retry after {status}"));
            }
            Review::Retry(pending) => {
                caller.unauthorized = Some(generation);
                let woken = true;
                caller.phase = Phase::Waiting { pending, woken };
            }
        }
        Ok(())
    }

    pub(super) fn make_stubborn(&mut self) {
        let place = Place::Host(TARGETS[1].host().unwrap_or_default().to_owned());
        self.emulator.answer_targets_as_usual();
        (self.emulator).answer_targets(place, StatusCode::UNAUTHORIZED, Times::Always);
    }

    pub(super) fn leave(&mut self, index: u16) {
        self.callers[usize::from(index)] = Caller::default();
    }

    /// Whether this caller could do this now.
    pub fn is_idle(&self, caller: u16) -> bool {
        self.callers[usize::from(caller)].is_idle()
    }

    /// Whether this caller waits for a token.
    pub fn is_waiting(&self, caller: u16) -> bool {
        self.callers[usize::from(caller)].is_waiting()
    }

    /// Whether this caller waits and was told to ask again.
    pub fn is_woken(&self, caller: u16) -> bool {
        self.callers[usize::from(caller)].is_woken()
    }

    /// Whether a request of this caller is at its target.
    pub fn is_sent(&self, caller: u16) -> bool {
        self.callers[usize::from(caller)].is_sent()
    }

    /// A number for each caller, that says in what it differs from others.
    pub(super) fn caller_digest(&self, index: usize, extra: u8) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.relative(&mut hasher, |hasher| {
            hasher.write_usize(index % 2);
            hasher.write_u8(extra);
            self.callers[index].fingerprint(hasher);
        });
        hasher.finish()
    }
}
