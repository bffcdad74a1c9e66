//! Through either adapter a good token is put on a request without an allocation.

use std::task::{Context, Poll, Waker};

use http::Request;
use simacan_auth::{Credentials, Provider};
use simacan_auth_emulator::{Emulator, Server, Settings};
use simacan_auth_memory::Counting;
use simacan_auth_reqwest::reqwest;
use simacan_auth_ureq::ureq::Agent;

#[global_allocator]
static COUNTING: Counting = Counting;

const TARGET: &str = "https://tracking.services.simacan.com/api/v1/realisation";

/// The tokens come from loopback; the target is not asked for anything.
fn platform() -> (Server, Provider) {
    let emulator = Emulator::new(Settings::new().with_user("u", "p"));
    let server = Server::start(emulator).expect("a loopback port");
    let provider = Provider::simacan_at(server.base_url())
        .allow_origin("https://tracking.services.simacan.com")
        .allow_loopback_http();
    (server, provider.build().expect("it is well formed"))
}

#[test]
fn through_ureq() {
    let (_server, provider) = platform();
    let credentials = Credentials::new("u", "p");
    let agent = Agent::config_builder().proxy(None).build();
    let client = simacan_auth_ureq::Client::builder(provider, credentials);
    let client = client.agent(agent.into()).build();
    let request = Request::post(TARGET).header("content-type", "application/xml");
    let mut request = request.body(()).expect("it is well formed");
    // The login, and this thread's pass.
    drop(
        client
            .authorize(&mut request)
            .expect("the password is good"),
    );

    let before = Counting::allocations();
    for _ in 0..10 {
        drop(client.authorize(&mut request).expect("there is a token"));
    }
    assert_eq!(Counting::allocations(), before);
}

#[test]
fn through_reqwest() {
    let (_server, provider) = platform();
    let credentials = Credentials::new("u", "p");
    let client = simacan_auth_reqwest::Client::builder(provider, credentials);
    let client = client.http(reqwest::ClientBuilder::no_proxy);
    let client = client.build().expect("it is well formed");
    let request = client
        .post(TARGET)
        .header("content-type", "application/xml");
    let mut request = request.build().expect("it is well formed");
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().expect("a runtime");
    let first = runtime.block_on(client.authorize(None, &mut request));
    drop(first.expect("the password is good"));

    let before = Counting::allocations();
    for _ in 0..10 {
        let authorized = std::pin::pin!(client.authorize(None, &mut request));
        match authorized.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(ticket) => drop(ticket.expect("there is a token")),
            Poll::Pending => panic!("there is a token"),
        }
    }
    assert_eq!(Counting::allocations(), before);
}
