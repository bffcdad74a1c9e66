//! Random walks of one machine with a store: credentials change at every step, operations fail or are
//! reported twice, others save in between.

use std::collections::BTreeSet;

use crate::common::prelude::*;

fn id(op: &StoreOp) -> Option<JobId> {
    match op {
        StoreOp::Lock(id) | StoreOp::Load(id) | StoreOp::Save(id, _) | StoreOp::Mark(id, _) => {
            Some(*id)
        }
        StoreOp::Unlock => None,
    }
}

struct Walk {
    dice: Dice,
    machine: Machine,
    now: Timestamp,
    is_locked: bool,
    op: Option<StoreOp>,
    last_op: Option<JobId>,
    flight: Option<(JobId, String)>,
    saved: Option<Vec<u8>>,
    mark: Option<Timestamp>,
    waiting: Vec<Pending>,
    sent: Vec<Sent>,
    issued: u32,
    spent: BTreeSet<String>,
    log: Vec<String>,
    until: Option<Timestamp>,
    loaded: Option<String>,
    was_rejected: bool,
    /// The answer to the refresh in flight is another user's, and nobody will know that it was spent.
    is_discarded: bool,
    user: &'static str,
    exchanges: u32,
}

const ENDPOINT: &str = "https://auth-service.services.simacan.com/api/v1/auth/password";

impl Walk {
    fn new(seed: u64) -> Self {
        let config = config(|config| config.keep_alive = seed.is_multiple_of(3));
        Self {
            dice: Dice(seed),
            machine: Machine::new(Provider::simacan(), credentials("a", 1), config).with_store(),
            now: START,
            is_locked: false,
            op: None,
            last_op: None,
            flight: None,
            saved: None,
            mark: None,
            waiting: Vec::new(),
            sent: Vec::new(),
            issued: 0,
            spent: BTreeSet::new(),
            log: Vec::new(),
            until: None,
            loaded: None,
            was_rejected: false,
            is_discarded: false,
            user: "a",
            exchanges: 0,
        }
    }

