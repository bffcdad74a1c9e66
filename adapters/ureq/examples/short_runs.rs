//! A program that starts, pushes a vehicle position and ends, three times in a row: its session is in a file, so it
//! logs in once.
//! `cargo run --example short_runs`
//!
//! The platform is emulated. The example `cron_job` is such a program for the real one.

use std::error::Error;
use std::path::Path;
use std::{env, fs, process};

use simacan_auth_emulator::{Emulator, Server, Settings};
use simacan_auth_file_store::FileStore;
use simacan_auth_ureq::ureq::http::{Request, StatusCode};
use simacan_auth_ureq::{Client, Credentials, Provider};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

pub(crate) fn main() -> Result<()> {
    let server = Server::start(Emulator::new(
        Settings::new().with_user("fleet", "open sesame"),
    ))?;
    // `FileStore::for_app` knows where the platform keeps such files.
    let folder = env::temp_dir().join(format!("simacan-short-runs-{}", process::id()));
    for n in 1..=3 {
        println!("run {n}:");
        let status = run(&server, &folder.join("session.json"))?;
        println!("  pushed: {status}");
        assert_eq!(status, StatusCode::NO_CONTENT);
    }
    let counters = server.with(|platform| *platform.ledger().counters());
    assert_eq!(
        (counters.passwords_received, counters.targets_accepted),
        (1, 3)
    );
    Ok(fs::remove_dir_all(folder)?)
}

/// What each run does. All that it leaves behind is the file.
fn run(server: &Server, session: &Path) -> Result<StatusCode> {
    let provider = Provider::simacan_at(server.base_url())
        .allow_origin(server.origin())
        .allow_loopback_http()
        .build()?;
    let client = Client::builder(provider, Credentials::new("fleet", "open sesame"))
        .store(FileStore::new(session))
        .on_event(|event| println!("  {event}"))
        .build()?;
    let request = Request::post(format!("{}/realisation", server.base_url()));
    let response = client.send(request.body("<realisation/>")?)?;
    Ok(response.status())
}
