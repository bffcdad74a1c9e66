//! How many instructions a request costs through an adapter, beside the smallest loop that a user would write by
//! hand over the same client for the same job, which is the floor: keep a copy for a second try, put a prebuilt
//! bearer on the request, send it, look whether it was a 401. And beside the bare client, which makes no copy and
//! looks at nothing. Counted by valgrind, on loopback, in a process that has no server in it. In the clear to an
//! address, where a request costs the client least; and over TLS to a name, as in production.
//!
//! ```text
//! cargo test --release -p simacan-auth-tests --test instructions
//! ```

use std::env;
use std::fs;
use std::io;
use std::process::{Command, Stdio};
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, StatusCode};
use rcgen::{CertificateParams, KeyPair};
use rustls::{ServerConnection, StreamOwned};
use simacan_auth::{Credentials, Provider};
use simacan_auth_emulator::{Detail, Emulator, Server, Settings};
use simacan_auth_ureq::simacan_auth_driver::block_on;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

#[path = "../tests/conformance/certificates.rs"]
mod certificates;

use certificates::{Authority, authority, server_config};

/// The first argument of a process that is counted.
const COUNTED: &str = "counted";
const REQUESTS: u32 = 1000;
/// In percent of the floor.
const MOST: f64 = 2.0;

const BODY: &str = r#"<realisation heading="90" speed="80" x="5.387" y="52.155"/>"#;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    // What a user gives to `cargo test` for the harnesses of other tests arrives here, too.
    if let [of, client, how, origin, root] = &arguments[..]
        && of == COUNTED
    {
        let root = fs::read(root).expect("it has been written");
        return match client.as_str() {
            "ureq" => send_with_ureq(how, origin, &root),
            _ => send_with_reqwest(how, origin, &root),
        };
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
    for client in ["ureq", "reqwest"] {
        for (_server, origin) in [&clear, &secured] {
            let [bare, floor, adapter] =
                ["bare", "floor", "adapter"].map(|how| a_request(client, how, origin, root_file));
            let more_than = |other: f64| (adapter - other) / other * 100.0;
            println!(
                "{client} to {origin}: {adapter:.0} through the adapter; floor {floor:.0}: {:+.2} %; bare {bare:.0}: {:+.2} %",
                more_than(floor),
                more_than(bare),
            );
            too_many |= more_than(floor) > MOST;
        }
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

/// Instructions a request: the median, since what start-up leaves of the heap is a matter of luck.
fn a_request(client: &str, how: &str, origin: &str, root: &str) -> f64 {
    let mut counts = [(); 5].map(|()| count(client, how, origin, root));
    counts.sort_by(f64::total_cmp);
    counts[2]
}

/// In a process of its own.
fn count(client: &str, how: &str, origin: &str, root: &str) -> f64 {
    let counted = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg("--toggle-collect=*::all_counted*")
        .arg(env::current_exe().expect("it has a place"))
        .args([COUNTED, client, how, origin, root])
        .stdout(Stdio::inherit())
        .output()
        .expect("valgrind is here");
    let report = String::from_utf8_lossy(&counted.stderr);
    assert!(counted.status.success(), "{report}");
    let collected = report.split_once("Collected :").expect("it counts").1;
    let number = collected.split_whitespace().next().expect("a number");
    number.parse::<f64>().expect("a number") / f64::from(REQUESTS)
}

/// Valgrind knows it by its name. Start-up is not counted: where entropy is gathered it takes more instructions
/// than all the requests, and never the same number.
#[inline(never)]
fn all_counted(send_all: impl FnOnce()) {
    send_all();
}

fn provider(origin: &str) -> Provider {
    Provider::simacan_at(format!("{origin}/api/v1"))
        .allow_origin(origin)
        .allow_loopback_http()
        .build()
        .expect("it is well formed")
}

fn send_with_ureq(how: &str, origin: &str, root: &[u8]) {
    let url = target(origin);
    let tls = tls(root);
    let auth = logged_in(origin, tls.clone());
    let bearer = bearer(&auth, &url);
    // Whoever looks for a 401 has to know whether it is from where the token went.
    let has_history = how == "floor";
    let agent = ureq::Agent::config_builder().tls_config(tls);
    let agent = agent.save_redirect_history(has_history).build();
    let agent = ureq::Agent::from(agent);
    let send = || {
        let mut request = Request::post(&url)
            .header("content-type", "application/xml")
            .body(BODY)
            .expect("it is well formed");
        let response = match how {
            "bare" => {
                request.headers_mut().insert(AUTHORIZATION, bearer.clone());
                agent.run(request).expect("it is answered")
            }
            "floor" => by_hand_with_ureq(&agent, request, &bearer),
            _ => auth.send(request).expect("it is answered"),
        };
        assert_eq!(response.status(), 204);
    };
    send();
    all_counted(|| (0..REQUESTS).for_each(|_| send()));
}

fn by_hand_with_ureq(
    agent: &ureq::Agent,
    request: Request<&'static str>,
    bearer: &HeaderValue,
) -> http::Response<ureq::Body> {
    let (parts, body) = request.into_parts();
    loop {
        let mut request = Request::from_parts(parts.clone(), body);
        request.headers_mut().insert(AUTHORIZATION, bearer.clone());
        let response = agent.run(request).expect("it is answered");
        if response.status() != StatusCode::UNAUTHORIZED {
            return response;
        }
    }
}

fn send_with_reqwest(how: &str, origin: &str, root: &[u8]) {
    let url = target(origin);
    let bearer = bearer(&logged_in(origin, tls(root)), &url);
    let root = reqwest::Certificate::from_der(root).expect("DER");
    let trust = move |http: reqwest::ClientBuilder| http.tls_certs_only([root.clone()]);
    let client = trust(reqwest::Client::builder()).build();
    let client = client.expect("it is well formed");
    let auth = simacan_auth_reqwest::Client::builder(provider(origin), Credentials::new("u", "p"));
    let auth = auth.http(trust).build().expect("it is well formed");
    let send = async || {
        let request = client
            .post(&url)
            .header("content-type", "application/xml")
            .body(BODY);
        let response = match how {
            "bare" => {
                let request = request.header(AUTHORIZATION, bearer.clone());
                request.send().await.expect("it is answered")
            }
            "floor" => by_hand_with_reqwest(&client, request, &bearer).await,
            _ => auth.send(request).await.expect("it is answered"),
        };
        assert_eq!(response.status(), 204);
    };
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().expect("a runtime");
    runtime.block_on(send());
    all_counted(|| {
        runtime.block_on(async {
            for _ in 0..REQUESTS {
                send().await;
            }
        });
    });
}

async fn by_hand_with_reqwest(
    client: &reqwest::Client,
    request: reqwest::RequestBuilder,
    bearer: &HeaderValue,
) -> reqwest::Response {
    let mut request = request.build().expect("it is well formed");
    loop {
        let again = request.try_clone();
        request.headers_mut().insert(AUTHORIZATION, bearer.clone());
        let response = client.execute(request).await.expect("it is answered");
        match again {
            Some(again) if response.status() == StatusCode::UNAUTHORIZED => request = again,
            _ => return response,
        }
    }
}

fn target(origin: &str) -> String {
    format!("{origin}/api/v1/realisation")
}

fn tls(root: &[u8]) -> TlsConfig {
    let roots = vec![Certificate::from_der(root).to_owned()];
    let tls = TlsConfig::builder().root_certs(RootCerts::Specific(Arc::new(roots)));
    tls.build()
}

fn logged_in(origin: &str, tls: TlsConfig) -> simacan_auth_ureq::Client {
    let auth = simacan_auth_ureq::Client::builder(provider(origin), Credentials::new("u", "p"));
    let auth = auth.http(move |http| http.tls_config(tls)).build();
    let auth = auth.expect("it is well formed");
    auth.log_in().expect("the password is good");
    auth
}

/// As a user would have it ready.
fn bearer(auth: &simacan_auth_ureq::Client, url: &str) -> HeaderValue {
    let mut request = Request::post(url).body(()).expect("it is well formed");
    let authorized = block_on(auth.driver().authorize(None, &mut request));
    drop(authorized.expect("there is a token"));
    let bearer = request.headers()[AUTHORIZATION].as_bytes();
    let mut bearer = HeaderValue::from_bytes(bearer).expect("it is one");
    bearer.set_sensitive(true);
    bearer
}
