//! Processes that share one session, and all that they have said.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use simacan_auth_emulator::{Detail, Emulator, Settings};

use crate::audit::{Audit, Trial};
use crate::child::{Process, lock};
use crate::front::{Front, Incarnation, Moment};
use crate::lives::Lives;
use crate::place;
use crate::pusher::Adapter;
use crate::surroundings::PATIENCE;
use crate::tries::Tries;
use crate::worker::{CALLERS, Job, Said, body, path};

type Positions = [u64; CALLERS];

pub(crate) struct Fleet {
    pub(crate) front: Front,
    /// See [`place::open`].
    place: String,
    compressed: u32,
    pub(crate) workers: Vec<Worker>,
    /// Which worker each start was of, and its first positions.
    starts: Vec<(usize, Positions)>,
    killed: BTreeSet<Incarnation>,
    pub(crate) trials: Vec<Trial>,
    pub(crate) lives: Lives,
}

pub(crate) struct Worker {
    adapter: Adapter,
    pub(crate) habits: Habits,
    pub(crate) incarnation: Incarnation,
    pub(crate) process: Arc<Process>,
    pub(crate) heard: Arc<Mutex<Heard>>,
}

/// What one of them may do otherwise than the rest, from its next start.
#[derive(Clone, Default)]
pub(crate) struct Habits {
    pub(crate) place: Option<String>,
    pub(crate) key: Option<String>,
    /// So many milliseconds is its clock wrong.
    pub(crate) ahead: i64,
    /// It never reaches the Auth API.
    pub(crate) is_cut_off: bool,
    /// It may be denied a token for as long as it is so.
    pub(crate) may_fail: bool,
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.process.kill();
    }
}

/// What a worker has said, over all its lives.
#[derive(Default)]
pub(crate) struct Heard {
    /// The last position that was answered, of each caller.
    pub(crate) accepted: Positions,
    pub(crate) adopted: u64,
    pub(crate) again: u64,
    pub(crate) unauthorized: [usize; CALLERS],
    pub(crate) blocked: usize,
    pub(crate) superseded: usize,
    pub(crate) store: Vec<String>,
    trouble: Vec<String>,
}

impl Heard {
    fn hear(&mut self, line: &str) {
        match Said::from(line) {
            Said::Accepted { caller, position } => self.accepted[caller] = position,
            Said::Adopted => self.adopted += 1,
            Said::Again => self.again += 1,
            Said::Unauthorized { caller } => self.unauthorized[caller] += 1,
            Said::Blocked => self.blocked += 1,
            Said::Superseded => self.superseded += 1,
            Said::Store(line) => self.store.push(line),
            Said::Trouble(line) => self.trouble.push(line),
        }
    }
}

impl Fleet {
    /// Half of it has one adapter, half the other. An hour is divided by `compressed`.
    pub(crate) fn start(
        place: String,
        workers: usize,
        settings: Settings,
        compressed: u32,
        habits: &Habits,
    ) -> Self {
        let settings = settings.with_ledger(Detail::Bodies);
        let front = Front::start(Emulator::new(settings), SystemTime::now);
        front.arm(Moment::Decided); // the first login is killed
        let mut fleet = Self {
            front,
            place,
            compressed,
            workers: Vec::new(),
            starts: Vec::new(),
            killed: BTreeSet::new(),
            trials: Vec::new(),
            lives: Lives::default(),
        };
        for n in 0..workers {
            let (adapter, habits) = (Adapter::BOTH[n % 2], habits.clone());
            let worker = fleet.start_worker(n, adapter, habits, Arc::default());
            fleet.workers.push(worker);
        }
        fleet
    }

    fn start_worker(
        &mut self,
        n: usize,
        adapter: Adapter,
        habits: Habits,
        heard: Arc<Mutex<Heard>>,
    ) -> Worker {
        let incarnation = self.starts.len();
        let from = lock(&heard).accepted.map(|position| position + 1);
        self.starts.push((n, from));
        let job = Job {
            worker: n,
            adapter,
            origin: self.front.origin(),
            proxy: self.front.proxy(incarnation),
            session: habits.place.as_ref().unwrap_or(&self.place),
            compressed: self.compressed,
            ahead: habits.ahead,
            from,
        };
        let mut command = job.command();
        command.envs(habits.key.iter().map(|key| (place::KEY, key)));
        if habits.is_cut_off {
            self.front.cut_off(incarnation);
        }
        let process = Arc::new(Process::start(command, {
            let heard = heard.clone();
            move |line| lock(&heard).hear(&line)
        }));
        self.front.register(incarnation, process.clone());
        Worker {
            adapter,
            habits,
            incarnation,
            process,
            heard,
        }
    }

