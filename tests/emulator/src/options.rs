//! What a server is told before it starts.

use std::fmt;
use std::io::{self, Read, Write};
use std::time::SystemTime;

use http::Request;

use crate::entry::Entry;
use crate::model::{Emulator, Reply};
use crate::server::{Server, Socket};

/// The options of a [`Server`]: port, clock, log, TLS. [`start`](Self::start) starts it.
#[must_use = "`start` starts the server"]
pub struct Options {
    pub(crate) port: u16,
    pub(crate) clock: Box<dyn Fn() -> SystemTime + Send + Sync>,
    pub(crate) log: Box<dyn Fn(&Entry) + Send + Sync>,
    pub(crate) watch: Option<Box<Watch>>,
    pub(crate) close_after_answer: bool,
    pub(crate) keep_of_body: usize,
    pub(crate) max_connections: usize,
    /// With TLS.
    pub(crate) wrap: Option<Wrap>,
}

/// Makes of a socket what requests are read from.
pub(crate) type Wrap = Box<dyn Fn(Socket) -> io::Result<Box<dyn Stream>> + Send + Sync>;

/// Sees what happens.
pub(crate) type Watch = dyn Fn(SystemTime, &Request<Vec<u8>>, &Reply) + Send + Sync;

pub(crate) trait Stream: Read + Write {}

impl<S: Read + Write> Stream for S {}

impl Options {
    pub(crate) fn new() -> Self {
        Self {
            port: 0,
            clock: Box::new(SystemTime::now),
            log: Box::new(|_| ()),
            watch: None,
            close_after_answer: false,
            keep_of_body: 1 << 20,
            max_connections: 2048,
            wrap: None,
        }
    }

    /// Listens on this port. 0, the default, is any free one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Sets the clock that the server reads. Default: the clock of the system.
    pub fn clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// Sets the function that is told of each request that was decided on, before it is answered.
    pub fn log(mut self, log: impl Fn(&Entry) + Send + Sync + 'static) -> Self {
        self.log = Box::new(log);
        self
    }

    /// Calls this with each request and with what becomes of it, one after another, as the emulator decides
    /// on them. A body that is longer than what is [kept](Self::keep_of_body) is empty here.
    pub fn watch(
        mut self,
        watch: impl Fn(SystemTime, &Request<Vec<u8>>, &Reply) + Send + Sync + 'static,
    ) -> Self {
        self.watch = Some(Box::new(watch));
        self
    }

    /// Closes the connection after each answer without announcing it, as servers and the boxes
    /// between do with connections that have been idle: a client that pools them finds a dead one.
    pub fn close_after_answer(mut self, close: bool) -> Self {
        self.close_after_answer = close;
        self
    }

    /// Keeps at most so many bytes of each request body in memory. Default: 1 MiB.
    ///
    /// The ledger has the true length of a longer body and counts its repeats, but not its bytes;
    /// a longer form gets a 413.
    pub fn keep_of_body(mut self, bytes: usize) -> Self {
        self.keep_of_body = bytes;
        self
    }

    /// Serves at most so many connections at a time. Default: 2048. More wait.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections;
        self
    }

    /// Talks TLS: `wrap` makes a stream of each socket that encrypts what is written. The server's
    /// addresses begin with `https` then.
    pub fn tls<S: Read + Write + 'static>(
        mut self,
        wrap: impl Fn(Socket) -> io::Result<S> + Send + Sync + 'static,
    ) -> Self {
        self.wrap = Some(Box::new(move |socket| Ok(Box::new(wrap(socket)?))));
        self
    }

    /// Starts the server, or says why it can't listen.
    pub fn start(self, emulator: Emulator) -> io::Result<Server> {
        Server::launch(self, emulator)
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("port", &self.port)
            .field("close_after_answer", &self.close_after_answer)
            .field("keep_of_body", &self.keep_of_body)
            .field("max_connections", &self.max_connections)
            .field("tls", &self.wrap.is_some())
            .finish_non_exhaustive()
    }
}
