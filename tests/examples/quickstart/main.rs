//! Pushes 40 vehicle positions through each adapter while everything goes wrong that can, and
//! shows what the library does about it.
//!
//! With `SIMACAN_USERNAME`, `SIMACAN_PASSWORD` and `SIMACAN_ENVIRONMENT` (`production` or
//! `staging`) set, it logs in to the real API instead and says when the token expires.

mod platform;
mod real;
mod report;

use std::process::ExitCode;

use http::{Request, StatusCode, header::CONTENT_TYPE};
use platform::Platform;
use report::Report;
use simacan_auth_emulator::{Emulator, Endpoint, Fault};

const PUSHES: u32 = 40;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let outcome = match real::Account::from_env() {
        Some(account) => account.and_then(real::Account::log_in),
        None => demonstrate(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\n{error}");
            ExitCode::FAILURE
        }
    }
}

fn demonstrate() -> Result<()> {
    println!(
        "An emulator of the platform runs inside this program. {PUSHES} vehicle positions go through\n\
         each adapter while tokens die, answers get lost and the Auth API fails."
    );
    let reports = [through_ureq()?, through_reqwest()?];
    report::print(&reports);
    reports.iter().try_for_each(Report::check)
}

/// What goes wrong before which push.
fn interfere(platform: &Platform, push: u32) {
    let what = match push {
        8 => {
            platform.with(Emulator::revoke_access_tokens);
            "the platform ends the access token early"
        }
        14 => {
            platform.pass_an_hour();
            "an hour passes, and the access token has expired"
        }
        20 => {
            platform.with(|emulator| {
                emulator.revoke_access_tokens();
                emulator.script(Endpoint::Refresh, Fault::AnswerLost);
            });
            "the access token dies, and the answer to the refresh will be lost on its way"
        }
        26 => {
            platform.with(|emulator| {
                emulator.revoke_access_tokens();
                let status = Fault::Status(StatusCode::SERVICE_UNAVAILABLE);
                emulator.script(Endpoint::Refresh, status);
            });
            "the access token dies, and the Auth API will answer 503 once"
        }
        32 => {
            platform.with(|emulator| {
                emulator.revoke_access_tokens();
                emulator.revoke_refresh_tokens();
            });
            "the platform ends the whole session: access token and refresh token"
        }
        _ => return,
    };
    platform.tell("world", &format!("{what} (before push {push})"));
}

/// A vehicle on its way, each position another.
fn position(push: u32) -> String {
    let (x, y) = (f64::from(push).mul_add(0.001, 5.387), 52.155);
    format!(r#"<realisation vehicle="truck-7" heading="90" speed="80" x="{x:.3}" y="{y}"/>"#)
}

fn through_ureq() -> Result<Report> {
    let platform = Platform::start("simacan-auth-ureq (blocking)")?;
    let client = simacan_auth_ureq::Client::builder(platform.provider()?, Platform::credentials())
        .clock(platform.clock())
        .on_event(platform.narrator())
        .build()?;
    for push in 1..=PUSHES {
        interfere(&platform, push);
        let request = Request::post(platform.target())
            .header(CONTENT_TYPE, "application/xml")
            .body(position(push))?;
        let response = client.send(request)?;
        platform.pushed(push, response.status());
    }
    Ok(platform.report())
}

fn through_reqwest() -> Result<Report> {
    let platform = Platform::start("simacan-auth-reqwest (async)")?;
    let client =
        simacan_auth_reqwest::Client::builder(platform.provider()?, Platform::credentials())
            .clock(platform.clock())
            .on_event(platform.narrator())
            .build()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        for push in 1..=PUSHES {
            interfere(&platform, push);
            let request = client
                .post(platform.target())
                .header(CONTENT_TYPE, "application/xml")
                .body(position(push));
            let response = request.send().await?;
            platform.pushed(push, response.status());
        }
        Ok(platform.report())
    })
}
