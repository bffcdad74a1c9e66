//! A client over `hyper-util` that stays logged in: one closure for the exchanges, one `send`.
//!
//! ```text
//! cargo run -p simacan-auth-driver --example hyper
//! ```
//!
//! An embedder copies `Client` and `exchange`. The emulator beside them plays the platform. (A client that
//! is a `tower` service needs not even that much: see the feature `tower`.)

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client as Hyper, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use simacan_auth_driver::Driver;
use simacan_auth_driver::simacan_auth::{
    Credentials, Provider, RequestBody, ResponseBody, Review, TransportFailure,
};
use simacan_auth_emulator::{Emulator, Server, Settings};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Clones share one session.
#[derive(Clone)]
struct Client {
    hyper: Hyper<HttpConnector, Full<Bytes>>,
    driver: Driver,
}

impl Client {
    fn new(provider: Provider, credentials: Credentials) -> Self {
        let settings = Driver::settings(provider, credentials);
        Self {
            hyper: Hyper::builder(TokioExecutor::new()).build_http(),
            driver: settings
                .on_event(|event| println!("  {event}"))
                .build(exchange),
        }
    }

    /// Waits for a token where there is none; after a 401 the request is sent once more with a newer one.
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Error> {
        let mut pending = None;
        loop {
            let mut request = request.clone().map(Full::new);
            let sent = self.driver.authorize(pending, &mut request).await?;
            let response = self.hyper.request(request).await?;
            match self.driver.review(sent, response.status()) {
                Review::Retry(again) => pending = Some(again),
                Review::Deliver => {
                    let (head, body) = response.into_parts();
                    return Ok(Response::from_parts(head, body.collect().await?.to_bytes()));
                }
            }
        }
    }
}

/// Sends a request to the auth endpoint. It blocks a thread of the driver's, and has a runtime of its own:
/// what rotates a token must not end with a runtime of the program's.
fn exchange(request: Request<RequestBody>) -> Result<Response<ResponseBody>, TransportFailure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(TransportFailure::new)?;
    let answer = runtime.block_on(async {
        // The default of `Settings::exchange_timeout`, within which it has to give up.
        tokio::time::timeout(Duration::from_secs(20), answer(request)).await
    });
    runtime.shutdown_background(); // a look-up of the host's name may still be under way
    match answer {
        Ok(answer) => answer.map_err(TransportFailure::new),
        Err(_elapsed) => Err(TransportFailure::timed_out()),
    }
}

/// Sends it once, on a connection of its own, which would be stale an hour later. hyper follows no redirect.
async fn answer(request: Request<RequestBody>) -> Result<Response<ResponseBody>, Error> {
    let hyper = Hyper::builder(TokioExecutor::new())
        .retry_canceled_requests(false)
        .build_http();
    let request = request.map(|body| Full::new(Bytes::from(body)));
    let (head, mut body) = hyper.request(request).await?.into_parts();
    let mut collected = ResponseBody::new();
    while let Some(frame) = body.frame().await {
        let frame = frame?;
        if let Some(chunk) = frame.data_ref()
            && collected.push(chunk).is_break()
        {
            break; // larger than any token response
        }
    }
    Ok(Response::from_parts(head, collected))
}

pub(crate) fn main() -> Result<(), Error> {
    let settings = Settings::new()
        .with_user("foo@bar.com", "open sesame")
        .with_access_token_life(Duration::from_secs(2));
    let server = Server::start(Emulator::new(settings))?;
    let provider = Provider::simacan_at(server.base_url())
        .allow_origin(server.origin())
        .allow_loopback_http()
        .build()?;
    let client = Client::new(provider, Credentials::new("foo@bar.com", "open sesame"));

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let push = async |what: &str| {
            println!("{what}");
            let position = "<realisation heading=\"90\" speed=\"80\" x=\"5.387\" y=\"52.155\"/>";
            let request = Request::post(format!("{}/realisation", server.base_url()));
            let response = client.send(request.body(position.into())?).await?;
            println!("  pushed: {}", response.status());
            Ok::<_, Error>(())
        };
        push("a first push").await?;
        push("another").await?;
        server.with(Emulator::revoke_access_tokens);
        push("the platform ends the token early").await?;
        tokio::time::sleep(Duration::from_millis(1600)).await;
        push("a refresh is due: the push does not wait for it").await?;
        client.driver.settle(Duration::from_secs(5)).await;
        Ok::<_, Error>(())
    })?;

    let counted = server.with(|emulator| *emulator.ledger().counters());
    let exchanges = (counted.passwords_received, counted.refreshes_received);
    println!("passwords and refreshes: {exchanges:?}");
    if exchanges != (1, 2) || counted.targets_accepted != 4 {
        return Err("that should be 1 and 2, for 4 pushes".into());
    }
    Ok(())
}
