//! The platform in virtual time: the auth endpoint and the targets, which take a while to answer, and can't
//! always be reached.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderName, Request, Response};
use simacan_auth::{ResponseBody, Timestamp, TransportFailure};
use simacan_auth_emulator::{Emulator, Outcome, Settings};

use crate::memory::{Done, MemoryStore};
use crate::referee::{Exchange, Referee, Service, SharedReferee, Violation};
use crate::time::Time;

/// An [`Emulator`] in virtual time, with a [`Referee`] that checks what is sent to it. Clones share both.
///
/// ```
/// use http::Request;
/// use simacan_auth_emulator::{Endpoint, Fault, Settings};
/// use simacan_auth_testkit::{Platform, time::Time};
/// use std::time::Duration;
///
/// let time = Time::new(1);
/// let platform = Platform::new(&time, Settings::new().with_user("foo@bar.com", "open sesame"));
/// platform.with(|emulator| emulator.script(Endpoint::Target, Fault::RequestLost));
///
/// let wire = platform.wire();
/// time.run(async {
///     let request = Request::get("https://a.services.simacan.com/x").body("").unwrap();
///     assert!(wire.exchange(&request).await.is_err()); // lost
///     assert_eq!(wire.exchange(&request).await.unwrap().status(), 401); // no token
///
///     platform.cut_off(Duration::from_secs(60));
///     let failure = wire.exchange(&request).await.unwrap_err();
///     assert!(failure.is_not_sent());
/// }).unwrap();
/// ```
#[derive(Clone)]
pub struct Platform(Arc<Inner>);

struct Inner {
    time: Time,
    state: Mutex<State>,
    wires: AtomicUsize,
}

struct State {
    emulator: Emulator,
    referee: SharedReferee,
    latency: Duration,
    /// When it can be reached again.
    cut_off: Duration,
}

/// An exchange that the referee has seen. Whoever drops it does not hear of its end.
struct Seen<'a> {
    wire: &'a Wire,
    exchange: Option<Exchange>,
}

/// The HTTP client of one process under test, which sends to the [`Platform`]. Clones are of the same process.
#[derive(Clone)]
pub struct Wire {
    platform: Platform,
    process: usize,
}

impl Platform {
    /// Makes a platform with an emulator of these settings, 20 ms away.
    pub fn new(time: &Time, settings: Settings) -> Self {
        let state = State {
            emulator: Emulator::new(settings),
            referee: Self::referee().shared(),
            latency: Duration::from_millis(20),
            cut_off: Duration::ZERO,
        };
        Self(Arc::new(Inner {
            time: time.clone(),
            state: Mutex::new(state),
            wires: AtomicUsize::new(0),
        }))
    }

    /// Returns the referee that a platform has by default: with the default configuration, and
    /// [`REQUEST_ID`](Self::REQUEST_ID).
    pub fn referee() -> Referee {
        Referee::new(Service::simacan())
            .with_request_id(Self::REQUEST_ID)
            .with_history()
    }

    /// The header of a request to a target by which it is known when it is sent again.
    pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

    /// Lets this referee judge what is sent from now on.
    pub fn set_referee(&self, referee: Referee) {
        self.lock().referee = referee.shared();
    }

    /// Returns the first rule that was broken on the wire, if any.
    pub fn verdict(&self) -> Result<(), Violation> {
        self.lock().referee.verdict()
    }

    /// Calls this with the emulator, to look at it, or to interfere: faults, dead tokens, another password.
    pub fn with<T>(&self, look: impl FnOnce(&mut Emulator) -> T) -> T {
        look(&mut self.lock().emulator)
    }

    /// Sets how long a request and its answer take together. Default: 20 ms.
    pub fn set_latency(&self, latency: Duration) {
        self.lock().latency = latency;
    }

    /// Refuses new connections for this long from now. What is on its way arrives.
    pub fn cut_off(&self, how_long: Duration) {
        self.lock().cut_off = self.0.time.elapsed().saturating_add(how_long);
    }

