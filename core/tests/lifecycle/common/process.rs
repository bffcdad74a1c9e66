//! A process over a store in memory, which writes down what it does.

use std::cell::RefCell;
use std::fmt::Write;
use std::rc::Rc;
use std::time::Duration;

use http::{Response, StatusCode};
use simacan_auth::{
    Authorization, CachedBearer, Config, Denied, ErrorCause, Event, InvalidSavedSession, JobEnd,
    JobId, Machine, Output, Pending, Provider, Review, SavedSession, Sent, StoreFailure, StoreOp,
    Timestamp, Transmit, TransportFailure,
};

use simacan_auth_testkit::referee::{Exchange, Referee, Service};

use super::callers::{denied, ready, waits};
use super::{API, MARK, START, credentials, judge, poll, request};

/// What a process does, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Lock,
    Load,
    Save,
    Mark,
    Unlock,
    Password,
    Refresh,
    /// The credentials are asked for.
    Ask,
    /// It begins with these words.
    Event(&'static str),
}

/// The jobs of a first login, in their order.
pub(crate) const LOGIN: [Op; 4] = [Op::Lock, Op::Load, Op::Save, Op::Password];
/// Only to save something.
pub(crate) const VISIT: [Op; 4] = [Op::Lock, Op::Load, Op::Save, Op::Unlock];
/// What another one has saved was there.
pub(crate) const TAKEN_OVER: [Op; 4] = [Op::Lock, Op::Load, Op::Event("took over"), Op::Unlock];

pub(crate) fn disk_full() -> StoreFailure {
    StoreFailure::new("disk full")
}

#[derive(Clone, Default)]
pub(crate) struct Memory(Rc<RefCell<Inner>>);

#[derive(Default)]
struct Inner {
    json: Option<Vec<u8>>,
    mark: Option<Timestamp>,
    failures: Vec<(Op, StoreFailure)>,
    /// How many tokens were handed out.
    issued: u32,
    /// How many processes have started.
    started: usize,
    /// Who judges what they send. What they do here it is not told.
    referee: Option<Referee>,
}

impl Memory {
    /// Of a process that has logged in.
    pub(crate) fn with_session() -> Self {
        Process::first_logged_in().0
    }

    /// Where the password of a process has just been refused.
    pub(crate) fn with_refusal() -> Self {
        let store = Self::default();
        Process::refused(&store, START);
        store
    }

    /// So many of these operations will fail.
    pub(crate) fn fail(&self, op: Op, failure: &StoreFailure, times: usize) {
        let failures = std::iter::repeat_n((op, failure.clone()), times);
        self.0.borrow_mut().failures.extend(failures);
    }

    pub(crate) fn cut_off(&self) {
        let json = &mut self.0.borrow_mut().json;
        json.as_mut().expect("a session").pop();
    }

    /// Somebody has put this there, or removed what was there.
    pub(crate) fn replace(&self, json: Option<String>) {
        self.0.borrow_mut().json = json.map(String::into_bytes);
    }

    pub(crate) fn text(&self) -> String {
        let json = self.0.borrow().json.clone();
        String::from_utf8(json.unwrap_or_default()).unwrap()
    }

    pub(crate) fn saved(&self) -> Result<SavedSession, InvalidSavedSession> {
        SavedSession::from_json(self.text().as_bytes())
    }

    /// Does what a machine wants, and reports it.
    pub(crate) fn operate(&self, machine: &mut Machine, now: Timestamp, op: StoreOp) {
        let (id, end) = match op {
            StoreOp::Lock(id) => (id, JobEnd::Locked(self.mark())),
            StoreOp::Load(id) => {
                let json = self.0.borrow().json.clone();
                match json.as_deref().map(SavedSession::from_json).transpose() {
                    Ok(saved) => (id, JobEnd::Loaded(saved)),
                    Err(defect) => (id, JobEnd::StoreFailed(defect.into())),
                }
            }
            StoreOp::Save(id, session) => {
                self.0.borrow_mut().json = Some(session.to_json().to_vec());
                (id, JobEnd::Saved)
            }
            StoreOp::Mark(id, until) => {
                self.0.borrow_mut().mark = Some(until);
                (id, JobEnd::Marked)
            }
            StoreOp::Unlock => return,
        };
        machine.handle_end(now, id, end);
    }

    pub(crate) fn mark(&self) -> Option<Timestamp> {
        self.0.borrow().mark
    }

    /// Another process has set it.
    pub(crate) fn set_mark(&self, until: Timestamp) {
        self.0.borrow_mut().mark = Some(until);
    }

    fn judge<T>(&self, tell: impl FnOnce(&mut Referee) -> T) -> T {
        let referee = &mut self.0.borrow_mut().referee;
        let new = || Referee::new(Service::simacan()).with_store().exact();
        tell(referee.get_or_insert_with(new))
    }

