//! One process: a machine with a store, its driver and one caller.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response};
use simacan_auth::{
    Authorization, Config, Credentials, Denied, JobEnd, JobId, Machine, Output, Pending, Provider,
    Review, Sent, StoreFailure, Timestamp,
};

use simacan_auth_testkit::referee::Exchange;

use super::{Fleet, TARGET, USER};
use crate::world::Violation;

#[derive(Debug)]
pub(super) struct Process {
    pub(super) machine: Machine,
    pub(super) caller: Caller,
    pub(super) wire: Option<Wire>,
    /// What the store is to do for it.
    pub(super) op: Option<Op>,
    pub(super) has_lost_lock: bool,
    pub(super) wait: Option<u64>,
}

#[derive(Debug, Default)]
pub(super) enum Caller {
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
    /// The password was refused.
    Rejected,
}

#[derive(Clone, Debug)]
pub(super) struct Wire {
    pub(super) exchange: JobId,
    pub(super) sent: Exchange,
    pub(super) request: Arc<Request<Vec<u8>>>,
    pub(super) answer: Option<Arc<Response<Vec<u8>>>>,
}

#[derive(Clone, Debug)]
pub(super) enum Op {
    Lock(JobId),
    Load(JobId),
    Save(JobId, Arc<[u8]>),
    Mark(JobId, Timestamp),
}

impl Process {
    pub(super) fn start(password: &str) -> Self {
        let credentials = Credentials::new(USER, password);
        let machine = Machine::new(Provider::simacan(), credentials, Config::default());
        Self {
            machine: machine.with_store(),
            caller: Caller::Idle,
            wire: None,
            op: None,
            has_lost_lock: false,
            wait: None,
        }
    }

    pub(super) fn wake(&mut self) {
        if let Caller::Waiting { woken, .. } = &mut self.caller {
            *woken = true;
        }
    }

    pub(super) fn send(&mut self, exchange: JobId, sent: Exchange, request: Request<Vec<u8>>) {
        self.wire = Some(Wire {
            exchange,
            sent,
            request: Arc::new(request),
            answer: None,
        });
    }

    /// Whether nothing of its own is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.wire.is_none() && self.op.is_none()
    }

    pub(super) fn unanswered(self) -> Option<Arc<Request<Vec<u8>>>> {
        let wire = self.wire.filter(|wire| wire.answer.is_none())?;
        Some(wire.request)
    }

    /// A new request would get the tokens that have just come, whatever becomes of their save (I14).
    pub(super) fn probe(&self, now: Timestamp) -> Result<(), Violation> {
        let mut machine = self.machine.fork();
        let mut request = Request::new(());
        *request.uri_mut() = TARGET.clone();
        let pending = Pending::new();
        let mut authorization = machine.authorize(now, pending, &mut request);
        if let Authorization::Wait(pending) = authorization {
            while !matches!(machine.poll(now), Output::Wait(_)) {}
            if let Some(save) = machine.in_flight() {
                machine.handle_end(now, save, JobEnd::StoreFailed(StoreFailure::Abandoned));
            }
            authorization = machine.authorize(now, pending, &mut request);
        }
        match authorization {
            Authorization::Ready(_) => Ok(()),
            other => Violation::found(14, format!("tokens were lost: {other:?}")),
        }
    }

    /// With what was fed already.
    pub(super) fn digest(
        process: Option<&Self>,
        is_holder: bool,
        left: u8,
        mut hasher: DefaultHasher,
    ) -> u64 {
        (process.is_some(), is_holder, left).hash(&mut hasher);
        if let Some(process) = process {
            process.machine.fingerprint(&mut hasher);
            (process.wait, process.has_lost_lock).hash(&mut hasher);
            process.caller.fingerprint(&mut hasher);
            match &process.op {
                None => 0.hash(&mut hasher),
                Some(Op::Lock(_)) => 1.hash(&mut hasher),
                Some(Op::Load(_)) => 2.hash(&mut hasher),
                Some(Op::Save(_, json)) => (3, json).hash(&mut hasher),
                Some(Op::Mark(_, until)) => (4, until).hash(&mut hasher),
            }
            if let Some(wire) = &process.wire {
                let answer = wire.answer.as_ref();
                let answer = answer.map(|answer| (answer.status(), answer.body()));
                (wire.request.body(), answer).hash(&mut hasher);
            }
        }
        hasher.finish()
    }
}

