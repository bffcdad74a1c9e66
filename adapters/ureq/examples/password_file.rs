//! The password is in a mounted file, such as a secret of Kubernetes or systemd, and is changed there while the
//! program runs: the library reads it again when it needs one, so nothing is restarted and nothing is told.
//! `cargo run --example password_file`
//!
//! The platform is emulated. It changes the password and ends the session, as it does with one that has leaked.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs, process};

use simacan_auth_emulator::{Emulator, Server, Settings};
use simacan_auth_ureq::ureq::http::{Request, StatusCode};
use simacan_auth_ureq::{Client, CredentialsSource, Provider};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

pub(crate) fn main() -> Result<()> {
    let mounted = Mounted::new()?;
    let server = Server::start(Emulator::new(
        Settings::new().with_user("fleet", "this year's"),
    ))?;
    let provider = Provider::simacan_at(server.base_url())
        .allow_origin(server.origin())
        .allow_loopback_http()
        .build()?;
    mounted.write("this year's\n")?;

    let source = CredentialsSource::file("fleet", &mounted.0);
    let client = Client::builder(provider, source)
        .on_event(|event| println!("  {event}"))
        .build()?;
    let push = || -> Result<StatusCode> {
        let request = Request::post(format!("{}/realisation", server.base_url()));
        Ok(client.send(request.body("<realisation/>")?)?.status())
    };
    println!("pushed: {}", push()?);

    println!("the password is changed, here and there");
    mounted.write("next year's\n")?;
    server.with(|platform| {
        platform.set_password("fleet", "next year's");
        platform.end_sessions_of("fleet");
    });
    println!("pushed: {}", push()?);

    let counters = server.with(|platform| *platform.ledger().counters());
    assert_eq!(
        (counters.passwords_received, counters.targets_accepted),
        (2, 2)
    );
    Ok(())
}

/// What an orchestrator mounts.
struct Mounted(PathBuf);

impl Mounted {
    fn new() -> Result<Self> {
        let folder = env::temp_dir().join(format!("simacan-password-{}", process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Self(folder.join("password")))
    }

    /// As orchestrators do it: the file is replaced, never half there.
    fn write(&self, password: &str) -> Result<()> {
        let new = self.0.with_extension("new");
        fs::write(&new, password)?;
        Ok(fs::rename(&new, &self.0)?)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = self.0.parent().map(fs::remove_dir_all);
    }
}
