//! A thousand sessions that are kept alive, ten thousand whose refresh is due in the same second, and six
//! hundred behind a server that hangs: what they cost in threads, memory and time.
//!
//! ```text
//! cargo run --release -p simacan-auth-tests --example sessions
//! ```
//!
//! The platform is the emulator's model, in memory; a sleep stands for the network. Fails if a bound is
//! missed. Threads can be counted on Linux only.
//!
//! Memory is what is allocated and not freed, the emulator's few bytes for each session included. What the
//! system counts for the process is more, whatever the sessions: an allocator keeps some of what was freed,
//! and glibc the stacks of some threads that have ended.

use std::fs;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use http::{Request, Response};
use simacan_auth_driver::simacan_auth::{
    Config, Credentials, Provider, RequestBody, ResponseBody, TransportFailure,
};
use simacan_auth_driver::{Driver, block_on};
use simacan_auth_emulator::{Counters, Detail, Emulator, Settings};
use simacan_auth_memory::Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// What is done for one auth host is done by so many threads at most.
const CARRIERS: u64 = 64;
const TIME_KEEPER: u64 = 1;

const NETWORK: Duration = Duration::from_millis(10);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// How many sessions, and how long to look at them.
struct Scale {
    kept_alive: u64,
    token_life: Duration,
    look: Duration,
    due_together: u64,
    /// How long they have got to log in, before the first refresh is due.
    due_after: Duration,
    hung_up: u64,
}

fn main() -> Result<()> {
    run(&Scale {
        kept_alive: 1_000,
        token_life: 2 * SECOND,
        look: 8 * SECOND,
        due_together: 10_000,
        due_after: 5 * SECOND,
        hung_up: 600,
    })
}

fn run(scale: &Scale) -> Result<()> {
    keep_alive(scale)?;
    refresh_together(scale)?;
    hang(scale)
}

fn keep_alive(scale: &Scale) -> Result<()> {
    let sessions = scale.kept_alive;
    let platform = Platform::new(Life::Of(scale.token_life));
    let before = (threads(), memory());
    let (drivers, most) = while_counting_threads(|| {
        let drivers = platform.drivers("kept-alive.example", sessions, &Config::default())?;
        log_in(&drivers)?;
        thread::sleep(scale.look);
        Ok(drivers)
    })?;
    platform.let_tokens_live(Life::Of(HOUR)); // the next refresh is the last for a while
    thread::sleep(scale.token_life);
    settle(&drivers)?;

    let (at_rest, most) = (threads() - before.0, most - before.0);
    let memory = Memory::of(sessions, &platform, before.1);
    let counted = platform.counted();
    let each = counted.refreshes_accepted / sessions;
    println!("{sessions} sessions kept alive, {each} refreshes each:");
    println!("  threads: {at_rest} at rest, {most} at most");
    println!("  memory: {memory}");
    at_most("threads at rest", at_rest, 4)?;
    at_most("threads", most, CARRIERS + TIME_KEEPER)?;
    at_most("bytes beside the tokens", memory.beside, 4_000 * sessions)?;
    at_most("passwords", counted.passwords_received, sessions)?;
    at_most("tokens used twice", counted.reuses, 0)?;
    at_least(
        "refreshes each",
        each,
        (millis(scale.look) / millis(scale.token_life)).max(1),
    )
}

