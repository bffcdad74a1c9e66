//! What features of reqwest would make of an exchange: `cargo test -p simacan-auth-reqwest --all-features`.

#![cfg(all(feature = "cookies", feature = "http2"))]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;

use simacan_auth_reqwest::reqwest::Url;
use simacan_auth_reqwest::reqwest::cookie::{CookieStore, Jar};
use simacan_auth_reqwest::{Client, Credentials, Provider};

/// Gives everybody a token of no life, and a cookie. Writes down the heads of what it is sent.
fn auth_api() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let heads = Arc::<Mutex<Vec<String>>>::default();
    let written = heads.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && stream.read_line(&mut head).unwrap() > 0 {}
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let length = length.map_or(0, |length| length.parse().unwrap());
            stream.read_exact(&mut vec![0; length]).unwrap();
            written.lock().unwrap().push(head);
            let tokens =
                r#"{"access_token":"a","refresh_token":"r","token_type":"bearer","expires_in":1}"#;
            let length = tokens.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nset-cookie: theirs=1\r\ncontent-length: {length}\r\n\r\n{tokens}"
            );
            stream.get_mut().write_all(answer.as_bytes()).unwrap();
        }
    });
    (address, heads)
}

#[test]
fn i9_an_exchange_speaks_http_1_and_has_no_part_in_the_cookies_of_targets() {
    let (auth, heads) = auth_api();
    let url: Url = format!("http://{auth}/").parse().unwrap();
    let jar = Arc::new(Jar::default());
    jar.add_cookie_str("ours=1", &url);
    let provider = Provider::simacan_at(url.as_str()).allow_loopback_http();
    let builder = Client::builder(provider.build().unwrap(), Credentials::new("u", "p"));
    let client = builder.http({
        let jar = jar.clone();
        move |http| http.cookie_provider(jar.clone()).http2_prior_knowledge()
    });
    let client = client.build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(client.log_in()).unwrap();
    let heads = heads.lock().unwrap().clone();
    assert!(
        heads[0].starts_with("POST /auth/password HTTP/1.1\r\n"),
        "{heads:?}"
    );
    assert!(!heads[0].contains("cookie"), "{heads:?}");
    assert_eq!(jar.cookies(&url).unwrap(), "ours=1");
}