    /// Returns the wire of another process.
    pub fn wire(&self) -> Wire {
        Wire {
            platform: self.clone(),
            process: self.0.wires.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Returns a store in memory, whose lock is waited for in this time. The referee is told what each process does
    /// there: one [with a watched store](Referee::with_watched_store) judges by it. A process's
    /// [handle](MemoryStore::process) has the [number of its wire](Wire::process).
    pub fn store(&self) -> MemoryStore {
        let platform = self.clone();
        self.0.time.store().watched(move |process, done| {
            let (now, referee) = platform.now_judging();
            referee.tell(|referee| {
                match done {
                    Done::Locked => referee.locked(now, process),
                    Done::Unlocked => referee.unlocked(process),
                    Done::Saved(record) => return referee.saved(now, process, record),
                    Done::SaveFailed => referee.save_failed(process),
                    Done::Marked => referee.marked(process),
                }
                Ok(())
            });
        })
    }

    fn now_judging(&self) -> (Timestamp, SharedReferee) {
        (self.0.time.now().into(), self.lock().referee.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        let locked = self.0.state.lock();
        locked.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wire {
    /// A client gives up after this.
    const TIMEOUT: Duration = Duration::from_secs(20);

    /// Returns the number of the process, from 0.
    pub fn process(&self) -> usize {
        self.process
    }

    /// Sends a request, to the auth endpoint or to a target, and returns the answer, whatever its status. One that
    /// breaks off is an answer with what has arrived of its body. After 20 s it has timed out by itself. Whoever drops
    /// this has sent the request, and does not hear of the answer.
    pub async fn exchange<B: AsRef<[u8]>>(
        &self,
        request: &Request<B>,
    ) -> Result<Response<ResponseBody>, TransportFailure> {
        let Inner { time, .. } = &*self.platform.0;
        let (latency, cut_off) = {
            let state = self.platform.lock();
            (state.latency, state.cut_off)
        };
        let seen = self.see(request);
        if time.elapsed() < cut_off {
            time.sleep(latency).await;
            seen.ends(Referee::not_sent);
            return Err(TransportFailure::not_sent("no route to host"));
        }
        time.sleep(latency / 2).await;
        let reply = (self.platform).with(|emulator| emulator.handle(time.now(), request));
        let rest = (latency / 2).saturating_add(reply.delay);
        time.sleep(rest.min(Self::TIMEOUT)).await;
        if rest > Self::TIMEOUT {
            return Err(TransportFailure::timed_out());
        }
        match reply.outcome {
            Outcome::Answer(answer) | Outcome::CutShort(answer) => {
                seen.ends(|referee, now, exchange| referee.answered(now, exchange, &answer));
                Ok(answer.map(Into::into))
            }
            Outcome::Lost => Err(TransportFailure::new("connection closed")),
        }
    }

    fn see<B: AsRef<[u8]>>(&self, request: &Request<B>) -> Seen<'_> {
        let (now, referee) = self.platform.now_judging();
        let exchange = referee.tell(|referee| referee.sent(now, self.process, request));
        Seen {
            wire: self,
            exchange,
        }
    }

    /// Sends a request as [`exchange`](Self::exchange) does, in a [thread](Time::spawn_thread): for drivers that
    /// block, and for `exchange_with` of the adapters.
    pub fn exchange_blocking<B: AsRef<[u8]>>(
        &self,
        request: &Request<B>,
    ) -> Result<Response<ResponseBody>, TransportFailure> {
        self.platform.0.time.block_on(self.exchange(request))
    }
}

impl Seen<'_> {
    fn ends(mut self, tell: impl FnOnce(&mut Referee, Timestamp, Exchange)) {
        self.tell(tell);
    }

    fn tell(&mut self, tell: impl FnOnce(&mut Referee, Timestamp, Exchange)) {
        if let Some(exchange) = self.exchange.take() {
            let (now, referee) = self.wire.platform.now_judging();
            referee.tell(|referee| {
                tell(referee, now, exchange);
                Ok(())
            });
        }
    }
}

impl Drop for Seen<'_> {
    fn drop(&mut self) {
        self.tell(Referee::lost);
    }
}

impl fmt::Debug for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Platform").finish_non_exhaustive()
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire")
            .field("process", &self.process)
            .finish_non_exhaustive()
    }
}
