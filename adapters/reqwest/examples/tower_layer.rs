//! A client that is a `tower` service, here hyper's, gets the token by a layer: what is above it sees one call, what is
//! below it each try.
//! `cargo run -p simacan-auth-reqwest --features tower --example tower_layer`
//!
//! reqwest makes the exchanges with the Auth API.

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::client::legacy::Client as Hyper;
use hyper_util::rt::TokioExecutor;
use simacan_auth_emulator::{Emulator, Server, Settings};
use simacan_auth_reqwest::{Client, Credentials, Provider};
use tower::{Service, ServiceBuilder, ServiceExt};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<()> {
    let settings = Settings::new().with_user("fleet", "open sesame");
    let server = Server::start(Emulator::new(settings))?;
    let provider = Provider::simacan_at(server.base_url())
        .allow_origin(server.origin())
        .allow_loopback_http()
        .build()?;
    let auth = Client::builder(provider, Credentials::new("fleet", "open sesame"))
        .on_event(|event| println!("  {event}"))
        .build()?;

    let mut service = ServiceBuilder::new()
        .concurrency_limit(8)
        // It may clone the body, for a second try with a newer token.
        .layer(auth.driver().replaying_layer::<Full<Bytes>>())
        .service(Hyper::builder(TokioExecutor::new()).build_http());
    for _ in 0..3 {
        let request = http::Request::post(format!("{}/realisation", server.base_url()));
        let request = request.body(Full::from(Bytes::from("<realisation/>")))?;
        let answer = service.ready().await?.call(request).await?;
        println!("pushed: {}", answer.status());
        assert!(answer.status().is_success());
        server.with(Emulator::revoke_access_tokens);
    }
    let counters = server.with(|platform| *platform.ledger().counters());
    assert_eq!(
        (counters.passwords_received, counters.refreshes_received),
        (1, 2)
    );
    Ok(())
}
