//! As much of HTTP/1.1 as a test server needs, over anything that reads and writes.

use std::io::{self, BufRead, BufReader, Read, Write};

use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};

use crate::body::Body;

/// One connection, from the server's side.
pub(crate) struct Connection<S> {
    stream: BufReader<S>,
    keep_at_most: usize,
}

/// One request that was read.
pub(crate) struct Received {
    pub(crate) head: Request<()>,
    pub(crate) body: Body,
}

impl<S: Read + Write> Connection<S> {
    /// Of each request body, at most `keep_at_most` bytes stay in memory.
    pub(crate) fn new(stream: S, keep_at_most: usize) -> Self {
        Self {
            stream: BufReader::new(stream),
            keep_at_most,
        }
    }

    /// Reads the next request with its body. `None`: the client has closed the connection.
    ///
    /// [`io::ErrorKind::InvalidData`] is the client's fault, and worth a 400.
    pub(crate) fn read(&mut self) -> io::Result<Option<Received>> {
        let Some(head) = self.read_head()? else {
            return Ok(None);
        };
        if head
            .headers()
            .get(EXPECT)
            .is_some_and(|value| value == "100-continue")
        {
            self.stream
                .get_mut()
                .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            self.stream.get_mut().flush()?;
        }
        let mut body = Body::new(self.keep_at_most);
        if has_token(head.headers(), TRANSFER_ENCODING, "chunked") {
            self.read_chunks(&mut body)?;
        } else {
            self.read_exactly(content_length(head.headers())?, &mut body)?;
        }
        Ok(Some(Received { head, body }))
    }

    /// Writes the answer to a request. Returns whether the connection can serve another.
    pub(crate) fn write(
        &mut self,
        request: &Request<()>,
        answer: &Response<Vec<u8>>,
    ) -> io::Result<bool> {
        let status = answer.status();
        let announced = answer.headers().get(CONTENT_LENGTH);
        let body_missing = *request.method() != Method::HEAD
            && announced.is_some_and(|length| *length != HeaderValue::from(answer.body().len()));
        let reusable = keeps_alive(request) && !body_missing;

        let reason = status.canonical_reason().unwrap_or_default();
        let mut bytes = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).into_bytes();
        for (name, value) in answer.headers() {
            push_header(&mut bytes, name, value);
        }
        let has_no_body = has_no_body(status);
        if announced.is_none() && !has_no_body {
            push_header(&mut bytes, &CONTENT_LENGTH, &answer.body().len().into());
        }
        if !keeps_alive(request) {
            push_header(&mut bytes, &CONNECTION, &HeaderValue::from_static("close"));
        }
        bytes.extend_from_slice(b"\r\n");
        if !has_no_body {
            bytes.extend_from_slice(answer.body());
        }
        self.stream.get_mut().write_all(&bytes)?;
        self.stream.get_mut().flush()?;
        Ok(reusable)
    }

    /// Refuses what can't be understood.
    pub(crate) fn write_bad_request(&mut self) -> io::Result<()> {
        let answer = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        self.stream.get_mut().write_all(answer)?;
        self.stream.get_mut().flush()
    }

    fn read_head(&mut self) -> io::Result<Option<Request<()>>> {
        let mut bytes = Vec::new();
        // Up to the empty line that ends the head.
        while !bytes.ends_with(b"\r\n\r\n") {
            let room = MAX_HEAD - bytes.len() as u64;
            if (&mut self.stream)
                .take(room)
                .read_until(b'\n', &mut bytes)?
                == 0
            {
                return match bytes.len() {
                    0 => Ok(None),
                    _ if room == 0 => Err(invalid("the head is too long")),
                    _ => Err(io::ErrorKind::UnexpectedEof.into()),
                };
            }
        }
        parse_head(&bytes).map(Some)
    }

    fn read_chunks(&mut self, body: &mut Body) -> io::Result<()> {
        loop {
            let line = self.read_line()?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = u64::from_str_radix(size, 16).map_err(|_| invalid("bad chunk size"))?;
            if size == 0 {
                break;
            }
            self.read_exactly(size, body)?;
            if !self.read_line()?.is_empty() {
                return Err(invalid("a chunk is longer than it says"));
            }
        }
        // Trailers carry nothing that the emulator knows.
        while !self.read_line()?.is_empty() {}
        Ok(())
    }

    fn read_exactly(&mut self, mut left: u64, body: &mut Body) -> io::Result<()> {
        while left > 0 {
            let bytes = self.stream.fill_buf()?;
            if bytes.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let taken = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            body.push(&bytes[..taken]);
            self.stream.consume(taken);
            left -= taken as u64;
        }
        Ok(())
    }

    fn read_line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        (&mut self.stream).take(MAX_LINE).read_line(&mut line)?;
        match line.strip_suffix("\r\n") {
            Some(line) => Ok(line.to_owned()),
            None => Err(invalid("a line without an end")),
        }
    }
}

const MAX_HEAD: u64 = 64 * 1024;
const MAX_LINE: u64 = 4 * 1024;
const MAX_HEADERS: usize = 100;

fn parse_head(bytes: &[u8]) -> io::Result<Request<()>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    parsed.parse(bytes).map_err(invalid)?;
    let mut request = Request::builder()
        .method(parsed.method.unwrap_or_default())
        .uri(parsed.path.unwrap_or_default())
        .version(if parsed.version == Some(0) {
            Version::HTTP_10
        } else {
            Version::HTTP_11
        });
    for header in parsed.headers {
        request = request.header(header.name, header.value);
    }
    request.body(()).map_err(invalid)
}

fn content_length(headers: &HeaderMap) -> io::Result<u64> {
    let Some(value) = headers.get(CONTENT_LENGTH) else {
        return Ok(0);
    };
    let digits = value.to_str().map_err(invalid)?;
    digits.parse().map_err(invalid)
}

fn keeps_alive(request: &Request<()>) -> bool {
    match request.version() {
        Version::HTTP_10 => has_token(request.headers(), CONNECTION, "keep-alive"),
        _ => !has_token(request.headers(), CONNECTION, "close"),
    }
}

/// Whether a header that lists words has this one.
fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    let values = headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|word| word.trim().eq_ignore_ascii_case(token))
}

/// Whatever its head says (RFC 9112, section 6.3).
pub(crate) fn has_no_body(status: StatusCode) -> bool {
    status.is_informational()
        || [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status)
}

fn push_header(bytes: &mut Vec<u8>, name: &HeaderName, value: &HeaderValue) {
    for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
        bytes.extend_from_slice(part);
    }
}

fn invalid(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
