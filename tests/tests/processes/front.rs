//! The platform as the processes see it: through a proxy that knows who has sent what, and that can kill
//! the sender at the worst of moments.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::SystemTime;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{Method, Request, Response, StatusCode, Uri, header};
use simacan_auth_emulator::{Emulator, Outcome};

use crate::child::{Process, lock};

/// When the sender of a request to the Auth API is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Moment {
    /// The request has arrived and is not handled.
    Asked,
    /// It is handled: the token is spent. Nothing of the answer is sent.
    Decided,
    /// Half of the answer is sent.
    HalfAnswered,
    /// All of it is sent: it may be saved, or not.
    Answered,
}

impl Moment {
    pub(crate) const ALL: [Self; 4] = [
        Self::Asked,
        Self::Decided,
        Self::HalfAnswered,
        Self::Answered,
    ];
}

/// A start of a process.
pub(crate) type Incarnation = usize;

pub(crate) struct Front {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    emulator: Mutex<Emulator>,
    clock: Box<dyn Fn() -> SystemTime + Send + Sync>,
    processes: Mutex<BTreeMap<Incarnation, Arc<Process>>>,
    registered: Condvar,
    armed: Mutex<Option<Moment>>,
    struck: Mutex<Vec<Moment>>,
    /// Who has sent what, by its place in the ledger.
    senders: Mutex<BTreeMap<usize, Incarnation>>,
}

impl Front {
    /// Its threads end with this process.
    pub(crate) fn start(
        emulator: Emulator,
        clock: impl Fn() -> SystemTime + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            emulator: Mutex::new(emulator),
            clock: Box::new(clock),
            processes: Mutex::default(),
            registered: Condvar::new(),
            armed: Mutex::default(),
            struck: Mutex::default(),
            senders: Mutex::default(),
        });
        thread::spawn({
            let shared = shared.clone();
            move || {
                for stream in listener.incoming().flatten() {
                    let shared = shared.clone();
                    // A connection that breaks is the client's to notice.
                    thread::spawn(move || shared.serve(&stream));
                }
            }
        });
        Self { address, shared }
    }

    /// The same for all, since a session belongs to it.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Through which a process reaches it.
    pub(crate) fn proxy(&self, incarnation: Incarnation) -> String {
        format!("http://{incarnation}:x@{}", self.address)
    }

    /// Before it can be killed.
    pub(crate) fn register(&self, incarnation: Incarnation, process: Arc<Process>) {
        lock(&self.shared.processes).insert(incarnation, process);
        self.shared.registered.notify_all();
    }

    /// Strikes the next that sends something to the Auth API.
    pub(crate) fn arm(&self, moment: Moment) {
        *lock(&self.shared.armed) = Some(moment);
    }

    pub(crate) fn disarm(&self) {
        *lock(&self.shared.armed) = None;
    }

    /// Which moments have struck.
    pub(crate) fn struck(&self) -> Vec<Moment> {
        lock(&self.shared.struck).clone()
    }

    pub(crate) fn with<R>(&self, look: impl FnOnce(&mut Emulator) -> R) -> R {
        look(&mut lock(&self.shared.emulator))
    }

    pub(crate) fn senders(&self) -> BTreeMap<usize, Incarnation> {
        lock(&self.shared.senders).clone()
    }
}

impl Shared {
    fn serve(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let (mut input, mut sender) = (BufReader::new(stream), None);
        while let Some(request) = read(&mut input)? {
            sender = named(&request).or(sender);
            let sender = sender.ok_or(io::ErrorKind::InvalidData)?;
            if request.method() == Method::CONNECT {
                { stream }.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
                continue;
            }
            let is_exchange = request.uri().path().contains("/auth/");
            let moment = if is_exchange {
                lock(&self.armed).take()
            } else {
                None
            };
            let answer = match moment {
                Some(Moment::Asked) => Vec::new(),
                _ => self.answer(sender, &request),
            };
            let sent = match moment {
                Some(Moment::Asked | Moment::Decided) => 0,
                Some(Moment::HalfAnswered) => answer.len() / 2,
                Some(Moment::Answered) | None => answer.len(),
            };
            let written = { stream }.write_all(&answer[..sent]);
            if let Some(moment) = moment {
                lock(&self.struck).push(moment);
                self.kill(sender);
            }
            written?;
            if sent == 0 {
                break; // lost
            }
        }
        Ok(())
    }

    /// Nothing, if it is lost.
    fn answer(&self, sender: Incarnation, request: &Request<Vec<u8>>) -> Vec<u8> {
        let mut emulator = lock(&self.emulator);
        let reply = emulator.handle((self.clock)(), request);
        let place = emulator.ledger().entries().len() - 1;
        lock(&self.senders).insert(place, sender);
        drop(emulator);
        match reply.outcome {
            Outcome::Answer(answer) | Outcome::CutShort(answer) => bytes(&answer),
            Outcome::Lost => Vec::new(),
        }
    }

    fn kill(&self, incarnation: Incarnation) {
        let is_unknown = |processes: &mut BTreeMap<_, _>| !processes.contains_key(&incarnation);
        let processes = lock(&self.processes);
        let processes = self.registered.wait_while(processes, is_unknown);
        let process = processes.expect("no panic")[&incarnation].clone();
        process.kill();
    }
}

/// Who it is from, if it says so.
fn named(request: &Request<Vec<u8>>) -> Option<Incarnation> {
    let value = request.headers().get(header::PROXY_AUTHORIZATION)?;
    let encoded = value.to_str().ok()?.strip_prefix("Basic ")?;
    let decoded = BASE64_STANDARD.decode(encoded).ok()?;
    let (name, _) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    name.parse().ok()
}

/// `None`: no more come.
fn read(input: &mut BufReader<&TcpStream>) -> io::Result<Option<Request<Vec<u8>>>> {
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

fn bytes(answer: &Response<Vec<u8>>) -> Vec<u8> {
    let mut head = vec![format!("HTTP/1.1 {}", answer.status())];
    for (name, value) in answer.headers() {
        head.push(format!("{name}: {}", value.to_str().expect("text")));
    }
    if answer.status() != StatusCode::NO_CONTENT {
        head.push(format!("content-length: {}", answer.body().len()));
    }
    [head.join("\r\n").as_bytes(), b"\r\n\r\n", answer.body()].concat()
}