    /// Starts again who was killed.
    pub(crate) fn restart(&mut self) {
        for n in 0..self.workers.len() {
            if !self.workers[n].process.is_running() {
                self.end_one(n);
            }
        }
    }

    /// Whether it has come to its end. If not, it was killed, and is started again.
    fn end_one(&mut self, n: usize) -> bool {
        let worker = &self.workers[n];
        let status = worker.process.end();
        if !worker.process.was_killed() {
            let trouble = &lock(&worker.heard).trouble;
            assert!(status.success(), "{status}: {trouble:#?}");
            return true;
        }
        self.killed.insert(worker.incarnation);
        let (adapter, habits, heard) =
            (worker.adapter, worker.habits.clone(), worker.heard.clone());
        self.workers[n] = self.start_worker(n, adapter, habits, heard);
        false
    }

    /// How many were killed.
    pub(crate) fn killed(&self) -> usize {
        self.killed.len()
    }

    /// Until the newest token was used so often, or another has replaced it.
    pub(crate) fn use_token(&mut self, times: u64) {
        let start = Instant::now();
        let before = self.lives.granted;
        loop {
            self.restart();
            self.front.with(|emulator| self.lives.read(emulator));
            if self.lives.pushes >= times || self.lives.granted > before.max(1) {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "nobody gets a token");
            thread::sleep(Duration::from_millis(2));
        }
    }

    pub(crate) fn revoke(&mut self) {
        self.front.with(Emulator::revoke_access_tokens);
    }

    /// Lets everyone push what they have begun, and end.
    pub(crate) fn end(&mut self) {
        self.front.disarm();
        for n in 0..self.workers.len() {
            while !self.end_one(n) {}
        }
    }

    /// Every position that was answered was accepted once, but for those that the successor of a killed
    /// process has repeated since it could not know.
    pub(crate) fn check_pushes(&self) -> (u64, u64) {
        let mut accepted = BTreeMap::<String, u64>::new();
        self.front.with(|emulator| {
            for body in emulator.ledger().accepted_bodies() {
                let body = String::from_utf8(body.clone()).expect("text");
                *accepted.entry(body).or_default() += 1;
            }
        });
        let (mut total, mut repeated) = (0, 0);
        for (n, worker) in self.workers.iter().enumerate() {
            let heard = lock(&worker.heard);
            assert_eq!(heard.trouble, Vec::<String>::new());
            for (caller, &last) in heard.accepted.iter().enumerate() {
                for position in 1..=last {
                    let times = accepted.remove(&body(&n.to_string(), caller, position));
                    let times = times.expect("what was answered 204 was accepted");
                    let is_begun =
                        |start: &&(usize, Positions)| start.0 == n && start.1[caller] == position;
                    let begun = self.starts.iter().filter(is_begun).count() as u64;
                    let allowed = begun + u64::from(position > 1); // who came to it
                    assert!(times <= allowed, "worker {n}: {position}, {times} times");
                    total += times;
                    repeated += times - 1;
                }
            }
        }
        assert_eq!(accepted, BTreeMap::new(), "accepted, and not answered");
        (total, repeated)
    }

    /// No 401 was delivered that a refresh would have cured.
    pub(crate) fn check_unauthorized(&self) {
        let tries = self
            .front
            .with(|emulator| Tries::new(emulator.ledger().entries()));
        for (n, worker) in self.workers.iter().enumerate() {
            for (caller, &delivered) in lock(&worker.heard).unauthorized.iter().enumerate() {
                tries.check(&path(&n.to_string(), caller), delivered);
            }
        }
    }

    pub(crate) fn audit(&self) -> Audit {
        let ledger = self
            .front
            .with(|emulator| emulator.ledger().entries().to_vec());
        let killed = self.killed.clone();
        Audit::new(&ledger, self.front.seen(), killed, self.trials.clone())
    }

    /// What all have said.
    pub(crate) fn heard<T: std::iter::Sum>(&self, of: impl Fn(&Heard) -> T) -> T {
        let workers = self.workers.iter();
        workers.map(|worker| of(&lock(&worker.heard))).sum()
    }
}
