//! A server whose every byte the case decides on.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crate::platform::{PATIENCE, eventually};

pub(crate) struct Stub {
    shared: Arc<Shared>,
    address: SocketAddr,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stopping: AtomicBool,
    /// The clients' addresses, in the order of their arrival.
    accepted: Mutex<Vec<SocketAddr>>,
    written: AtomicU64,
    heads: Mutex<Vec<String>>,
}

impl Stub {
    /// Gives each connection to `serve`, in a thread of its own.
    pub(crate) fn start(
        serve: impl Fn(&mut Connection) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::<Shared>::default();
        let serve = Arc::new(serve);
        let acceptor = thread::spawn({
            let shared = shared.clone();
            move || {
                for stream in listener.incoming() {
                    if shared.stopping.load(Ordering::SeqCst) {
                        return;
                    }
                    let Ok(stream) = stream else { continue };
                    let Ok(peer) = stream.peer_addr() else {
                        continue;
                    };
                    lock(&shared.accepted).push(peer);
                    let mut connection = Connection::new(stream, shared.clone());
                    let serve = serve.clone();
                    thread::spawn(move || {
                        // A connection that breaks is the client's doing.
                        let _ = serve(&mut connection);
                    });
                }
            }
        });
        Self {
            shared,
            address,
            acceptor: Some(acceptor),
        }
    }

    /// Answers every request with these bytes.
    pub(crate) fn answering(answer: impl Into<String>) -> Self {
        let answer = answer.into();
        Self::start(move |connection| {
            while connection.read_request()?.is_some() {
                connection.write(answer.as_bytes())?;
            }
            Ok(())
        })
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections there have been, for certain: one more is made, and they are accepted in
    /// the order of their arrival.
    pub(crate) fn connections(&self) -> usize {
        let probe = TcpStream::connect_timeout(&self.address, PATIENCE).expect("it listens");
        let probe = probe.local_addr().expect("an address");
        let is_probe = |peer: &SocketAddr| *peer == probe;
        eventually("the probe is accepted", || {
            lock(&self.shared.accepted).iter().any(is_probe)
        });
        let mut accepted = lock(&self.shared.accepted);
        accepted.retain(|peer| !is_probe(peer));
        accepted.len()
    }

    /// The heads of the requests, oldest first.
    pub(crate) fn heads(&self) -> Vec<String> {
        lock(&self.shared.heads).clone()
    }

    /// How many bytes clients and kernel have taken.
    pub(crate) fn written(&self) -> u64 {
        self.shared.written.load(Ordering::SeqCst)
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        let woken = TcpStream::connect_timeout(&self.address, PATIENCE).is_ok();
        if let Some(acceptor) = self.acceptor.take()
            && woken
        {
            let _ = acceptor.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    shared: Arc<Shared>,
}

impl Connection {
    fn new(stream: TcpStream, shared: Arc<Shared>) -> Self {
        // So that no thread outlives the test for long.
        let _ = stream.set_read_timeout(Some(2 * PATIENCE));
        let _ = stream.set_write_timeout(Some(2 * PATIENCE));
        let _ = stream.set_nodelay(true);
        Self {
            stream: BufReader::new(stream),
            shared,
        }
    }

    /// The head of the next request, whose body (with a length) is read, too. `None`: no more come.
    pub(crate) fn read_request(&mut self) -> io::Result<Option<String>> {
        let head = self.read_head()?;
        if let Some(head) = &head {
            self.read_body(head)?;
        }
        Ok(head)
    }

    /// The head of the next request. `None`: no more come.
    pub(crate) fn read_head(&mut self) -> io::Result<Option<String>> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.stream.read_line(&mut head)? == 0 {
                return Ok(None);
            }
        }
        lock(&self.shared.heads).push(head.clone());
        Ok(Some(head))
    }

    /// The body of the next request. `None`: no more come.
    pub(crate) fn read_request_with_body(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some(head) = self.read_head()? else {
            return Ok(None);
        };
        let mut body = vec![0; content_length(&head)];
        self.stream.read_exact(&mut body)?;
        Ok(Some(body))
    }

    /// The body, of the length that its head has.
    pub(crate) fn read_body(&mut self, head: &str) -> io::Result<()> {
        let length = content_length(head) as u64;
        io::copy(&mut (&mut self.stream).take(length), &mut io::sink()).map(drop)
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)?;
        self.shared
            .written
            .fetch_add(bytes.len() as u64, Ordering::SeqCst);
        Ok(())
    }

    /// Passes on what is said on both sides, until both have said all.
    pub(crate) fn tunnel(&mut self, to: SocketAddr) -> io::Result<()> {
        self.tunnel_after("", to)
    }

    /// As [`tunnel`](Self::tunnel), beginning with what has been read already.
    pub(crate) fn tunnel_after(&mut self, read: &str, to: SocketAddr) -> io::Result<()> {
        let mut server = TcpStream::connect_timeout(&to, PATIENCE)?;
        server.write_all(read.as_bytes())?;
        let (mut from_server, mut to_client) =
            (server.try_clone()?, self.stream.get_ref().try_clone()?);
        let back = thread::spawn(move || {
            let _ = io::copy(&mut from_server, &mut to_client);
            let _ = to_client.shutdown(Shutdown::Write);
        });
        let _ = io::copy(&mut self.stream, &mut &server);
        let _ = server.shutdown(Shutdown::Write);
        let _ = back.join();
        Ok(())
    }

    /// For what is not HTTP.
    pub(crate) fn reader(&mut self) -> &mut impl Read {
        &mut self.stream
    }

    /// Something has arrived, and stays unread.
    pub(crate) fn wait_for_input(&mut self) -> io::Result<()> {
        self.stream.get_mut().peek(&mut [0]).map(drop)
    }

    /// The next request, up to the last byte of its body.
    pub(crate) fn read_all_but_a_byte(&mut self) -> io::Result<()> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let byte = self.read_unbuffered(1)?;
            head.push(char::from(byte[0]));
        }
        let length = content_length(&head);
        self.read_unbuffered(length - 1).map(drop)
    }

    fn read_unbuffered(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.stream.get_mut().read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Something has arrived.
    pub(crate) fn read_a_byte(&mut self) -> io::Result<()> {
        self.stream.read_exact(&mut [0])
    }

    /// The client sees the end of the connection, and can still send.
    pub(crate) fn finish_writing(&mut self) -> io::Result<()> {
        self.stream.get_mut().shutdown(Shutdown::Write)
    }

    /// Until the client hangs up.
    pub(crate) fn wait_for_the_end(&mut self) -> io::Result<()> {
        io::copy(&mut self.stream, &mut io::sink()).map(drop)
    }
}

fn content_length(head: &str) -> usize {
    let lower = head.to_ascii_lowercase();
    let length = |line: &str| line.strip_prefix("content-length:")?.trim().parse().ok();
    lower.lines().find_map(length).unwrap_or(0)
}

/// A proxy that leads everything there. ureq asks it for a tunnel, reqwest for the answer itself.
pub(crate) fn proxy_to(address: SocketAddr) -> Stub {
    Stub::start(move |connection| match connection.read_head()? {
        Some(head) if head.starts_with("CONNECT ") => {
            connection.write(b"HTTP/1.1 200 OK\r\n\r\n")?;
            connection.tunnel(address)
        }
        Some(head) => connection.tunnel_after(&head, address),
        None => Ok(()),
    })
}

/// An answer without surprises.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
}