/// They take their turns with the threads that there are.
fn refresh_together(scale: &Scale) -> Result<()> {
    let sessions = scale.due_together;
    let due = Instant::now() + scale.due_after;
    // To the whole second, so that each ends within the one before this.
    let platform = Platform::new(Life::Until(due + SECOND));
    let mut config = Config::default();
    config.refresh_margin = Duration::ZERO; // then a refresh is due when the token ends
    let before = (threads(), memory());
    let drivers = platform.drivers("due-together.example", sessions, &config)?;
    log_in(&drivers)?;
    if Instant::now() >= due {
        return Err("this computer is too busy: a refresh was due before the last login".into());
    }
    platform.let_tokens_live(Life::Of(HOUR));
    let (took, most) = while_counting_threads(|| {
        while platform.counted().refreshes_accepted < sessions && due.elapsed() < 30 * SECOND {
            thread::sleep(Duration::from_millis(1));
        }
        Ok(due.elapsed())
    })?;
    settle(&drivers)?;

    let most = most - before.0;
    let memory = Memory::of(sessions, &platform, before.1);
    let counted = platform.counted();
    println!("{sessions} sessions whose refresh is due in the same second:");
    println!("  threads: {most} at most");
    println!("  memory: {memory}");
    println!("  refreshed {took:.2?} after the beginning of that second");
    at_most("threads", most, CARRIERS + TIME_KEEPER)?;
    at_most("passwords", counted.passwords_received, sessions)?;
    at_most("tokens used twice", counted.reuses, 0)?;
    at_least("refreshes", counted.refreshes_accepted, sessions)
}

/// Those of one auth host have their threads, and all others have theirs.
fn hang(scale: &Scale) -> Result<()> {
    let sessions = scale.hung_up;
    let (hangs, works) = (Platform::new(Life::Of(HOUR)), Platform::new(Life::Of(HOUR)));
    let threads = threads();
    let hung = hangs.drivers("hangs.example", sessions, &Config::default())?;
    let other = works.drivers("works.example", 1, &Config::default())?;
    let gate = hangs.gate.write();
    hung.iter().for_each(begin_login);
    let (served, most) = while_counting_threads(|| {
        thread::sleep(20 * NETWORK); // by then whoever can be is hung up
        let began = Instant::now();
        log_in(&other)?;
        Ok(began.elapsed())
    })?;
    let began = Instant::now();
    drop(hung);
    let dropped = began.elapsed();
    drop(gate);

    let most = most - threads;
    println!("{sessions} sessions behind a server that hangs:");
    println!("  threads: {most} at most");
    println!("  another session is served after {served:.2?}");
    println!("  they are dropped within {dropped:.2?}");
    if threads > 0 {
        // Some of those from before may have ended since they were counted.
        at_least("threads", most, CARRIERS.min(sessions) / 2)?;
    }
    at_most("threads", most, CARRIERS + 1 + TIME_KEEPER)?;
    at_most("ms until another is served", millis(served), 500)?;
    at_most("ms until they are dropped", millis(dropped), 500)
}

/// The platform, and the network in front of it.
struct Platform {
    emulator: Mutex<Emulator>,
    life: Mutex<Life>,
    /// The bytes of the last two tokens.
    tokens: AtomicU64,
    /// Who holds it hangs the server up.
    gate: RwLock<()>,
}

/// How long tokens live, if one believes the answers. By the emulator's books it is an hour.
enum Life {
    Of(Duration),
    Until(Instant),
}

impl Platform {
    fn new(life: Life) -> Arc<Self> {
        let settings = Settings::new().with_user("u", "p");
        Arc::new(Self {
            emulator: Mutex::new(Emulator::new(settings.with_ledger(Detail::Counters))),
            life: Mutex::new(life),
            tokens: AtomicU64::new(0),
            gate: RwLock::new(()),
        })
    }

    /// Sessions that refresh by themselves.
    fn drivers(
        self: &Arc<Self>,
        host: &str,
        sessions: u64,
        config: &Config,
    ) -> Result<Vec<Driver>> {
        let provider = Provider::simacan_at(format!("https://{host}/api/v1")).build()?;
        let driver = |_| {
            let platform = self.clone();
            Driver::settings(provider.clone(), Credentials::new("u", "p"))
                .config(config.clone())
                .stay_logged_in()
                .build(move |request| platform.exchange(&request))
        };
        Ok((0..sessions).map(driver).collect())
    }

