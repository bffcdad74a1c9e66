//! The platform as the processes see it: through a proxy that knows who has sent what, and that can kill
//! the sender at the worst of moments, or do something else to it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::SystemTime;

use http::{Method, Request};
use simacan_auth_emulator::{Emulator, Outcome, Presented, What};

use crate::child::{Process, lock};
use crate::http1::{bytes, named, read};

/// When the sender of a request to the Auth API is struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Moment {
    /// The request has arrived and is not handled; of a killed sender it never will be.
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

/// What is done to the sender, or behind its back.
pub(crate) type Strike = Box<dyn FnOnce(&Arc<Process>) + Send>;

pub(crate) struct Front {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// A request with a good token.
#[derive(Clone, Copy)]
pub(crate) struct Good {
    /// In the ledger.
    pub(crate) place: usize,
    /// The token's.
    pub(crate) serial: u64,
}

/// A request, and what became of it.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) by: Incarnation,
    pub(crate) request: Request<Vec<u8>>,
    pub(crate) outcome: Outcome,
}

struct Shared {
    emulator: Mutex<Emulator>,
    clock: Box<dyn Fn() -> SystemTime + Send + Sync>,
    processes: Mutex<BTreeMap<Incarnation, Arc<Process>>>,
    registered: Condvar,
    armed: Mutex<Option<(Moment, Strike)>>,
    struck: Mutex<Vec<Moment>>,
    /// Who can't reach the Auth API.
    cut_off: Mutex<BTreeSet<Incarnation>>,
    good: Mutex<BTreeMap<Incarnation, Good>>,
    /// What was sent, in the ledger's order.
    seen: Mutex<Vec<Seen>>,
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
            cut_off: Mutex::default(),
            good: Mutex::default(),
            seen: Mutex::default(),
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

    /// Kills the next that sends something to the Auth API.
    pub(crate) fn arm(&self, moment: Moment) {
        self.strike(moment, Box::new(|sender| sender.kill()));
    }

    /// Strikes the next that sends something to the Auth API.
    pub(crate) fn strike(&self, moment: Moment, strike: Strike) {
        *lock(&self.shared.armed) = Some((moment, strike));
    }

    pub(crate) fn cut_off(&self, incarnation: Incarnation) {
        lock(&self.shared.cut_off).insert(incarnation);
    }

    /// What each has sent last with a good token.
    pub(crate) fn good(&self) -> BTreeMap<Incarnation, Good> {
        lock(&self.shared.good).clone()
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

    pub(crate) fn seen(&self) -> Vec<Seen> {
        lock(&self.shared.seen).clone()
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
            if is_exchange && lock(&self.cut_off).contains(&sender) {
                break;
            }
            let armed = is_exchange.then(|| lock(&self.armed).take()).flatten();
            let is_lost = match armed {
                Some((moment, strike)) => self.strike(stream, sender, &request, moment, strike)?,
                None => write(stream, &self.answer(sender, &request))?,
            };
            if is_lost {
                break;
            }
        }
        Ok(())
    }

    /// Whether the connection is lost.
    fn strike(
        &self,
        stream: &TcpStream,
        sender: Incarnation,
        request: &Request<Vec<u8>>,
        moment: Moment,
        strike: Strike,
    ) -> io::Result<bool> {
        let process = self.process(sender);
        let strike = || {
            strike(&process);
            lock(&self.struck).push(moment);
            process.was_killed()
        };
        if moment == Moment::Asked {
            return Ok(strike() || write(stream, &self.answer(sender, request))?);
        }
        let answer = self.answer(sender, request);
        let before = match moment {
            Moment::HalfAnswered => answer.len() / 2,
            Moment::Answered => answer.len(),
            Moment::Asked | Moment::Decided => 0,
        };
        write(stream, &answer[..before])?;
        Ok(strike() || write(stream, &answer[before..])? && before == 0)
    }

    /// Nothing, if it is lost.
    fn answer(&self, sender: Incarnation, request: &Request<Vec<u8>>) -> Vec<u8> {
        let mut emulator = lock(&self.emulator);
        let reply = emulator.handle((self.clock)(), request);
        let place = emulator.ledger().entries().len() - 1;
        let mut request = request.clone();
        let uri = format!("http://platform{}", request.uri());
        *request.uri_mut() = uri.parse().expect("it has arrived");
        lock(&self.seen).push(Seen {
            by: sender,
            request,
            outcome: reply.outcome.clone(),
        });
        if let What::Target {
            token: Presented::Valid { serial },
            ..
        } = emulator.ledger().entries()[place].what
        {
            lock(&self.good).insert(sender, Good { place, serial });
        }
        drop(emulator);
        thread::sleep(reply.delay);
        match reply.outcome {
            Outcome::Answer(answer) | Outcome::CutShort(answer) => bytes(&answer),
            Outcome::Lost => Vec::new(),
        }
    }

    fn process(&self, incarnation: Incarnation) -> Arc<Process> {
        let is_unknown = |processes: &mut BTreeMap<_, _>| !processes.contains_key(&incarnation);
        let processes = lock(&self.processes);
        let processes = self.registered.wait_while(processes, is_unknown);
        processes.expect("no panic")[&incarnation].clone()
    }
}

/// Whether there was nothing.
fn write(mut stream: &TcpStream, bytes: &[u8]) -> io::Result<bool> {
    stream.write_all(bytes)?;
    Ok(bytes.is_empty())
}
