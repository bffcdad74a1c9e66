//! How long requests take while tokens are refreshed behind them: eight callers, tokens of two seconds, and an
//! auth server that takes 200 ms to answer. Beside each adapter its bare client, with a token that lasts.
//!
//! ```text
//! cargo run --release -p simacan-auth-tests --example latency
//! cargo run --release -p simacan-auth-tests --example latency -- seconds=3
//! ```
//!
//! Each row takes 12 s, or so many. Fails if a refresh holds requests up: if more of them took longer than
//! 100 ms while one was under way than the bare client has of that length altogether, twice in a row. (A
//! computer has other things to do, too.)

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use http::{Request, StatusCode};
use simacan_auth::{Credentials, Provider};
use simacan_auth_emulator::{Detail, Emulator, Endpoint, FaultRates, Server, Settings};

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, Error>;

const CALLERS: usize = 8;
const HOUR: Duration = Duration::from_secs(3600);
const EXCHANGE: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_millis(100);
const POSITION: &str = r#"<realisation heading="90" speed="80" x="5.387" y="52.155"/>"#;

/// Measures a client for so long, with tokens of this life.
type Measure = fn(Duration, Duration) -> Result<Row>;

/// Each client, bare and with its adapter.
const CLIENTS: [[Measure; 2]; 2] = [[bare_ureq, ureq], [bare_reqwest, reqwest]];
const TOKEN_LIFE: Duration = Duration::from_secs(2);

fn main() -> Result<()> {
    let mut seconds = 12.0;
    for argument in std::env::args().skip(1) {
        match argument.split_once('=') {
            Some(("seconds", number)) => seconds = number.parse()?,
            _ => return Err(format!("there is no {argument}").into()),
        }
    }
    let length = Duration::from_secs_f64(seconds);
    println!("| client | requests | p50 | p99 | p99.9 | longest | > 100 ms | refreshes |");
    println!("|---|---|---|---|---|---|---|---|");
    for client in CLIENTS {
        let is_held_up = || -> Result<bool> {
            let [bare, adapter] = client.map(|measure| measure(length, TOKEN_LIFE));
            Ok(adapter?.held_up > bare?.long)
        };
        // What a busy computer does once it seldom does twice.
        if is_held_up()? && is_held_up()? {
            return Err("requests have waited for a refresh".into());
        }
    }
    Ok(())
}

fn bare_ureq(length: Duration, _: Duration) -> Result<Row> {
    let platform = Platform::start(HOUR)?;
    let agent = agent();
    let bearer = platform.log_in()?;
    let send = || {
        let request = platform.request().header("authorization", &bearer);
        Ok(agent.run(request.body(POSITION)?)?.status())
    };
    platform.row("ureq", by_threads(length, send)?)
}

fn ureq(length: Duration, token_life: Duration) -> Result<Row> {
    use simacan_auth_ureq::Client;
    let platform = Platform::start(token_life)?;
    let client = Client::builder(platform.provider()?, Credentials::new("u", "p"))
        .agent(agent())
        .build()?;
    client.log_in()?;
    let send = || Ok(client.send(platform.request().body(POSITION)?)?.status());
    platform.row("simacan-auth-ureq", by_threads(length, send)?)
}

/// Loopback is reached whatever proxy the environment names.
fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().proxy(None).build().into()
}

#[tokio::main]
async fn bare_reqwest(length: Duration, _: Duration) -> Result<Row> {
    let platform = Platform::start(HOUR)?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let (target, bearer) = (platform.target.clone(), platform.log_in()?);
    let send = move || {
        let request = client.post(&target).header("authorization", &bearer);
        let answer = request.body(POSITION).send();
        async { Ok(answer.await?.status()) }
    };
    platform.row("reqwest", by_tasks(length, send).await?)
}

#[tokio::main]
async fn reqwest(length: Duration, token_life: Duration) -> Result<Row> {
    use simacan_auth_reqwest::Client;
    let platform = Platform::start(token_life)?;
    let client = Client::builder(platform.provider()?, Credentials::new("u", "p"))
        .http(reqwest::ClientBuilder::no_proxy)
        .build()?;
    client.log_in().await?;
    let target = platform.target.clone();
    let send = move || {
        let answer = client.post(&target).body(POSITION).send();
        async { Ok(answer.await?.status()) }
    };
    platform.row("simacan-auth-reqwest", by_tasks(length, send).await?)
}

/// The emulator, and when it has received requests for a refresh.
struct Platform {
    server: Server,
    target: String,
    refreshes: Arc<Mutex<Vec<Instant>>>,
}

impl Platform {
    fn start(token_life: Duration) -> Result<Self> {
        let slow = FaultRates {
            delayed: 1000,
            delay: EXCHANGE,
            ..FaultRates::default()
        };
        let settings = Settings::new()
            .with_user("u", "p")
            .with_access_token_life(token_life)
            .with_fault_rates_at(Endpoint::Password, slow)
            .with_fault_rates_at(Endpoint::Refresh, slow)
            .with_ledger(Detail::Counters);
        let refreshes = Arc::<Mutex<Vec<Instant>>>::default();
        let received = refreshes.clone();
        let server = Server::options()
            .log(move |entry| {
                if entry.endpoint == Endpoint::Refresh {
                    let mut received = received.lock().unwrap_or_else(PoisonError::into_inner);
                    received.push(Instant::now());
                }
            })
            .start(Emulator::new(settings))?;
        Ok(Self {
            target: format!("{}/realisation", server.base_url()),
            server,
            refreshes,
        })
    }

