//! A `tonic` channel: each call carries the token, and a call that finds it refused ends it.
//! `cargo run -p simacan-auth-reqwest --features tower --example tonic_channel`
//!
//! A program of yours needs this package with its feature `tower`, `tonic` with `channel`, and `tower`.
//!
//! gRPC says `UNAUTHENTICATED` in a header below HTTP's status 200; the layer reads it as a 401. The call itself fails,
//! since its messages can't be sent twice. The next one has a new token.

use std::sync::Arc;
use std::time::SystemTime;

use http::{Request, StatusCode, header};
use simacan_auth_emulator::{Emulator, Server, Settings};
use simacan_auth_reqwest::{Client, Credentials, Provider};
use tokio::net::TcpListener;
use tonic::transport::{Channel, Server as Grpc, server::TcpIncoming};
use tonic::{Code, Status, body::Body};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};
use tower::ServiceBuilder;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// A service that takes the token of a call to be good if the platform does.
async fn serve(platform: Arc<Server>) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let check = move |call: tonic::Request<()>| {
        let token = call.metadata().get("authorization");
        let mut request = Request::get("https://api.services.simacan.com/x");
        if let Some(token) = token.and_then(|token| token.to_str().ok()) {
            request = request.header(header::AUTHORIZATION, token);
        }
        let request = request
            .body("")
            .map_err(|error| Status::internal(error.to_string()))?;
        let answer = platform.with(|platform| platform.respond(SystemTime::now(), &request));
        match answer.map(|answer| answer.status()) {
            Some(StatusCode::UNAUTHORIZED) => Err(Status::unauthenticated("the token is not good")),
            _ => Ok(call),
        }
    };
    let health = HealthService::from_health_reporter(HealthReporter::new());
    let service = HealthServer::with_interceptor(health, check);
    tokio::spawn(
        Grpc::builder()
            .add_service(service)
            .serve_with_incoming(TcpIncoming::from(listener)),
    );
    Ok(url)
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<()> {
    let settings = Settings::new().with_user("fleet", "open sesame");
    let platform = Arc::new(Server::start(Emulator::new(settings))?);
    let url = serve(platform.clone()).await?;

    let provider = Provider::simacan_at(platform.base_url())
        .allow_origin(&url)
        .allow_loopback_http()
        .build()?;
    let auth = Client::builder(provider, Credentials::new("fleet", "open sesame"))
        .on_event(|event| println!("  {event}"))
        .build()?;
    let channel = ServiceBuilder::new()
        .layer(auth.driver().layer::<Body>())
        .service(Channel::from_shared(url.clone())?.connect_lazy());
    // Without an origin the layer can't know where the call goes.
    let mut client = HealthClient::with_origin(channel, url.parse()?);

    client.check(HealthCheckRequest::default()).await?;
    platform.with(Emulator::revoke_access_tokens);
    let refused = client.check(HealthCheckRequest::default()).await;
    let refused = refused.expect_err("its token was revoked");
    println!("refused: {}", refused.message());
    assert_eq!(refused.code(), Code::Unauthenticated);
    client.check(HealthCheckRequest::default()).await?;

    let counters = platform.with(|platform| *platform.ledger().counters());
    let received = (counters.passwords_received, counters.refreshes_received);
    assert_eq!(received, (1, 1));
    Ok(())
}
