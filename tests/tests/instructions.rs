//! How many instructions a request costs more through an adapter than through the bare client: counted by
//! valgrind, on loopback, in a process that has the client alone. In the clear to an address, where a request
//! costs the client least; and over TLS to a name, as in production. There reqwest's count is shown only: how
//! often its tasks are woken for an answer is a matter of time, and some percent.
//!
//! ```text
//! cargo test --release -p simacan-auth-tests --test instructions
//! ```
//!
//! Start-up cancels out: it is the difference of two runs that counts.

use std::env;
use std::fs;
use std::io;
use std::process::{Command, Stdio};
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request};
use rcgen::{CertificateParams, KeyPair};
use rustls::{ServerConnection, StreamOwned};
use simacan_auth::{Credentials, Provider};
use simacan_auth_emulator::{Detail, Emulator, Server, Settings};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

#[path = "conformance/certificates.rs"]
mod certificates;

use certificates::{Authority, authority, server_config};

/// The first argument of a process that is counted.
const COUNTED: &str = "counted";
const FEW: u32 = 200;
const MANY: u32 = 1200;
/// In percent of the bare client.
const MOST: f64 = 1.0;

const BODY: &str = r#"<realisation heading="90" speed="80" x="5.387" y="52.155"/>"#;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    // What a user gives to `cargo test` for the harnesses of other tests arrives here, too.
    if let [of, how, requests, origin, root] = &arguments[..]
        && of == COUNTED
    {
        let root = fs::read(root).expect("it has been written");
        return send(how, requests.parse().expect("a number"), origin, &root);
    }
    if cfg!(debug_assertions) {
        println!("skipped: the counts are of the release build (cargo test --release)");
        return;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("skipped: valgrind is not on this machine");
        return;
    }
    let root = authority("root");
    let file = env::temp_dir().join(format!("simacan-auth-root-{}.der", std::process::id()));
    fs::write(&file, root.der()).expect("there is room for a certificate");
    let root_file = file.to_str().expect("a plain name");
    let (clear, secured) = (in_the_clear(), secured(&root));
    let mut too_many = false;
    for (client, (_server, origin), is_steady) in [
        ("ureq", &clear, true),
        ("ureq", &secured, true),
        ("reqwest", &clear, true),
        ("reqwest", &secured, false),
    ] {
        let bare = a_request(&format!("bare-{client}"), origin, root_file);
        let with = a_request(client, origin, root_file);
        let more = (with - bare) / bare * 100.0;
        println!(
            "{client} to {origin}: {bare:.0} bare, {with:.0} through the adapter: {more:+.2} %"
        );
        too_many |= is_steady && more > MOST;
    }
    let _ = fs::remove_file(file);
    assert!(!too_many, "more than {MOST} % is too much");
}

fn emulator() -> Emulator {
    let settings = Settings::new().with_user("u", "p");
    Emulator::new(settings.with_ledger(Detail::Counters))
}

fn in_the_clear() -> (Server, String) {
    let server = Server::start(emulator()).expect("a loopback port");
    let origin = server.origin();
    (server, origin)
}

fn secured(root: &Authority) -> (Server, String) {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    let certificate = params.signed_by(&key, root).expect("a certificate");
    let config = server_config(&certificate, &key);
    let options = Server::options().tls(move |socket| {
        let connection = ServerConnection::new(config.clone()).map_err(io::Error::other)?;
        Ok(StreamOwned::new(connection, socket))
    });
    let server = options.start(emulator()).expect("a loopback port");
    let origin = format!("https://localhost:{}", server.address().port());
    (server, origin)
}

/// Instructions a request.
fn a_request(how: &str, origin: &str, root: &str) -> f64 {
    let count = |requests| count(how, requests, origin, root);
    (count(MANY) - count(FEW)) / f64::from(MANY - FEW)
}

/// Of a process of its own.
fn count(how: &str, requests: u32, origin: &str, root: &str) -> f64 {
    let counted = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe().expect("it has a place"))
        .args([COUNTED, how, &requests.to_string(), origin, root])
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

fn send(how: &str, requests: u32, origin: &str, root: &[u8]) {
    let url = format!("{origin}/api/v1/realisation");
    let roots = vec![Certificate::from_der(root).to_owned()];
    let tls = TlsConfig::builder().root_certs(RootCerts::Specific(Arc::new(roots)));
    let tls = tls.build();
    let credentials = Credentials::new("u", "p");
    let auth = simacan_auth_ureq::Client::builder(provider(origin), credentials);
    let auth = auth.http({
        let tls = tls.clone();
        move |http| http.tls_config(tls)
    });
    let auth = auth.build();
    let mut first = Request::post(&*url).body(()).expect("it is well formed");
    drop(auth.authorize(&mut first).expect("the password is good"));
    match how {
        "ureq" => {
            for _ in 0..requests {
                let response = auth.send(ureq_request(&url)).expect("it is answered");
                assert_eq!(response.status(), 204);
            }
        }
        "bare-ureq" => {
            let agent = ureq::Agent::config_builder().tls_config(tls).build();
            let agent = ureq::Agent::from(agent);
            let bearer = bearer(&first);
            for _ in 0..requests {
                let mut request = ureq_request(&url);
                request.headers_mut().insert(AUTHORIZATION, bearer.clone());
                let response = agent.run(request).expect("it is answered");
                assert_eq!(response.status(), 204);
            }
        }
        _ => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let runtime = runtime.expect("a runtime");
            let root = reqwest::Certificate::from_der(root).expect("DER");
            let bearer = bearer(&first);
            runtime.block_on(send_with_reqwest(how, requests, origin, &url, root, bearer));
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

async fn send_with_reqwest(
    how: &str,
    requests: u32,
    origin: &str,
    url: &str,
    root: reqwest::Certificate,
    bearer: HeaderValue,
) {
    let trust = move |http: reqwest::ClientBuilder| http.tls_certs_only([root.clone()]);
    if how != "reqwest" {
        let client = trust(reqwest::Client::builder())
            .build()
            .expect("it is well formed");
        for _ in 0..requests {
            let request = client.post(url).header("content-type", "application/xml");
            let request = request.body(BODY).header(AUTHORIZATION, bearer.clone());
            let response = request.send().await.expect("it is answered");
            assert_eq!(response.status(), 204);
        }
        return;
    }
    let credentials = Credentials::new("u", "p");
    let client = simacan_auth_reqwest::Client::builder(provider(origin), credentials);
    let client = client.http(trust).build().expect("it is well formed");
    for _ in 0..requests {
        let request = client.post(url).header("content-type", "application/xml");
        let response = client
            .send(request.body(BODY))
            .await
            .expect("it is answered");
        assert_eq!(response.status(), 204);
    }
}
