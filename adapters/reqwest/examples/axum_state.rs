//! A web service that calls the platform for its own callers: the client is axum's state, its clones share one session,
//! and what the library says becomes an answer with the right status.
//! `cargo run --example axum_state`
//!
//! The platform is emulated, and so is the caller. Here the platform is away for a while.

use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header::RETRY_AFTER};
use axum::routing::post;
use simacan_auth_emulator::{Emulator, Endpoint, Fault, Server, Settings};
use simacan_auth_reqwest::{Client, Config, Credentials, Error, Provider, reqwest};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[derive(Clone)]
struct Platform {
    client: Client,
    base: String,
}

/// The platform's status is passed on; without a token it is a 503, which says when to come back.
async fn push(State(platform): State<Platform>, position: String) -> (StatusCode, HeaderMap) {
    let url = format!("{}/realisation", platform.base);
    match platform.client.post(url).body(position).send().await {
        Ok(response) => (response.status(), HeaderMap::new()),
        Err(error @ (Error::Denied(_) | Error::TimedOut { .. })) => {
            let wait = error
                .retry_at()
                .map(|at| at.duration_since(SystemTime::now()));
            let seconds = wait
                .and_then(Result::ok)
                .map_or(30, |wait| wait.as_secs() + 1);
            let headers = HeaderMap::from_iter([(RETRY_AFTER, seconds.into())]);
            (StatusCode::SERVICE_UNAVAILABLE, headers)
        }
        Err(_) => (StatusCode::BAD_GATEWAY, HeaderMap::new()),
    }
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), BoxError> {
    let settings = Settings::new().with_user("fleet", "open sesame");
    let server = Server::start(Emulator::new(settings))?;
    let provider = Provider::simacan_at(server.base_url())
        .allow_origin(server.origin())
        .allow_loopback_http()
        .build()?;
    let mut config = Config::default();
    config.attempts = 1;
    let credentials = Credentials::new("fleet", "open sesame");
    let client = Client::builder(provider, credentials)
        .config(config)
        .build()?;
    let base = server.base_url();
    let platform = Platform { client, base };
    let service = Router::new()
        .route("/positions", post(push))
        .with_state(platform.clone());
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}/positions", listener.local_addr()?);
    let serving = tokio::spawn(async { axum::serve(listener, service).await });

    let caller = reqwest::Client::builder().no_proxy().build()?;
    let call = || caller.post(&url).body("<realisation/>").send();
    println!("{}", call().await?.status());
    server.with(|emulator| {
        emulator.revoke_access_tokens();
        let away = Fault::Status(StatusCode::SERVICE_UNAVAILABLE);
        emulator.script(Endpoint::Refresh, away);
    });
    let answer = call().await?;
    let wait = answer.headers()[RETRY_AFTER].to_str()?;
    println!("{}, retry after {wait} s", answer.status());
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    serving.abort();
    // Before a service ends: what is under way is ended, and saved if there is a store.
    assert!(platform.client.settle(Duration::from_secs(5)).await);
    Ok(())
}
