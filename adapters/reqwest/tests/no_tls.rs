//! A build without TLS: `cargo test -p simacan-auth-reqwest --no-default-features`. Left to itself, reqwest hands
//! a proxy in the clear what is meant for https.

#![cfg(not(feature = "rustls"))]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use simacan_auth_reqwest::reqwest::{self, Proxy};
use simacan_auth_reqwest::{Client, Credentials, Error, Provider};

const PASSWORD: &str = "correct horse";

fn proxy() -> (TcpListener, Proxy) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, Proxy::https(url).unwrap())
}

#[track_caller]
fn assert_was_not_asked(proxy: &TcpListener) {
    let accepted = proxy.accept().map(drop);
    assert_eq!(accepted.unwrap_err().kind(), ErrorKind::WouldBlock);
}

/// Gives everybody a token.
fn auth_api() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let _ = stream.read(&mut [0; 4096]);
        let tokens =
            r#"{"access_token":"a","refresh_token":"r","token_type":"bearer","expires_in":3600}"#;
        let length = tokens.len();
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{tokens}");
        stream.write_all(answer.as_bytes()).unwrap();
    });
    address
}

fn assert_no_tls(error: &Error, origin: &str) {
    let text = format!("{error} {error:?}");
    assert!(matches!(error, Error::NoTls { .. }), "{text}");
    assert!(text.contains(origin) && text.contains("rustls"), "{text}");
    assert!(!text.contains(PASSWORD), "{text}");
}

#[test]
fn i8_no_client_is_built_that_would_log_in_over_https() {
    let (listener, proxy) = proxy();
    for provider in [Provider::simacan(), Provider::simacan_staging()] {
        let origin = provider.auth_origin().to_string();
        let (proxy, credentials) = (proxy.clone(), Credentials::new("u", PASSWORD));
        let builder = Client::builder(provider, credentials);
        let builder = builder.http(move |http| http.proxy(proxy.clone()).https_only(true));
        assert_no_tls(&builder.build().expect_err("there is no TLS"), &origin);
    }
    assert_was_not_asked(&listener);
}

/// A client that exists already would hand it to its proxy, too.
#[test]
fn i8_no_token_goes_to_a_target_over_https() {
    let (listener, proxy) = proxy();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for is_own in [true, false] {
        let provider = Provider::simacan_at(format!("http://{}", auth_api()))
            .allow_origin("https://api.example")
            .allow_loopback_http();
        let builder = Client::builder(provider.build().unwrap(), Credentials::new("u", PASSWORD));
        let (proxy, http) = (
            proxy.clone(),
            reqwest::Client::builder().proxy(proxy.clone()),
        );
        let builder = if is_own {
            builder.http(move |http| http.proxy(proxy.clone()))
        } else {
            builder.target_client(http.build().unwrap())
        };
        let client = builder.build().unwrap();
        runtime.block_on(client.log_in()).unwrap();
        let request = client.post("https://api.example/x").body("body");
        let error = runtime.block_on(request.send()).unwrap_err();
        assert_no_tls(&error, "https://api.example");
    }
    assert_was_not_asked(&listener);
}

/// In a runtime, where nothing may block for long.
#[test]
fn a_client_can_be_built_in_a_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let builder = Client::builder(Provider::simacan(), Credentials::new("u", PASSWORD));
        assert!(builder.build().is_err());
    });
}
