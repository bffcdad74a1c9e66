//! A page with metrics, as Prometheus reads it, and how the session does in its first line.
//!
//! ```text
//! cargo run -p simacan-auth-driver --features metrics --example metrics_page
//! curl http://127.0.0.1:9000/metrics
//! ```
//!
//! The platform is the emulator, in this process: it lives through a login, an outage and a refresh first.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use http::{Request, Response, StatusCode};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use simacan_auth_driver::simacan_auth::{
    Credentials, Provider, RequestBody, ResponseBody, Review, TransportFailure,
};
use simacan_auth_driver::{Driver, block_on};
use simacan_auth_emulator::{Emulator, Endpoint, Fault, Settings};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;
type Platform = Arc<Mutex<Emulator>>;

fn respond<B: AsRef<[u8]>>(platform: &Platform, request: &Request<B>) -> Option<Response<Vec<u8>>> {
    let mut platform = platform.lock().ok()?;
    platform.respond(SystemTime::now(), request)
}

/// In a program: with its HTTP client, or an adapter.
fn log_in(platform: &Platform) -> Driver {
    let auth = platform.clone();
    let exchange = move |request: Request<RequestBody>| {
        let answer = respond(&auth, &request).ok_or_else(TransportFailure::timed_out)?;
        let mut body = ResponseBody::new();
        let _ = body.push(answer.body());
        Ok(answer.map(|_| body))
    };
    let credentials = Credentials::new("foo@bar.com", "open sesame");
    Driver::settings(Provider::simacan(), credentials).build(exchange)
}

fn push(driver: &Driver, platform: &Platform) -> Result<StatusCode> {
    let mut pending = None;
    loop {
        let mut request = Request::get("https://api.services.simacan.com/x").body("")?;
        let sent = block_on(driver.authorize(pending, &mut request))?;
        let answer = respond(platform, &request).ok_or("no answer")?;
        match driver.review(sent, answer.status()) {
            Review::Deliver => return Ok(answer.status()),
            Review::Retry(next) => pending = Some(next),
        }
    }
}

/// What the exporter has counted, below a comment that a person reads.
pub(crate) fn render(driver: &Driver, recorder: &PrometheusHandle) -> Result<String> {
    Ok(format!("# {}\n{}", driver.health()?, recorder.render()))
}

pub(crate) fn live() -> Result<(Driver, PrometheusHandle)> {
    let recorder = PrometheusBuilder::new().install_recorder()?;
    let settings = Settings::new().with_user("foo@bar.com", "open sesame");
    let platform: Platform = Arc::new(Mutex::new(Emulator::new(settings)));
    let driver = log_in(&platform);
    push(&driver, &platform)?;
    if let Ok(mut platform) = platform.lock() {
        platform.revoke_access_tokens();
        let outage = Fault::Status(StatusCode::SERVICE_UNAVAILABLE);
        platform.script(Endpoint::Refresh, outage);
    }
    push(&driver, &platform)?;
    block_on(driver.settle(Duration::from_secs(30))); // what was told last is counted, too
    Ok((driver, recorder))
}

#[allow(dead_code, reason = "the tests of the examples serve no page")]
fn main() -> Result<()> {
    let (driver, recorder) = live()?;
    let listener = TcpListener::bind("127.0.0.1:9000")?;
    for stream in listener.incoming() {
        let mut stream = stream?;
        // Its head is read, and whatever it asks for is answered with the page.
        let head = BufReader::new(stream.try_clone()?).lines();
        head.take_while(|line| line.as_ref().is_ok_and(|line| !line.is_empty()))
            .for_each(drop);
        let page = render(&driver, &recorder)?;
        write!(
            stream,
            "HTTP/1.0 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\n\r\n{page}"
        )?;
    }
    Ok(())
}