impl Clone for Process {
    fn clone(&self) -> Self {
        Self {
            machine: self.machine.fork(),
            caller: self.caller.fork(),
            wire: self.wire.clone(),
            op: self.op.clone(),
            has_lost_lock: self.has_lost_lock,
            wait: self.wait,
        }
    }
}

impl Caller {
    fn fork(&self) -> Self {
        match self {
            Self::Idle => Self::Idle,
            Self::Rejected => Self::Rejected,
            Self::Waiting { pending, woken } => Self::Waiting {
                pending: pending.fork(),
                woken: *woken,
            },
            Self::Sent {
                sent,
                token,
                exchange,
            } => Self::Sent {
                sent: sent.fork(),
                token: token.clone(),
                exchange: exchange.clone(),
            },
        }
    }

    fn fingerprint(&self, mut hasher: &mut dyn Hasher) {
        match self {
            Self::Idle => 0.hash(&mut hasher),
            Self::Rejected => 1.hash(&mut hasher),
            Self::Waiting { pending, woken } => {
                (2, woken).hash(&mut hasher);
                pending.fingerprint(hasher);
            }
            Self::Sent { sent, token, .. } => {
                (3, token.as_bytes()).hash(&mut hasher);
                sent.fingerprint(hasher);
            }
        }
    }
}

impl Fleet {
    pub(super) fn ask(&mut self, p: usize) -> Result<(), Violation> {
        let now = self.timestamp();
        let Some(process) = &mut self.processes[p] else {
            return Ok(());
        };
        let pending = match std::mem::take(&mut process.caller) {
            Caller::Idle => Pending::new(),
            Caller::Waiting {
                pending,
                woken: true,
            } => pending,
            other => {
                process.caller = other;
                return Ok(());
            }
        };
        let mut request = Request::new(());
        *request.uri_mut() = TARGET.clone();
        let authorization = process.machine.authorize(now, pending, &mut request);
        process.caller = match authorization {
            Authorization::Ready(sent) => Caller::Sent {
                sent,
                token: request.headers()[AUTHORIZATION].clone(),
                exchange: self.referee.sent(now, p, &request.map(|()| []))?,
            },
            Authorization::Wait(pending) => Caller::Waiting {
                pending,
                woken: false,
            },
            Authorization::Denied(Denied::Rejected { .. }) => Caller::Rejected,
            Authorization::Denied(_) => Caller::Idle,
            Authorization::Foreign(origin) => {
                return Violation::found(8, format!("{origin} is not foreign"));
            }
        };
        Ok(())
    }

    pub(super) fn answer(&mut self, p: usize) {
        let (now, time) = (self.timestamp(), self.time());
        let Some(process) = &mut self.processes[p] else {
            return;
        };
        let (sent, token, exchange) = match std::mem::take(&mut process.caller) {
            Caller::Sent {
                sent,
                token,
                exchange,
            } => (sent, token, exchange),
            other => {
                process.caller = other;
                return;
            }
        };
        let mut request = Request::new([]);
        *request.uri_mut() = TARGET.clone();
        request.headers_mut().insert(AUTHORIZATION, token);
        let response = self.emulator.respond(time, &request);
        let Some(response) = response else {
            return;
        };
        let status = response.status();
        self.referee.answered(now, exchange, &response);
        if let Review::Retry(pending) = process.machine.review(now, sent, status) {
            process.caller = Caller::Waiting {
                pending,
                woken: true,
            };
        }
    }
}