    fn exchange(
        &self,
        request: &Request<RequestBody>,
    ) -> std::result::Result<Response<ResponseBody>, TransportFailure> {
        drop(self.gate.read());
        thread::sleep(NETWORK);
        let answer = lock(&self.emulator).respond(SystemTime::now(), request);
        let (head, body) = answer.ok_or_else(TransportFailure::timed_out)?.into_parts();
        let life = match *lock(&self.life) {
            Life::Of(life) => life,
            Life::Until(end) => end.saturating_duration_since(Instant::now()),
        };
        let life = format!(r#""expires_in":{}"#, life.as_secs());
        let body = String::from_utf8_lossy(&body).replace(r#""expires_in":3600"#, &life);
        // There is no other text in it that is so long.
        let tokens = body.split('"').filter(|text| text.len() > 200);
        let tokens = tokens.map(|token| token.len() as u64).sum();
        self.tokens.store(tokens, Ordering::Relaxed);
        let mut answer = ResponseBody::new();
        let _ = answer.push(body.as_bytes());
        Ok(Response::from_parts(head, answer))
    }

    fn let_tokens_live(&self, life: Life) {
        *lock(&self.life) = life;
    }

    fn counted(&self) -> Counters {
        *lock(&self.emulator).ledger().counters()
    }
}

/// Sets all logins going and waits for each.
fn log_in(drivers: &[Driver]) -> Result<()> {
    drivers.iter().for_each(begin_login);
    for driver in drivers {
        block_on(driver.log_in())?;
    }
    Ok(())
}

/// A future that is dropped ends nothing that it has set going.
fn begin_login(driver: &Driver) {
    let mut context = Context::from_waker(Waker::noop());
    let _ = pin!(driver.log_in()).as_mut().poll(&mut context);
}

fn settle(drivers: &[Driver]) -> Result<()> {
    let is_settled = |driver: &Driver| block_on(driver.settle(10 * SECOND));
    if drivers.iter().all(is_settled) {
        return Ok(());
    }
    Err("something is still under way".into())
}

/// Of this process; 0 where there is no `/proc`.
fn threads() -> u64 {
    fs::read_dir("/proc/self/task").map_or(0, |threads| threads.count() as u64)
}

/// How many there are at most meanwhile, but for the one that counts.
fn while_counting_threads<T>(run: impl FnOnce() -> Result<T>) -> Result<(T, u64)> {
    let (is_over, most) = (AtomicBool::new(false), AtomicU64::new(1));
    let done = thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                most.fetch_max(threads(), Ordering::Relaxed);
                thread::sleep(Duration::from_millis(2));
            }
        });
        let done = run();
        is_over.store(true, Ordering::Relaxed);
        done
    });
    Ok((done?, most.into_inner() - 1))
}

/// In bytes.
fn memory() -> u64 {
    u64::try_from(Counting::in_use_by_all()).unwrap_or(0)
}

/// What some sessions have, in bytes.
struct Memory {
    tokens: u64,
    beside: u64,
}

impl Memory {
    /// There was so much before them.
    fn of(sessions: u64, platform: &Platform, before: u64) -> Self {
        let tokens = sessions * platform.tokens.load(Ordering::Relaxed);
        let beside = memory().saturating_sub(before + tokens);
        Self { tokens, beside }
    }
}

impl std::fmt::Display for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (beside, tokens) = (self.beside >> 10, self.tokens >> 10);
        write!(f, "{beside} KiB beside {tokens} KiB of tokens")
    }
}

fn at_most(what: &str, is: u64, bound: u64) -> Result<()> {
    if is <= bound {
        return Ok(());
    }
    Err(format!("{what}: {is}, and not {bound} at most").into())
}

fn at_least(what: &str, is: u64, bound: u64) -> Result<()> {
    if is >= bound {
        return Ok(());
    }
    Err(format!("{what}: {is}, and not {bound} at least").into())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The same with fewer of them.
#[test]
fn sessions_cost_little_memory_and_share_their_threads() {
    let millis = Duration::from_millis;
    let scale = Scale {
        kept_alive: 200,
        token_life: millis(1000),
        look: millis(100),
        due_together: 500,
        due_after: millis(600),
        hung_up: 100,
    };
    run(&scale).expect("all is within the bounds");
}
