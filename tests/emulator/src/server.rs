//! The emulator behind a socket of the loopback interface.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::http1::Connection;
use crate::model::{Emulator, Outcome};
use crate::options::Options;
use crate::route::Head;

/// An [`Emulator`] that serves HTTP/1.1 on the loopback interface until it is dropped.
///
/// Each connection has a thread of its own. The lock on the model is held while a request is
/// decided on, and neither while bytes travel nor during a delay.
#[must_use = "the server stops when it is dropped"]
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    acceptor: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts a server on a free port, by the clock of the system.
    pub fn start(emulator: Emulator) -> io::Result<Self> {
        Self::options().start(emulator)
    }

    /// Returns what else a server can be told before it starts.
    pub fn options() -> Options {
        Options::new()
    }

    /// Returns the base of the Simacan Auth API: `http://127.0.0.1:PORT/api/v1`. With [`Options::tls`], this and the
    /// other addresses begin with `https`.
    pub fn base_url(&self) -> String {
        format!("{}/api/v1", self.origin())
    }

    /// Returns the origin of the target APIs: `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> String {
        let is_tls = self.shared.options.wrap.is_some();
        format!("http{}://{}", if is_tls { "s" } else { "" }, self.address)
    }

    /// Returns the RFC 6749 token endpoint: `http://127.0.0.1:PORT/oauth2/token`.
    pub fn token_endpoint(&self) -> String {
        format!("{}/oauth2/token", self.origin())
    }

    /// Returns the address that the server listens at.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns how many connections are open.
    pub fn open_connections(&self) -> usize {
        lock(&self.shared.connections).open.len()
    }

    /// Calls this with the emulator, to control or inspect it. Requests wait meanwhile.
    pub fn with<R>(&self, f: impl FnOnce(&mut Emulator) -> R) -> R {
        f(&mut lock(&self.shared.emulator))
    }

    /// [`Options::start`].
    pub(crate) fn launch(options: Options, emulator: Emulator) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))?;
        // Listening again is how a backlog is changed. The 128 of std overflow when a thousand
        // clients start at once; they would come back, but only after a second.
        socket2::SockRef::from(&listener).listen(4096)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            emulator: Mutex::new(emulator),
            options,
            connections: Mutex::default(),
            changed: Condvar::new(),
        });
        let acceptor = thread::Builder::new().name("emulator".into()).spawn({
            let shared = shared.clone();
            move || accept(&shared, &listener)
        })?;
        Ok(Self {
            shared,
            address,
            acceptor: Some(acceptor),
        })
    }
}

