//! A cron job: a program that pushes one vehicle position and ends, each minute. Its session is in a file, so the
//! password is sent by the first run, and later only after the platform has ended the session.
//! `SIMACAN_ENVIRONMENT=staging SIMACAN_USERNAME=… SIMACAN_PASSWORD=… cargo run --example cron_job -- 5.387 52.155`
//!
//! The environment is `production`, `staging` or, without an account, the emulator's address
//! (`cargo run -p simacan-auth-emulator`): `http://127.0.0.1:4780/api/v1`. `SIMACAN_SESSION` is where the file is,
//! if not where the operating system keeps a program's state.

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use simacan_auth_file_store::FileStore;
use simacan_auth_ureq::ureq::{Agent, http::Request};
use simacan_auth_ureq::{Client, CredentialsSource, Provider};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

pub(crate) fn main() -> ExitCode {
    let position: Vec<_> = env::args().skip(1).collect();
    let [x, y] = &position[..] else {
        eprintln!("say where the vehicle is: cron_job 5.387 52.155");
        return ExitCode::from(2);
    };
    match push(x, y) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

pub(crate) fn push(x: &str, y: &str) -> Result<()> {
    let (provider, target) = environment()?;
    let credentials = CredentialsSource::variable(var("SIMACAN_USERNAME")?, "SIMACAN_PASSWORD");
    let agent = Agent::config_builder().timeout_global(Some(Duration::from_secs(30)));
    let client = Client::builder(provider, credentials)
        .agent(agent.build().into())
        .store(store()?)
        .on_event(|event| eprintln!("{event}"))
        .build()?;

    let request = Request::post(target)
        .header("content-type", "application/xml")
        .body(format!(
            r#"<realisation heading="90" speed="80" x="{x}" y="{y}"/>"#
        ))?;
    let status = client.send(request)?.status();
    if !status.is_success() {
        return Err(format!("the platform answered {status}").into());
    }
    println!("pushed: {status}");
    Ok(())
}

/// Where to log in, and where to push.
fn environment() -> Result<(Provider, String)> {
    let target = |stage| {
        format!("https://sct-tracking-data-api{stage}.services.simacan.com/api/v1/realisation")
    };
    match var("SIMACAN_ENVIRONMENT")?.as_str() {
        "production" => Ok((Provider::simacan(), target(""))),
        "staging" => Ok((Provider::simacan_staging(), target("-stg"))),
        base => {
            // The emulator's target APIs are where its Auth API is.
            let origin: String = base.split_inclusive('/').take(3).collect();
            let provider = Provider::simacan_at(base)
                .allow_origin(origin.trim_end_matches('/'))
                .allow_loopback_http()
                .build()
                .map_err(|error| format!("SIMACAN_ENVIRONMENT: {error}"))?;
            Ok((provider, format!("{base}/realisation")))
        }
    }
}

fn store() -> Result<FileStore> {
    match env::var_os("SIMACAN_SESSION") {
        Some(path) => Ok(FileStore::new(path)),
        None => Ok(FileStore::for_app("simacan-cron-job")?),
    }
}

fn var(name: &str) -> Result<String> {
    env::var(name).map_err(|error| format!("{name}: {error}").into())
}
