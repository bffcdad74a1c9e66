//! As much of HTTP/1.1 as a proxy needs whose clients are known.

use std::io::{self, BufRead, BufReader, Read};
use std::net::TcpStream;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{Method, Request, Response, StatusCode, Uri, header};

use crate::front::Incarnation;

/// Who it is from, if it says so.
pub(crate) fn named(request: &Request<Vec<u8>>) -> Option<Incarnation> {
    let value = request.headers().get(header::PROXY_AUTHORIZATION)?;
    let encoded = value.to_str().ok()?.strip_prefix("Basic ")?;
    let decoded = BASE64_STANDARD.decode(encoded).ok()?;
    let (name, _) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    name.parse().ok()
}

/// `None`: no more come.
pub(crate) fn read(input: &mut BufReader<&TcpStream>) -> io::Result<Option<Request<Vec<u8>>>> {
    let broken = |_| io::Error::from(io::ErrorKind::InvalidData);
    let mut line = String::new();
    if input.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split(' ');
    let (method, uri) = (words.next(), words.next());
    let mut request = Request::builder()
        .method(method.unwrap_or_default())
        .uri(uri.unwrap_or_default());
    let mut length = 0;
    loop {
        let mut line = String::new();
        input.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap_or_default();
        }
        request = request.header(name, value.trim());
    }
    let mut body = vec![0; length];
    input.read_exact(&mut body)?;
    let mut request = request.body(body).map_err(broken)?;
    if let Some(path) = request.uri().path_and_query()
        && request.method() != Method::CONNECT
    {
        *request.uri_mut() = Uri::from(path.clone()); // as if it had come without a proxy
    }
    Ok(Some(request))
}

pub(crate) fn bytes(answer: &Response<Vec<u8>>) -> Vec<u8> {
    let mut head = vec![format!("HTTP/1.1 {}", answer.status())];
    for (name, value) in answer.headers() {
        head.push(format!("{name}: {}", value.to_str().expect("text")));
    }
    if answer.status() != StatusCode::NO_CONTENT {
        head.push(format!("content-length: {}", answer.body().len()));
    }
    [head.join("\r\n").as_bytes(), b"\r\n\r\n", answer.body()].concat()
}