    fn failure(&self, op: Op) -> Option<StoreFailure> {
        let failures = &mut self.0.borrow_mut().failures;
        let at = failures.iter().position(|(failing, _)| *failing == op)?;
        Some(failures.remove(at).1)
    }
}

pub(crate) struct Process {
    pub(crate) machine: Machine,
    pub(crate) now: Timestamp,
    pub(crate) log: Vec<Op>,
    pub(crate) events: Vec<Event>,
    /// All that it could have printed.
    pub(crate) printed: String,
    store: Memory,
    number: usize,
    is_judged: bool,
    pub(crate) flight: Option<Transmit>,
    judged: Option<Exchange>,
    /// What number the password has by now where it is kept; `None` if it can't be had.
    pub(crate) source: Option<u32>,
    pub(crate) until: Option<Timestamp>,
}

impl Process {
    pub(crate) fn start(store: &Memory, now: Timestamp) -> Self {
        Self::start_as(store, now, "fleet", 1)
    }

    pub(crate) fn start_as(store: &Memory, now: Timestamp, username: &str, number: u32) -> Self {
        let credentials = credentials(username, number);
        let machine = Machine::new(Provider::simacan(), credentials, Config::default());
        Self::of(machine.with_store(), store, now).judged()
    }

    pub(crate) fn start_with(store: &Memory, now: Timestamp, config: Config) -> Self {
        let machine = Machine::new(Provider::simacan(), credentials("fleet", 1), config);
        Self::of(machine.with_store(), store, now).judged()
    }

    /// It is Simacan's platform that it logs in to.
    fn judged(mut self) -> Self {
        self.is_judged = true;
        self
    }

    pub(crate) fn of(machine: Machine, store: &Memory, now: Timestamp) -> Self {
        let number = store.0.borrow().started;
        store.0.borrow_mut().started += 1;
        Self {
            machine,
            now,
            log: Vec::new(),
            events: Vec::new(),
            printed: String::new(),
            store: store.clone(),
            number,
            is_judged: false,
            flight: None,
            judged: None,
            source: None,
            until: None,
        }
    }

    pub(crate) fn logged_in(store: &Memory, now: Timestamp) -> Self {
        let mut process = Self::asked(store, now);
        process.grant();
        process.log.clear();
        process
    }

    /// Somebody has asked for a token.
    pub(crate) fn asked(store: &Memory, now: Timestamp) -> Self {
        let mut process = Self::start(store, now);
        let _pending = process.demand();
        process
    }

    /// It takes over what another one has saved.
    pub(crate) fn joining(store: &Memory, now: Timestamp) -> Self {
        let mut process = Self::asked(store, now);
        process.log.clear();
        process
    }

    /// Its password is refused.
    pub(crate) fn refused(store: &Memory, now: Timestamp) -> Self {
        let mut process = Self::asked(store, now);
        process.refuse();
        process
    }

    /// The first one over a new store.
    pub(crate) fn first() -> (Memory, Self) {
        let store = Memory::default();
        let process = Self::start(&store, START);
        (store, process)
    }

    pub(crate) fn first_logged_in() -> (Memory, Self) {
        let store = Memory::default();
        let process = Self::logged_in(&store, START);
        (store, process)
    }

