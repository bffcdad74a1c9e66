//! One process: a machine with a store, its driver and one caller.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response, StatusCode};
use simacan_auth::{
    Authorization, Config, Credentials, Denied, JobEnd, JobId, Machine, Output, Pending, Provider,
    Review, Sent, StoreFailure, Timestamp,
};

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
    /// When its last save was begun: a password that follows counts from then.
    pub(super) announced: u64,
    /// Whether something was saved or marked under this lock.
    pub(super) is_recorded: bool,
    pub(super) wait: Option<u64>,
    pub(super) knowledge: Knowledge,
}

/// What the checks know that this process could know.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Knowledge {
    /// The refresh tokens that were refused or replaced in an answer that it got.
    pub(super) spent: Vec<Arc<str>>,
    /// The last of these, until what came of it is saved.
    pub(super) unsaved: Vec<Arc<str>>,
    /// The refresh token that came last.
    pub(super) received: Option<Arc<str>>,
    /// Whether its password was refused and that is not saved, and which.
    pub(super) has_unsaved_refusal: bool,
    pub(super) refused: usize,
    /// Whether its last save failed.
    pub(super) save_failed: bool,
    /// Whether it has tokens that are not saved, and had none before that were good.
    pub(super) has_unsaved_first: bool,
}

impl Knowledge {
    /// Callers are told of what an exchange has brought once it is saved, or could not be.
    fn check_told(&self, authorization: &Authorization) -> Result<(), Violation> {
        if self.save_failed {
            return Ok(());
        }
        match authorization {
            Authorization::Ready(_) if self.has_unsaved_first => {
                Violation::found(14, "a first token is handed out, and it is not saved")
            }
            Authorization::Denied(Denied::Rejected { .. }) if self.has_unsaved_refusal => {
                Violation::found(2, "a caller is told of a refusal, and it is not saved")
            }
            _ => Ok(()),
        }
    }
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
    },
    /// The password was refused.
    Rejected,
}

#[derive(Clone, Debug)]
pub(super) struct Wire {
    pub(super) exchange: JobId,
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
            announced: 0,
            is_recorded: false,
            wait: None,
            knowledge: Knowledge::default(),
        }
    }

    pub(super) fn wake(&mut self) {
        if let Caller::Waiting { woken, .. } = &mut self.caller {
            *woken = true;
        }
    }

    pub(super) fn send(&mut self, exchange: JobId, request: Request<Vec<u8>>) {
        self.wire = Some(Wire {
            exchange,
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

    pub(super) fn has_good_token(&self, now: Timestamp) -> bool {
        let mut machine = self.machine.fork();
        let pending = Pending::new();
        matches!(machine.log_in(now, pending), Authorization::Ready(_))
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

    pub(super) fn digest(process: Option<&Self>, is_holder: bool, left: u8) -> u64 {
        let mut hasher = DefaultHasher::new();
        (process.is_some(), is_holder, left).hash(&mut hasher);
        if let Some(process) = process {
            process.machine.fingerprint(&mut hasher);
            (process.wait, &process.knowledge).hash(&mut hasher);
            (process.has_lost_lock, process.is_recorded).hash(&mut hasher);
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
            announced: self.announced,
            is_recorded: self.is_recorded,
            wait: self.wait,
            knowledge: self.knowledge.clone(),
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
            Self::Sent { sent, token } => Self::Sent {
                sent: sent.fork(),
                token: token.clone(),
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
            Self::Sent { sent, token } => {
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
        process.knowledge.check_told(&authorization)?;
        process.caller = match authorization {
            Authorization::Ready(sent) => Caller::Sent {
                sent,
                token: request.headers()[AUTHORIZATION].clone(),
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
        let (sent, token) = match std::mem::take(&mut process.caller) {
            Caller::Sent { sent, token } => (sent, token),
            other => {
                process.caller = other;
                return;
            }
        };
        let mut request = Request::new([]);
        *request.uri_mut() = TARGET.clone();
        request.headers_mut().insert(AUTHORIZATION, token);
        let response = self.emulator.respond(time, &request);
        let status = response.map_or(StatusCode::BAD_GATEWAY, |response| response.status());
        if let Review::Retry(pending) = process.machine.review(now, sent, status) {
            process.caller = Caller::Waiting {
                pending,
                woken: true,
            };
        }
    }
}
