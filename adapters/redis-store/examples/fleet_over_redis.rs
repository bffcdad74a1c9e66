//! Four workers share a session in a Redis that you have. One of them logs in; from then on whoever comes
//! first refreshes for all.
//!
//! ```text
//! cargo run -p simacan-auth-redis-store --example fleet_over_redis -- redis://127.0.0.1:6379
//! ```
//!
//! The platform is an emulator inside this program. Its tokens live for four seconds instead of an hour.

use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};
use std::{env, process};

use simacan_auth_emulator::{Counters, Emulator, Server, Settings};
use simacan_auth_redis_store::{RedisStore, redis};
use simacan_auth_ureq::{Client, Credentials, Provider, ureq::http::Request};

type Error = Box<dyn std::error::Error + Send + Sync>;

pub(crate) fn main() -> Result<(), Error> {
    let url = env::args()
        .nth(1)
        .ok_or("give a URL: redis://127.0.0.1:6379")?;
    let counted = run(&url, Duration::from_secs(20))?;
    let (passwords, refreshes) = (counted.passwords_received, counted.refreshes_received);
    let refused = counted.target_unauthorized;
    println!(
        "the platform saw {passwords} password, {refreshes} refreshes, and gave {refused} 401s"
    );
    Ok(())
}

/// What the platform has counted in the end.
pub(crate) fn run(url: &str, time: Duration) -> Result<Counters, Error> {
    let settings = Settings::new().with_user("foo@bar.com", "open sesame");
    let settings = settings.with_access_token_life(Duration::from_secs(4));
    let server = Server::start(Emulator::new(settings))?;
    let provider = Provider::simacan_at(server.base_url()).allow_origin(server.origin());
    let provider = provider.allow_loopback_http().build()?;

    let name = format!("fleet-example-{}", process::id());
    let until = Instant::now() + time;
    thread::scope(|scope| {
        let worker = |number| {
            // As in a program of its own: only the store is shared.
            let credentials = Credentials::new("foo@bar.com", "open sesame");
            let client = Client::builder(provider.clone(), credentials);
            let client = client.store(RedisStore::open(url, &name)?).build()?;
            let target = format!("{}/trucks/{number}", server.base_url());
            Ok::<_, Error>(scope.spawn(move || work(number, &client, &target, until)))
        };
        let workers = (1..=4).map(worker).collect::<Result<Vec<_>, _>>()?;
        let mut ends = workers.into_iter().map(ScopedJoinHandle::join);
        ends.try_for_each(|end| end.map_err(|_| "a worker panicked")?)
    })?;

    remove(url, &name)?;
    Ok(server.with(|emulator| *emulator.ledger().counters()))
}

fn work(number: u32, client: &Client, target: &str, until: Instant) -> Result<(), Error> {
    let mut calls = 0;
    while Instant::now() < until {
        let status = client.send(Request::get(target).body(())?)?.status();
        if !status.is_success() {
            return Err(format!("worker {number} got {status}").into());
        }
        calls += 1;
        thread::sleep(Duration::from_millis(20));
    }
    println!("worker {number} made {calls} calls");
    Ok(())
}

fn remove(url: &str, name: &str) -> Result<(), Error> {
    let mut connection = redis::Client::open(url)?.get_connection()?;
    let keys = ["lock", "session", "mark"].map(|what| format!("simacan:{{{name}}}:{what}"));
    Ok(redis::cmd("DEL").arg(&keys).exec(&mut connection)?)
}
