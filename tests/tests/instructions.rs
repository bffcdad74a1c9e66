//! How many instructions a request costs more through an adapter than through the bare client: counted by
//! valgrind, on loopback, in a process that has the client alone.
//!
//! ```text
//! cargo test --release -p simacan-auth-tests --test instructions
//! ```
//!
//! Start-up cancels out: it is the difference of two runs that counts.

use std::env;
use std::process::{Command, Stdio};

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request};
use simacan_auth::{Credentials, Provider};
use simacan_auth_emulator::{Detail, Emulator, Server, Settings};

/// The first argument of a process that is counted.
const COUNTED: &str = "counted";
const FEW: u32 = 200;
const MANY: u32 = 1200;
/// In percent: of the bare client, and of one that keeps a copy of each request as the adapter has to, which
/// alone is 3.
const MOST: (f64, f64) = (5.5, 2.0);

const BODY: &str = r#"<realisation heading="90" speed="80" x="5.387" y="52.155"/>"#;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    // What a user gives to `cargo test` for the harnesses of other tests arrives here, too.
    if let [of, how, requests, origin] = &arguments[..]
        && of == COUNTED
    {
        return send(how, requests.parse().expect("a number"), origin);
    }
    if cfg!(debug_assertions) {
        println!("skipped: the counts are of the release build (cargo test --release)");
        return;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("skipped: valgrind is not on this machine");
        return;
    }
    let settings = Settings::new()
        .with_user("u", "p")
        .with_ledger(Detail::Counters);
    let server = Server::start(Emulator::new(settings)).expect("a loopback port");
    let mut too_many = false;
    for client in ["ureq", "reqwest"] {
        let bare = a_request(&format!("bare-{client}"), &server);
        let copying = a_request(&format!("copying-{client}"), &server);
        let with = a_request(client, &server);
        let more = |than: f64| (with - than) / than * 100.0;
        println!(
            "{client}: {bare:.0} bare, {with:.0} through the adapter: {:+.2} %; {:+.2} % of the {copying:.0} of \
             a bare client that keeps a copy of each request",
            more(bare),
            more(copying),
        );
        too_many |= more(bare) > MOST.0 || more(copying) > MOST.1;
    }
    assert!(!too_many, "more than {MOST:?} % is too much");
}

/// Instructions a request.
fn a_request(how: &str, server: &Server) -> f64 {
    let (few, many) = (count(how, FEW, server), count(how, MANY, server));
    (many - few) / f64::from(MANY - FEW)
}

/// Of a process of its own.
fn count(how: &str, requests: u32, server: &Server) -> f64 {
    let counted = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe().expect("it has a place"))
        .args([COUNTED, how, &requests.to_string(), &server.origin()])
        .stdout(Stdio::inherit())
        .output()
        .expect("valgrind is here");
    let report = String::from_utf8_lossy(&counted.stderr);
    assert!(counted.status.success(), "{report}");
    let collected = report.split_once("Collected :").expect("it counts").1;
    let number = collected.split_whitespace().next().expect("a number");
    number.parse().expect("a number")
}

fn provider(origin: &str) -> Provider {
    Provider::simacan_at(format!("{origin}/api/v1"))
        .allow_origin(origin)
        .allow_loopback_http()
        .build()
        .expect("it is well formed")
}

fn send(how: &str, requests: u32, origin: &str) {
    let url = format!("{origin}/api/v1/realisation");
    let credentials = Credentials::new("u", "p");
    let auth = simacan_auth_ureq::Client::builder(provider(origin), credentials).build();
    let mut first = Request::post(&*url).body(()).expect("it is well formed");
    drop(auth.authorize(&mut first).expect("the password is good"));
    match how {
        "ureq" => {
            for _ in 0..requests {
                let response = auth.send(ureq_request(&url)).expect("it is answered");
                assert_eq!(response.status(), 204);
            }
        }
        "ureq-once" => {
            for _ in 0..requests {
                let response = auth.send_once(ureq_request(&url)).expect("it is answered");
                assert_eq!(response.status(), 204);
            }
        }
        "bare-ureq" | "copying-ureq" => {
            let agent = ureq::Agent::new_with_defaults();
            let bearer = bearer(&first);
            for _ in 0..requests {
                let mut request = ureq_request(&url);
                request.headers_mut().insert(AUTHORIZATION, bearer.clone());
                let copy = (how == "copying-ureq").then(|| request.clone());
                let response = agent.run(request).expect("it is answered");
                assert_eq!(response.status(), 204);
                drop(copy);
            }
        }
        _ => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let runtime = runtime.expect("a runtime");
            runtime.block_on(send_with_reqwest(
                how,
                requests,
                origin,
                &url,
                bearer(&first),
            ));
        }
    }
}

fn bearer(request: &Request<()>) -> HeaderValue {
    request.headers()[AUTHORIZATION].clone()
}

fn ureq_request(url: &str) -> Request<&'static str> {
    Request::post(url)
        .header("content-type", "application/xml")
        .body(BODY)
        .expect("it is well formed")
}

async fn send_with_reqwest(how: &str, requests: u32, origin: &str, url: &str, bearer: HeaderValue) {
    if how != "reqwest" {
        let client = reqwest::Client::new();
        for _ in 0..requests {
            let request = client.post(url).header("content-type", "application/xml");
            let request = request.body(BODY).header(AUTHORIZATION, bearer.clone());
            let copy = (how == "copying-reqwest").then(|| request.try_clone());
            let response = request.send().await.expect("it is answered");
            assert_eq!(response.status(), 204);
            drop(copy);
        }
        return;
    }
    let credentials = Credentials::new("u", "p");
    let client = simacan_auth_reqwest::Client::builder(provider(origin), credentials);
    let client = client.build().expect("it is well formed");
    for _ in 0..requests {
        let request = client.post(url).header("content-type", "application/xml");
        let response = client
            .send(request.body(BODY))
            .await
            .expect("it is answered");
        assert_eq!(response.status(), 204);
    }
}