    /// All that it has done, in words.
    pub(crate) fn done(&self) -> String {
        let words = self.log.iter().map(|op| match op {
            Op::Event(words) => (*words).to_owned(),
            op => format!("{op:?}").to_lowercase(),
        });
        words.collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn ask(&mut self) -> Authorization {
        let pending = Pending::new();
        self.ask_with(pending)
    }

    pub(crate) fn ask_with(&mut self, pending: Pending) -> Authorization {
        self.ask_for(API, pending)
    }

    pub(crate) fn ask_for(&mut self, uri: &str, pending: Pending) -> Authorization {
        self.machine.authorize(self.now, pending, &mut request(uri))
    }

    /// Asks, and does all that follows up to the answer of an exchange.
    pub(crate) fn asks(&mut self) {
        drop(self.ask());
        self.run();
    }

    /// The same without a request.
    pub(crate) fn log_in(&mut self) {
        let pending = Pending::new();
        drop(self.machine.log_in(self.now, pending));
        self.run();
    }

    #[track_caller]
    pub(crate) fn wait(&mut self) -> Pending {
        waits(self.ask())
    }

    #[track_caller]
    pub(crate) fn wait_with(&mut self, pending: Pending) -> Pending {
        waits(self.ask_with(pending))
    }

    #[track_caller]
    pub(crate) fn go(&mut self) -> Sent {
        ready(self.ask())
    }

    #[track_caller]
    pub(crate) fn go_with(&mut self, pending: Pending) -> Sent {
        ready(self.ask_with(pending))
    }

    #[track_caller]
    pub(crate) fn go_to(&mut self, uri: &str, pending: Pending) -> Sent {
        ready(self.ask_for(uri, pending))
    }

    #[track_caller]
    pub(crate) fn denied_with(&mut self, pending: Pending) -> Denied {
        denied(self.ask_with(pending))
    }

    /// Finds no token, and does all that follows up to the answer of an exchange.
    pub(crate) fn demand(&mut self) -> Pending {
        let pending = self.wait();
        self.run();
        pending
    }

    #[track_caller]
    pub(crate) fn demand_at(&mut self, now: Timestamp) -> Pending {
        self.now = now;
        self.demand()
    }

    /// Finds no token, and gets new ones.
    pub(crate) fn renew(&mut self) {
        let _pending = self.demand();
        self.grant();
    }

    pub(crate) fn renew_at(&mut self, now: Timestamp) {
        self.now = now;
        self.renew();
    }

    /// A target refuses its token, and it does all that follows.
    pub(crate) fn meet_a_401(&mut self) {
        let sent = self.go();
        let _retry = self.unauthorized(sent);
        self.run();
    }

    pub(crate) fn unauthorized(&mut self, sent: Sent) -> Pending {
        let unauthorized = StatusCode::UNAUTHORIZED;
        match self.machine.review(self.now, sent, unauthorized) {
            Review::Retry(pending) => pending,
            Review::Deliver => panic!("it is a 401 for the current token"),
        }
    }

    pub(crate) fn set_credentials(&mut self, username: &str, number: u32) {
        let credentials = credentials(username, number);
        self.machine.handle_credentials(self.now, credentials);
    }

    pub(crate) fn has_done(&self, op: Op) -> bool {
        self.log.contains(&op)
    }

    pub(crate) fn passwords(&self) -> usize {
        self.log.iter().filter(|op| **op == Op::Password).count()
    }

    /// Tells the referee what has become of what was sent.
    fn tell(&mut self, end: impl FnOnce(&mut Referee, Timestamp, Exchange)) {
        if let Some(sent) = self.judged.take() {
            self.store.judge(|referee| end(referee, self.now, sent));
        }
    }

    pub(crate) fn abandon(&mut self, job: JobId) {
        self.tell(Referee::lost);
        self.machine.abandon(self.now, job);
    }

    /// The end of a job that is left to the test.
    pub(crate) fn end(&mut self, job: JobId, end: JobEnd) {
        let in_flight = self.flight.as_ref().map(|flight| flight.exchange);
        if in_flight == Some(job) {
            self.tell(Referee::not_sent);
        }
        self.machine.handle_end(self.now, job, end);
    }

    pub(crate) fn poll(&mut self) -> Output {
        poll(&mut self.machine, self.now)
    }

    pub(crate) fn cached_bearer(&mut self) -> CachedBearer {
        self.machine.cached_bearer().expect("all is saved")
    }

    /// The operation that it wants, which is left to the test.
    pub(crate) fn poll_op(&mut self) -> JobId {
        match self.poll() {
            Output::Store(
                StoreOp::Lock(id) | StoreOp::Load(id) | StoreOp::Save(id, _) | StoreOp::Mark(id, _),
            ) => id,
            other => panic!("{other:?}"),
        }
    }

    /// The operation that it wants has this end.
    pub(crate) fn poll_and_end(&mut self, end: JobEnd) {
        let job = self.poll_op();
        self.end(job, end);
    }

    /// Does all that it wants, but for the answer to an exchange.
    pub(crate) fn run(&mut self) {
        let job = self.run_until(|_| false);
        assert!(job.is_none());
    }

    /// Up to such an operation, which is left to the test.
    pub(crate) fn run_until(&mut self, is_one: impl Fn(&StoreOp) -> bool) -> Option<StoreOp> {
        for _ in 0..100 {
            let output = self.poll();
            let _ = writeln!(self.printed, "{output:?}");
            match output {
                Output::Store(op) if is_one(&op) => return Some(op),
                Output::Event(event) => {
                    let words = event.to_string();
                    if !words.contains("started (attempt") {
                        let known = KNOWN.iter().find(|known| words.starts_with(**known));
                        self.log.push(Op::Event(known.copied().unwrap_or("?")));
                    }
                    let (now, number) = (self.now, self.number);
                    judge(
                        self.store
                            .judge(|referee| referee.event(now, number, &event)),
                    );
                    self.events.push(event);
                }
                Output::Transmit(transmit) => {
                    let is_password = transmit.request.uri().path().ends_with("password");
                    let op = if is_password {
                        Op::Password
                    } else {
                        Op::Refresh
                    };
                    self.log.push(op);
                    let (now, number) = (self.now, self.number);
                    let sent = |referee: &mut Referee| referee.sent(now, number, &transmit.request);
                    self.judged = self.is_judged.then(|| judge(self.store.judge(sent)));
                    self.flight = Some(transmit);
                }
                Output::Store(op) => self.operate(op),
                Output::Credentials(id) => {
                    self.log.push(Op::Ask);
                    let end = match self.source {
                        Some(number) => JobEnd::Credentials(credentials("fleet", number)),
                        None => JobEnd::NoCredentials(ErrorCause::new("the vault is sealed")),
                    };
                    self.end(id, end);
                }
                Output::Wait(until) => {
                    self.until = until;
                    return None;
                }
            }
        }
        panic!("poll never says Wait");
    }

    fn operate(&mut self, op: StoreOp) {
        let (kind, id) = match &op {
            StoreOp::Lock(id) => (Op::Lock, *id),
            StoreOp::Load(id) => (Op::Load, *id),
            StoreOp::Save(id, _) => (Op::Save, *id),
            StoreOp::Mark(id, _) => (Op::Mark, *id),
            StoreOp::Unlock => return self.log.push(Op::Unlock),
        };
        self.log.push(kind);
        if let Some(failure) = self.store.failure(kind) {
            return self.end(id, JobEnd::StoreFailed(failure));
        }
        self.store.operate(&mut self.machine, self.now, op);
    }

    fn land(&mut self) -> JobId {
        self.flight.take().expect("an exchange in flight").exchange
    }

    /// The answer to the exchange in flight, and all that follows.
    pub(crate) fn answer(&mut self, status: u16, body: &str) {
        let response = Response::builder().status(status);
        self.respond(response.body(body.to_owned()).unwrap());
    }

    pub(crate) fn respond(&mut self, response: Response<String>) {
        self.receive(response);
        self.run();
    }

    /// What follows is left to the test.
    pub(crate) fn receive(&mut self, response: Response<String>) {
        let exchange = self.land();
        self.tell(|referee, now, sent| referee.answered(now, sent, &response));
        self.machine.handle_response(self.now, exchange, response);
    }

    pub(crate) fn receive_tokens(&mut self) {
        let tokens = self.tokens();
        self.receive(tokens);
    }

    /// It brings tokens.
    pub(crate) fn grant(&mut self) {
        self.receive_tokens();
        self.run();
    }

    fn tokens(&self) -> Response<String> {
        let issued = &mut self.store.0.borrow_mut().issued;
        *issued += 1;
        Response::new(format!(
            r#"{{"access_token":"{MARK}-access-{issued}","refresh_token":"{MARK}-refresh-{issued}","token_type":"bearer","expires_in":3600}}"#
        ))
    }

    /// The documented refusal.
    pub(crate) fn refuse(&mut self) {
        self.answer(401, "");
    }

    /// No answer to it.
    pub(crate) fn lose(&mut self) {
        self.fail(TransportFailure::timed_out());
    }

    /// It got no connection.
    pub(crate) fn find_no_connection(&mut self) {
        self.fail(TransportFailure::not_sent("no route to host"));
    }

    fn fail(&mut self, failure: TransportFailure) {
        let exchange = self.land();
        if failure.is_not_sent() {
            self.tell(Referee::not_sent);
        } else {
            self.tell(Referee::lost);
        }
        self.machine.handle_failure(self.now, exchange, failure);
        self.run();
    }

    /// Time goes by, and it is polled whenever it has asked to be.
    pub(crate) fn pass(&mut self, by: Duration) {
        let end = self.now.saturating_add(by);
        while let Some(at) = self.until.filter(|at| *at <= end) {
            self.now = at;
            self.run();
        }
        self.now = end;
        self.run();
    }

    /// The form that is on its way.
    pub(crate) fn sent(&self) -> String {
        let transmit = self.flight.as_ref().expect("an exchange in flight");
        String::from_utf8(transmit.request.body().to_vec()).unwrap()
    }

    pub(crate) fn store_text(&self) -> String {
        self.store.text()
    }

    /// Whose password is on its way, and which.
    pub(crate) fn password_of(&self) -> Option<(String, u32)> {
        let transmit = self.flight.as_ref()?;
        let form = form_urlencoded::parse(transmit.request.body());
        let form: Vec<_> = form.into_owned().collect();
        let number = form[1].1.rsplit('-').next()?.parse().ok()?;
        Some((form[0].1.clone(), number))
    }

    #[cfg(any(model, fuzzing))]
    pub(crate) fn fingerprint(&self) -> u64 {
        super::fingerprint(&self.machine)
    }
}

const KNOWN: &[&str] = &[
    "logged in",
    "took over",
    "the refresh token was refused",
    "attempt 1 failed",
    "the session was not saved",
    "the password of fleet was refused",
    "new credentials",
    "logged out",
];