impl Drop for Server {
    /// Stops listening, drops all connections and waits for their threads.
    fn drop(&mut self) {
        self.shared.stop();
        // `accept` has no timeout; a connection is what wakes it up.
        let woken = TcpStream::connect_timeout(&self.address, PATIENCE).is_ok();
        if let Some(acceptor) = self.acceptor.take()
            && woken
        {
            // Should it have panicked, that was reported; a drop is no place to do so again.
            let _ = acceptor.join();
        }
        self.shared.wait_until_idle();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// What the threads of a server share.
struct Shared {
    emulator: Mutex<Emulator>,
    options: Options,
    connections: Mutex<Connections>,
    /// Signalled whenever `connections` changes.
    changed: Condvar,
}

#[derive(Default)]
struct Connections {
    stopping: bool,
    /// Shared with the threads that serve them, so that `stop` can shut them down.
    open: HashMap<u64, Arc<TcpStream>>,
    accepted: u64,
}

impl Shared {
    /// Waits for room for one more connection. `false`: the server is stopping.
    fn wait_for_room(&self) -> bool {
        let full =
            |c: &mut Connections| !c.stopping && c.open.len() >= self.options.max_connections;
        let connections = self.changed.wait_while(lock(&self.connections), full);
        !connections.unwrap_or_else(PoisonError::into_inner).stopping
    }

    /// Sleeps, unless and until the server stops. `false`: it does.
    fn sleep(&self, delay: Duration) -> bool {
        let running = |c: &mut Connections| !c.stopping;
        let waited = self
            .changed
            .wait_timeout_while(lock(&self.connections), delay, running);
        !waited.unwrap_or_else(PoisonError::into_inner).0.stopping
    }

    fn stop(&self) {
        let mut connections = lock(&self.connections);
        connections.stopping = true;
        for stream in connections.open.values() {
            // Fails if the client was faster.
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.changed.notify_all();
    }

    fn wait_until_idle(&self) {
        let busy = |c: &mut Connections| !c.open.is_empty();
        // After that, a thread hangs in a clock or a log that the test brought along.
        let waited = self
            .changed
            .wait_timeout_while(lock(&self.connections), PATIENCE, busy);
        drop(waited);
    }
}

/// How long a drop waits for what should take no time.
const PATIENCE: Duration = Duration::from_secs(5);

/// Enough for a debug build to parse and answer a request; a thousand threads take little.
const STACK: usize = 256 * 1024;

/// Enough for a handshake, too.
const TLS_STACK: usize = 2 * 1024 * 1024;

fn accept(shared: &Arc<Shared>, listener: &TcpListener) {
    while shared.wait_for_room() {
        let Ok((stream, _)) = listener.accept() else {
            // Out of file descriptors, most likely: wait for connections to end.
            shared.sleep(Duration::from_millis(10));
            continue;
        };
        let Some(open) = Open::register(shared, stream) else {
            return;
        };
        let stack = match shared.options.wrap {
            None => STACK,
            Some(_) => TLS_STACK,
        };
        let thread = thread::Builder::new()
            .name("emulator".into())
            .stack_size(stack);
        // If there is no thread to be had, the connection is dropped.
        let _ = thread.spawn(move || {
            // A connection that breaks is the client's to notice.
            let _ = match &open.shared.options.wrap {
                None => serve(&open.shared, &*open.stream),
                Some(wrap) => {
                    wrap(Socket(open.stream.clone())).and_then(|stream| serve(&open.shared, stream))
                }
            };
        });
    }
}

/// A connection that is in the books for as long as this lives.
struct Open {
    shared: Arc<Shared>,
    stream: Arc<TcpStream>,
    id: u64,
}

impl Open {
    /// `None`: the server is stopping.
    fn register(shared: &Arc<Shared>, stream: TcpStream) -> Option<Self> {
        // Answers are written in one go; there is nothing to wait for.
        let _ = stream.set_nodelay(true);
        let stream = Arc::new(stream);
        let mut connections = lock(&shared.connections);
        if connections.stopping {
            return None;
        }
        connections.accepted += 1;
        let id = connections.accepted;
        connections.open.insert(id, stream.clone());
        Some(Self {
            shared: shared.clone(),
            stream,
            id,
        })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // Not the mere end of this handle: `stop` may hold another at this moment.
        let _ = self.stream.shutdown(Shutdown::Both);
        lock(&self.shared.connections).open.remove(&self.id);
        self.shared.changed.notify_all();
    }
}

/// A connection as [`Options::tls`] gets it: a TCP stream that ends with the server.
#[derive(Debug)]
pub struct Socket(Arc<TcpStream>);

impl Read for Socket {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        (&*self.0).read(bytes)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self.0).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Serves one connection to its end.
fn serve<S: Read + Write>(shared: &Shared, stream: S) -> io::Result<()> {
    let mut connection = Connection::new(stream, shared.options.keep_of_body);
    loop {
        let received = match connection.read() {
            Ok(Some(received)) => received,
            Ok(None) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return connection.write_bad_request();
            }
            Err(error) => return Err(error),
        };
        let request = &received.head;
        let head = Head {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
        };
        let (reply, entry) = {
            let mut emulator = lock(&shared.emulator);
            // Within the lock, so that the ledger's times are in order.
            let now = (shared.options.clock)();
            let (reply, entry) = emulator.receive(now, &head, &received.body);
            if let Some(watch) = &shared.options.watch {
                let body = received.body.whole().unwrap_or_default().to_vec();
                watch(now, &request.clone().map(|()| body), &reply);
            }
            (reply, entry)
        };
        (shared.options.log)(&entry);
        if !reply.delay.is_zero() && !shared.sleep(reply.delay) {
            return Ok(());
        }
        let (Outcome::Answer(answer) | Outcome::CutShort(answer)) = reply.outcome else {
            return Ok(());
        };
        let reusable = connection.write(request, &answer)?;
        if !reusable || shared.options.close_after_answer {
            return Ok(());
        }
    }
}

/// Locks even after a panic: a test that failed inside [`Server::with`] is to report that failure,
/// not a poisoned lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
