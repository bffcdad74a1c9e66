//! Two programs that share one session by a file, and know nothing else of each other: when the token dies, one of them
//! refreshes, and the other takes over what that one has saved.
//! `cargo run --example shared_session`
//!
//! The platform is emulated. Here the programs are two clients, since an example is one process; as two processes on
//! one machine they would do the same.

use std::error::Error;
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
    let provider = Provider::simacan_at(server.base_url())
        .allow_origin(server.origin())
        .allow_loopback_http()
        .build()?;
    let folder = env::temp_dir().join(format!("simacan-shared-session-{}", process::id()));
    let program = |name: &'static str| {
        Client::builder(provider.clone(), Credentials::new("fleet", "open sesame"))
            .store(FileStore::new(folder.join("session.json")))
            .on_event(move |event| println!("  {name}: {event}"))
            .build()
    };
    let programs = [program("tracker")?, program("planner")?];
    let push = |client: &Client| -> Result<StatusCode> {
        let request = Request::post(format!("{}/realisation", server.base_url()));
        Ok(client.send(request.body("<realisation/>")?)?.status())
    };

    println!("the first logs in, the second finds its tokens");
    for client in &programs {
        assert_eq!(push(client)?, StatusCode::NO_CONTENT);
    }
    println!("the token dies: the first refreshes, the second finds the new one");
    server.with(Emulator::revoke_access_tokens);
    for client in &programs {
        assert_eq!(push(client)?, StatusCode::NO_CONTENT);
    }

    let counters = server.with(|platform| *platform.ledger().counters());
    assert_eq!(
        (counters.passwords_received, counters.refreshes_received),
        (1, 1)
    );
    drop(programs);
    Ok(fs::remove_dir_all(folder)?)
}