    fn provider(&self) -> Result<Provider> {
        let provider = Provider::simacan_at(self.server.base_url());
        let provider = provider.allow_origin(self.server.origin());
        Ok(provider.allow_loopback_http().build()?)
    }

    fn request(&self) -> http::request::Builder {
        Request::post(&self.target)
    }

    /// For a client that can't by itself.
    fn log_in(&self) -> Result<String> {
        let login = Request::post("/api/v1/auth/password")
            .header("content-type", "application/x-www-form-urlencoded")
            .body("username=u&password=p")?;
        let answer = self
            .server
            .with(|emulator| emulator.respond(SystemTime::now(), &login));
        let tokens: serde_json::Value = serde_json::from_slice(answer.ok_or("lost")?.body())?;
        let token = tokens["access_token"].as_str().ok_or("no token")?;
        Ok(format!("Bearer {token}"))
    }

    fn row(&self, client: &'static str, mut samples: Vec<Sample>) -> Result<Row> {
        let refreshes = self
            .refreshes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let is_held_up = |sample: &&Sample| {
            let end = sample.began + sample.took;
            let meets = |refresh: &Instant| sample.began < *refresh + EXCHANGE && *refresh < end;
            refreshes.iter().any(meets)
        };
        let long = || samples.iter().filter(|sample| sample.took > LONG);
        let (long, held_up) = (long().count(), long().filter(is_held_up).count());
        samples.sort_unstable_by_key(|sample| sample.took);
        let last = samples.len().checked_sub(1).ok_or("there was no request")?;
        let at = |permille: usize| samples[last * permille / 1000].took;
        let row = Row {
            client,
            requests: samples.len(),
            took: [500, 990, 999, 1000].map(at),
            long,
            held_up,
            refreshes: refreshes.len(),
        };
        row.print();
        Ok(row)
    }
}

/// What became of a client's requests.
struct Row {
    client: &'static str,
    requests: usize,
    /// Half of them, 99 %, 99.9 %, and all of them took no longer.
    took: [Duration; 4],
    /// So many took longer than they should.
    long: usize,
    /// Of those, while a refresh was under way.
    held_up: usize,
    refreshes: usize,
}

impl Row {
    fn print(&self) {
        let [p50, p99, p999, longest] = self.took.map(|took| took.as_secs_f64() * 1e3);
        println!(
            "| {} | {} | {p50:.2} ms | {p99:.2} ms | {p999:.2} ms | {longest:.1} ms | {}, {} during a refresh | {} |",
            self.client, self.requests, self.long, self.held_up, self.refreshes,
        );
    }
}

struct Sample {
    began: Instant,
    took: Duration,
}

impl Sample {
    fn of(began: Instant, status: StatusCode) -> Result<Self> {
        if status != StatusCode::NO_CONTENT {
            return Err(format!("a request was answered {status}").into());
        }
        let took = began.elapsed();
        Ok(Self { began, took })
    }
}

fn by_threads(
    length: Duration,
    send: impl Fn() -> Result<StatusCode> + Sync,
) -> Result<Vec<Sample>> {
    let end = Instant::now() + length;
    let call = || {
        let mut samples = Vec::new();
        while Instant::now() < end {
            samples.push(Sample::of(Instant::now(), send()?)?);
        }
        Ok::<_, Error>(samples)
    };
    thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(call)).collect();
        let mut samples = Vec::new();
        for caller in callers {
            samples.extend(caller.join().map_err(|_| "a caller panicked")??);
        }
        Ok(samples)
    })
}

async fn by_tasks<F>(
    length: Duration,
    send: impl Fn() -> F + Clone + Send + 'static,
) -> Result<Vec<Sample>>
where
    F: Future<Output = Result<StatusCode>> + Send,
{
    let end = Instant::now() + length;
    let call = |_| {
        let send = send.clone();
        tokio::spawn(async move {
            let mut samples = Vec::new();
            while Instant::now() < end {
                samples.push(Sample::of(Instant::now(), send().await?)?);
            }
            Ok::<_, Error>(samples)
        })
    };
    let mut samples = Vec::new();
    for caller in (0..CALLERS).map(call).collect::<Vec<_>>() {
        samples.extend(caller.await??);
    }
    Ok(samples)
}

/// For a moment, and with all clients at once. Whether requests wait for a refresh that nobody needs yet is a case of
/// conformance, which no other load of the computer decides.
#[test]
fn latency_is_measured_while_tokens_are_refreshed() {
    // A refresh is due after three quarters of a token's life at the latest.
    let length = TOKEN_LIFE * 7 / 8;
    thread::scope(|scope| {
        let rows = CLIENTS
            .map(|client| client.map(|measure| scope.spawn(move || measure(length, TOKEN_LIFE))));
        for client in rows {
            let rows = client.map(|row| row.join().expect("no panic").expect("answers"));
            assert_eq!(rows[0].refreshes, 0);
            assert!(rows[1].refreshes > 0, "{}", rows[1].client);
            for row in rows {
                assert!(row.requests > 0 && row.held_up <= row.long);
                assert!(row.took.is_sorted());
            }
        }
    });
}
