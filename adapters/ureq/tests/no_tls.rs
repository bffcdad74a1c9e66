//! A build without TLS: `cargo test -p simacan-auth-ureq --no-default-features`.

#![cfg(not(any(feature = "rustls-no-provider", feature = "native-tls")))]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use simacan_auth_ureq::ureq::{self, http::Request};
use simacan_auth_ureq::{Client, Credentials, Error, Provider};

const PASSWORD: &str = "correct horse";

/// Of the first connection, all that it is sent.
fn listener() -> (SocketAddr, thread::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let read = thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = listener.accept().unwrap().0.read_to_end(&mut bytes);
        bytes
    });
    (address, read)
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

#[test]
fn i8_no_client_is_built_that_would_log_in_over_https() {
    for provider in [Provider::simacan(), Provider::simacan_staging()] {
        let origin = provider.auth_origin().to_string();
        let built = Client::builder(provider, Credentials::new("u", PASSWORD)).build();
        let error = built.expect_err("there is no TLS");
        let text = format!("{error} {error:?}");
        assert!(matches!(error, Error::NoTls { .. }), "{text}");
        assert!(text.contains(&origin) && text.contains("rustls"), "{text}");
        assert!(!text.contains(PASSWORD), "{text}");
    }
}

#[test]
fn i8_no_token_goes_to_a_target_over_https() {
    let (target, received) = listener();
    let origin = format!("https://{target}");
    let provider = Provider::simacan_at(format!("http://{}", auth_api()))
        .allow_origin(&origin)
        .allow_loopback_http();
    let credentials = Credentials::new("u", PASSWORD);
    let client = Client::builder(provider.build().unwrap(), credentials);
    let request = Request::post(format!("{origin}/x")).body("body").unwrap();
    let error = client.build().unwrap().send(request).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Request {
                error: ureq::Error::TlsRequired,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(received.join().unwrap(), b"");
}
