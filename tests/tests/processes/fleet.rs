//! Ten processes share one session while tokens are ended early, answers are lost and some of them are killed
//! and started again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use http::StatusCode;
use simacan_auth_emulator::{Detail, Emulator, Endpoint, Fault};

use crate::audit::Audit;
use crate::child::{Process, lock};
use crate::front::{Front, Incarnation, Moment};
use crate::lives::Lives;
use crate::pusher::Adapter;
use crate::worker::{CALLERS, Job, Said, body};
use crate::world::{Folder, PATIENCE, Random, settings};

/// Of each adapter.
const WORKERS: usize = 5;
const TOKEN_LIFE: Duration = Duration::from_secs(1);
/// Token sets that are granted before it ends, if the machine is not too slow for it.
const LIVES: usize = 300;
const LONGEST: Duration = Duration::from_secs(180);

type Positions = [u64; CALLERS];

struct Fleet {
    front: Front,
    folder: Folder,
    workers: Vec<Worker>,
    /// Which worker each start was of, and its first positions.
    starts: Vec<(usize, Positions)>,
    killed: BTreeSet<Incarnation>,
    revocations: Vec<usize>,
    lives: Lives,
}

struct Worker {
    adapter: Adapter,
    incarnation: Incarnation,
    process: Arc<Process>,
    heard: Arc<Mutex<Heard>>,
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.process.kill();
    }
}

/// What a worker has said, over all its lives.
#[derive(Default)]
struct Heard {
    /// The last position that was answered, of each caller.
    accepted: Positions,
    adopted: u64,
    again: u64,
    trouble: Vec<String>,
}

impl Fleet {
    fn start() -> Self {
        let settings = settings()
            .with_access_token_life(TOKEN_LIFE)
            .with_ledger(Detail::Bodies);
        let front = Front::start(Emulator::new(settings), SystemTime::now);
        front.arm(Moment::Decided); // the first login is killed
        let mut fleet = Self {
            front,
            folder: Folder::new("fleet"),
            workers: Vec::new(),
            starts: Vec::new(),
            killed: BTreeSet::new(),
            revocations: Vec::new(),
            lives: Lives::default(),
        };
        for n in 0..2 * WORKERS {
            let worker = fleet.start_worker(n, Adapter::BOTH[n % 2], Arc::default());
            fleet.workers.push(worker);
        }
        fleet
    }

    fn start_worker(&mut self, n: usize, adapter: Adapter, heard: Arc<Mutex<Heard>>) -> Worker {
        let incarnation = self.starts.len();
        let from = lock(&heard).accepted.map(|position| position + 1);
        self.starts.push((n, from));
        let job = Job {
            worker: n,
            adapter,
            origin: self.front.origin(),
            proxy: self.front.proxy(incarnation),
            session: &self.folder.session(),
            from,
        };
        let hear = {
            let heard = heard.clone();
            move |line: String| {
                let mut heard = lock(&heard);
                match Said::from(&*line) {
                    Said::Accepted { caller, position } => heard.accepted[caller] = position,
                    Said::Adopted => heard.adopted += 1,
                    Said::Again => heard.again += 1,
                    Said::Trouble(line) => heard.trouble.push(line),
                }
            }
        };
        let process = Arc::new(Process::start(job.command(), hear));
        self.front.register(incarnation, process.clone());
        Worker {
            adapter,
            incarnation,
            process,
            heard,
        }
    }

    /// Starts again who was killed.
    fn restart(&mut self) {
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
        let (adapter, heard) = (worker.adapter, worker.heard.clone());
        self.workers[n] = self.start_worker(n, adapter, heard);
        false
    }

    /// Until the newest token was used so often, or another has replaced it.
    fn use_token(&mut self, times: u64) {
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

    fn revoke(&mut self) {
        let place = self.front.with(|emulator| {
            emulator.revoke_access_tokens();
            emulator.ledger().entries().len()
        });
        self.revocations.push(place);
    }

    /// What happens to the newest token.
    fn interfere(&mut self, random: &mut Random) {
        let moments = Moment::ALL.len() as u64;
        match random.below(100) {
            0..50 => self.revoke(),
            // It comes to its end by itself.
            50..56 => self.use_token(u64::MAX),
            56..76 => {
                let moment = usize::try_from(random.below(moments)).expect("a few");
                self.front.arm(Moment::ALL[moment]);
                self.revoke();
            }
            76..88 => {
                self.revoke();
                thread::sleep(Duration::from_millis(random.below(30)));
                self.kill_one(random);
            }
            88..92 => self.kill_one(random),
            92..95 => {
                self.front.with(Emulator::revoke_refresh_tokens);
                self.revoke();
            }
            95..98 => {
                let lost = Fault::AnswerLost;
                self.front
                    .with(|emulator| emulator.script(Endpoint::Refresh, lost));
                self.revoke();
            }
            _ => {
                let down = Fault::Status(StatusCode::SERVICE_UNAVAILABLE);
                self.front
                    .with(|emulator| emulator.script(Endpoint::Refresh, down));
                self.revoke();
            }
        }
    }

    fn kill_one(&mut self, random: &mut Random) {
        let n = random.below(self.workers.len() as u64);
        self.workers[usize::try_from(n).expect("a few")]
            .process
            .kill();
    }

    /// Lets everyone push what they have begun, and end.
    fn end(&mut self) {
        self.front.disarm();
        for n in 0..self.workers.len() {
            while !self.end_one(n) {}
        }
    }

    /// Every position that was answered was accepted once, but for those that the successor of a killed
    /// process has repeated since it could not know.
    fn check_pushes(&self) -> (u64, u64) {
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

    fn audit(&self) -> Audit {
        let entries = |emulator: &mut Emulator| emulator.ledger().entries().to_vec();
        let (ledger, senders) = (self.front.with(entries), self.front.senders());
        let (killed, revocations) = (self.killed.clone(), self.revocations.clone());
        Audit::new(&ledger, &senders, killed, revocations)
    }
}

#[test]
fn i1_i3_processes_share_one_session_whatever_kills_them() {
    let mut random = Random::from_env();
    println!("SIMACAN_SEED={}", random.seed());
    let began = Instant::now();
    let mut fleet = Fleet::start();
    while fleet.lives.granted < LIVES && began.elapsed() < LONGEST {
        fleet.use_token(1 + random.below(30));
        fleet.interfere(&mut random);
    }
    fleet.end();
    let took = began.elapsed();

    let (struck, killed) = (fleet.front.struck(), fleet.killed.len());
    println!(
        "{} processes in {took:.1?}: {killed} were killed, of which {} at a chosen moment of an exchange",
        2 * WORKERS,
        struck.len(),
    );
    for moment in Moment::ALL {
        let times = struck.iter().filter(|&&struck| struck == moment).count();
        println!("  {moment:?}: {times}");
    }
    assert!(struck.contains(&Moment::Decided), "the first login");
    let audit = fleet.audit();
    println!("{:#?}", audit.figures());
    let figures = audit.check(TOKEN_LIFE);
    assert!(figures.passwords > 1, "what was killed has a successor");

    let (accepted, repeated) = fleet.check_pushes();
    let heard = |of: fn(&Heard) -> u64| -> u64 {
        let workers = fleet.workers.iter();
        workers.map(|worker| of(&lock(&worker.heard))).sum()
    };
    println!(
        "{accepted} pushes accepted, {repeated} of them again by a successor; {} sent again; {} adoptions",
        heard(|heard| heard.again),
        heard(|heard| heard.adopted),
    );
    let counters = fleet.front.with(|emulator| *emulator.ledger().counters());
    assert_eq!(counters.targets_accepted, accepted);
}
