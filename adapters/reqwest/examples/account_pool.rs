//! A pool of accounts that take turns: each has a session of its own, all use one pool of connections, and an account
//! that is refused or held up leaves the others at work.
//! `cargo run --example account_pool`
//!
//! The platform is emulated, and one of the passwords is wrong. A session that is to outlive the program has a
//! store of its own, too: `Builder::store`.

use std::sync::atomic::{AtomicUsize, Ordering};

use simacan_auth_emulator::{Emulator, Server, Settings};
use simacan_auth_reqwest::reqwest::redirect::Policy;
use simacan_auth_reqwest::reqwest::{self, StatusCode};
use simacan_auth_reqwest::{Client, Credentials, Error, Provider};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

struct Pool {
    clients: Vec<(&'static str, Client)>,
    next: AtomicUsize,
}

impl Pool {
    fn new(provider: &Provider, accounts: &[(&'static str, &str)]) -> Result<Self> {
        // Its redirects would be followed unseen.
        let connections = reqwest::Client::builder()
            .redirect(Policy::none())
            .build()?;
        let client = |&(name, password): &(&'static str, &str)| {
            let client = Client::builder(provider.clone(), Credentials::new(name, password))
                .target_client(connections.clone())
                .build()?;
            Ok((name, client))
        };
        Ok(Self {
            clients: accounts.iter().map(client).collect::<Result<_>>()?,
            next: AtomicUsize::new(0),
        })
    }

    /// With the account whose turn it is, or the next one that is let in.
    async fn push(&self, url: &str) -> Result<(&'static str, StatusCode)> {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let mut denied = None;
        for n in 0..self.clients.len() {
            let (name, client) = &self.clients[(first + n) % self.clients.len()];
            match client.post(url).body("<realisation/>").send().await {
                Ok(response) => return Ok((name, response.status())),
                Err(error @ Error::Denied(_)) => denied = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
        Err(denied.ok_or("there is no account")?.into())
    }
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<()> {
    let settings = Settings::new()
        .with_user("north", "n")
        .with_user("east", "e");
    let server = Server::start(Emulator::new(settings.with_user("south", "s")))?;
    let provider = Provider::simacan_at(server.base_url())
        .allow_origin(server.origin())
        .allow_loopback_http()
        .build()?;
    let accounts = [("north", "n"), ("east", "not its password"), ("south", "s")];
    let pool = Pool::new(&provider, &accounts)?;
    let url = format!("{}/realisation", server.base_url());
    for _ in 0..6 {
        let (name, status) = pool.push(&url).await?;
        println!("{name}: {status}");
        assert!(name != "east" && status.is_success());
    }
    // The wrong one has left once, however often it was east's turn.
    let counters = server.with(|platform| *platform.ledger().counters());
    assert_eq!(counters.passwords_received, 3);
    Ok(())
}