    fn drain(&mut self) {
        for _ in 0..400 {
            match poll(&mut self.machine, self.now) {
                Output::Event(event) => {
                    self.log.push(format!("  {event}"));
                }
                Output::Transmit(transmit) => {
                    assert!(self.is_locked, "an exchange without the lock");
                    self.exchanges += 1;
                    assert!(self.flight.is_none() && self.op.is_none());
                    let body = String::from_utf8(transmit.request.body().to_vec()).unwrap();
                    self.log.push(format!("  transmit {body}"));
                    if let Some(token) = body.strip_prefix("refresh_token=") {
                        assert!(!self.spent.contains(token), "I3: {token}");
                    }
                    if body.starts_with("username")
                        && !self.was_rejected
                        && let Some(loaded) = &self.loaded
                    {
                        let user = &body["username=".len()..][..1];
                        let is_ours = loaded.contains(&format!(r#""username":"{user}""#));
                        let is_alive = self.refresh_token_alive(loaded);
                        assert!(!(is_ours && is_alive), "I1: {loaded}");
                    }
                    self.flight = Some((transmit.exchange, body));
                }
                Output::Store(op) => {
                    assert!(self.op.is_none() && self.flight.is_none());
                    self.log.push(format!("  {op:?}"));
                    let is_lock = matches!(op, StoreOp::Lock(_));
                    assert_ne!(self.is_locked, is_lock, "{op:?}");
                    if let (StoreOp::Save(_, session), Some(loaded)) = (&op, &self.loaded)
                        && loaded.contains(&format!(r#""username":"{}""#, session.username()))
                        && self.refresh_token_alive(loaded)
                        && !self.was_rejected
                    {
                        let json = session.to_json();
                        let keeps = json.windows(17).any(|part| part == br#""refresh_token":""#);
                        assert!(keeps, "a living token is overwritten: {loaded}");
                    }
                    match op {
                        StoreOp::Unlock => self.is_locked = false,
                        op => self.op = Some(op),
                    }
                }
                Output::Credentials(_) => panic!("it has no source"),
                Output::Wait(until) => {
                    assert!(until.is_none_or(|until| until > self.now), "I11");
                    self.until = until;
                    return;
                }
            }
        }
        panic!("it spins");
    }

    fn refresh_token_alive(&self, loaded: &str) -> bool {
        let refresh = loaded.split(r#""refresh_token":""#).nth(1);
        let refresh = refresh.and_then(|rest| rest.split('"').next());
        refresh.is_some_and(|token| !self.spent.contains(token))
    }

    fn end(&mut self, job: JobId, end: JobEnd) {
        self.machine.handle_end(self.now, job, end);
    }

    fn ask(&mut self, pending: Pending) {
        match self.machine.authorize(self.now, pending, &mut request(API)) {
            Authorization::Ready(sent) => self.sent.push(sent),
            Authorization::Wait(pending) => self.waiting.push(pending),
            Authorization::Denied(_) => {}
            Authorization::Foreign(_) => unreachable!(),
        }
    }

    fn ask_all(&mut self) {
        for pending in std::mem::take(&mut self.waiting) {
            self.ask(pending);
        }
    }

    fn end_op(&mut self, how: usize) {
        let Some(op) = self.op.take() else { return };
        let id = id(&op).expect("it has an end");
        self.last_op = Some(id);
        self.log.push(format!("end of op, {how}"));
        if how < 2 {
            let failure = [StoreFailure::Locked, StoreFailure::Abandoned][how].clone();
            if let (StoreOp::Save(_, session), 1) = (&op, how) {
                self.saved = Some(session.to_json().to_vec()); // it was, all the same
            }
            return self.end(id, JobEnd::StoreFailed(failure));
        }
        match op {
            StoreOp::Lock(_) => {
                self.is_locked = true;
                self.end(id, JobEnd::Locked(self.mark));
            }
            StoreOp::Load(_) => {
                let saved = self.saved.as_deref();
                self.loaded = saved.map(|json| String::from_utf8(json.to_vec()).unwrap());
                let saved = saved.map(SavedSession::from_json);
                self.end(id, JobEnd::Loaded(saved.map(Result::unwrap)));
            }
            StoreOp::Save(_, session) => {
                self.saved = Some(session.to_json().to_vec());
                self.end(id, JobEnd::Saved);
            }
            StoreOp::Mark(_, until) => {
                self.mark = Some(until);
                self.end(id, JobEnd::Marked);
            }
            StoreOp::Unlock => unreachable!("it is no job"),
        }
    }

    fn end_exchange(&mut self, how: u64) {
        let Some((id, body)) = self.flight.take() else {
            return;
        };
        self.log.push(format!("end of exchange, {how}"));
        let is_discarded = std::mem::take(&mut self.is_discarded);
        let refresh = body.strip_prefix("refresh_token=");
        let refresh = refresh.filter(|_| !is_discarded);
        let (status, body) = match how {
            0 => {
                let failure = TransportFailure::timed_out();
                return self.machine.handle_failure(self.now, id, failure);
            }
            1 => (503, String::new()),
            2 => {
                self.spent.extend(refresh.map(str::to_owned));
                (401, String::new())
            }
            n => {
                self.spent.extend(refresh.map(str::to_owned));
                self.issued += 1;
                let number = self.issued;
                let mut refresh = format!(r#""refresh_token":"r{number}","#);
                if n == 3 {
                    refresh.clear(); // RFC 6749: the old one holds.
                    if let Some(token) = body.strip_prefix("refresh_token=") {
                        self.spent.remove(token);
                    }
                }
                (
                    200,
                    format!(
                        r#"{{"access_token":"t{number}",{refresh}"token_type":"bearer","expires_in":600}}"#
                    ),
                )
            }
        };
        let response = Response::builder().status(status).body(body).unwrap();
        self.machine.handle_response(self.now, id, response);
    }

    /// Another process saves, while nobody holds the lock.
    fn other_saves(&mut self) {
        if self.is_locked {
            return;
        }
        let revision = self
            .saved
            .as_deref()
            .map_or(0, |json| SavedSession::from_json(json).unwrap().revision());
        self.issued += 1;
        let (number, now) = (self.issued, self.now.as_millis());
        let user = self.dice.pick(&["a", "b"]);
        let refresh = format!("\"r{number}\"");
        let tokens = match self.dice.pick(&[None, Some("null"), Some(&refresh)]) {
            None => "null".to_owned(),
            Some(refresh) => format!(
                r#"{{"access_token":"t{number}","refresh_token":{refresh},"received_at":{now},"expires_at":{}}}"#,
                now + 600_000
            ),
        };
        // It has logged in, or refreshed.
        let lineage = format!(r#""lineage":{number},"#);
        let lineage = self.dice.pick(&["", &lineage]);
        let json = format!(
            r#"{{"version":1,"revision":{},"endpoint":"{ENDPOINT}","client_id":null,"username":"{user}",
            {lineage}"tokens":{tokens},"logins":{{"count":1,"last":{now}}}}}"#,
            revision + 1
        );
        self.log.push(format!("another saves {tokens} of {user}"));
        self.saved = Some(json.into_bytes());
    }

    fn step(&mut self) {
        match self.dice.roll(16) {
            0..=2 => {
                let pending = Pending::new();
                self.log.push("ask".to_owned());
                self.ask(pending);
            }
            3 => self.ask_all(),
            4 => {
                if let Some(sent) = self.sent.pop() {
                    self.log.push("401".to_owned());
                    let review = self
                        .machine
                        .review(self.now, sent, StatusCode::UNAUTHORIZED);
                    if let Review::Retry(pending) = review {
                        self.ask(pending);
                    }
                }
            }
            5 => {
                let user = self.dice.pick(&["a", "b"]);
                let number = u32::try_from(self.dice.roll(50)).unwrap();
                self.log.push(format!("credentials of {user}, {number}"));
                self.is_discarded |= user != self.user && self.flight.is_some();
                if user != self.user {
                    self.spent.clear(); // all that it knew of the last user is forgotten
                }
                self.user = user;
                self.machine
                    .handle_credentials(self.now, credentials(user, number));
            }
            6..=9 => {
                let how = self.dice.roll(10);
                self.end_op(usize::try_from(how).unwrap());
            }
            10 | 11 => {
                let how = self.dice.roll(8);
                self.end_exchange(how);
            }
            12 => {
                let millis = self.dice.pick(&[10, 1_000, 40_000, 700_000, 4_000_000]);
                self.now = Timestamp::from_millis(self.now.as_millis() + millis);
                self.log.push(format!("{millis} ms"));
            }
            13 => {
                if self.dice.roll(4) == 0 {
                    self.now = Timestamp::from_millis(self.now.as_millis() - 200_000);
                    self.log.push("set back".to_owned());
                }
            }
            14 => self.other_saves(),
            _ => {
                if let Some(id) = self.last_op {
                    self.end(id, JobEnd::Locked(None));
                    self.end(id, JobEnd::Saved);
                    self.end(id, JobEnd::Loaded(None));
                    let failure = StoreFailure::Abandoned;
                    self.end(id, JobEnd::StoreFailed(failure));
                }
            }
        }
        if self.dice.roll(8) != 0 {
            self.drain();
        }
        self.was_rejected |= self.machine.status() == Status::Rejected;
        let exchange = self.flight.as_ref().map(|(id, _)| *id);
        let job = exchange.or(self.op.as_ref().and_then(id));
        assert_eq!(self.machine.in_flight(), job);
    }

    /// All goes well from here.
    fn settle(&mut self) {
        self.drain();
        for _ in 0..200 {
            if self.op.is_some() {
                self.end_op(9);
            } else if self.flight.is_some() {
                self.end_exchange(7);
            } else if self.waiting.is_empty() {
                assert!(!self.is_locked, "the lock is kept");
                return;
            } else if let Some(until) = self.until {
                self.now = until;
            } else {
                let before = self.waiting.len();
                self.ask_all();
                self.drain();
                assert!(
                    self.waiting.len() < before
                        || self.op.is_some()
                        || self.flight.is_some()
                        || self.until.is_some(),
                    "somebody waits for ever"
                );
                continue;
            }
            self.drain();
            self.ask_all();
            self.drain();
        }
        panic!("it never settles");
    }
}

#[test]
fn a_machine_with_a_store_neither_hangs_nor_spins_nor_keeps_the_lock() {
    for seed in 1..6_000 {
        let mut walk = Walk::new(seed);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for n in 0..150 {
                walk.step();
                if n % 50 == 49 {
                    walk.settle();
                }
            }
            for _ in 0..seed % 50 {
                walk.step(); // it is closed in the middle of something
            }
            walk.machine.close();
            let exchanges = walk.exchanges;
            for _ in 0..50 {
                walk.step();
            }
            walk.settle();
            assert_eq!(walk.exchanges, exchanges, "an exchange after the close");
        }));
        if let Err(panic) = result {
            println!("seed {seed}");
            for line in walk.log.iter().rev().take(110).rev() {
                println!("{line}");
            }
            std::panic::resume_unwind(panic);
        }
    }
}
