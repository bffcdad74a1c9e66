//! A referee for several threads or tasks.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use http::Request;
use http::uri::PathAndQuery;
use simacan_auth::Timestamp;
use simacan_auth_emulator::{Outcome, Reply};

use super::{Referee, Violation};

/// A [`Referee`] for a driver with threads or tasks. It remembers the first violation.
#[derive(Clone)]
pub struct SharedReferee(Arc<Mutex<(Referee, Option<Violation>)>>);

impl SharedReferee {
    pub(super) fn new(referee: Referee) -> Self {
        Self(Arc::new(Mutex::new((referee, None))))
    }

    /// Calls this with the referee. Returns `None` if a rule is broken by it, and [`verdict`](Self::verdict) says
    /// which.
    pub fn tell<T>(&self, tell: impl FnOnce(&mut Referee) -> Result<T, Violation>) -> Option<T> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (referee, found) = &mut *inner;
        match tell(referee) {
            Ok(told) => Some(told),
            Err(violation) => {
                found.get_or_insert(violation);
                None
            }
        }
    }

    /// Takes what an emulator's server has received from a process, and what becomes of it: for `Options::watch` of
    /// `simacan_auth_emulator`. To the referee it is at `http://emulator`.
    ///
    /// ```
    /// use simacan_auth_emulator::{Emulator, Server, Settings};
    /// use simacan_auth_testkit::referee::{Referee, Service};
    ///
    /// let service = Service::simacan_at("http://emulator/api/v1").with_target("http://emulator");
    /// let referee = Referee::new(service).with_history().shared();
    /// let seen = referee.clone();
    /// let server = Server::options()
    ///     .watch(move |now, request, reply| seen.see(now, 0, request, reply))
    ///     .start(Emulator::new(Settings::new().with_user("fleet", "secret")))?;
    /// // … a client does its work …
    /// referee.verdict()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn see(&self, now: SystemTime, process: usize, request: &Request<Vec<u8>>, reply: &Reply) {
        const LARGE: usize = 1 << 20; // more is not read of an answer to an exchange
        let path = request
            .uri()
            .path_and_query()
            .map_or("/", PathAndQuery::as_str);
        let Ok(uri) = format!("http://emulator{path}").parse() else {
            return;
        };
        let mut request = request.clone();
        *request.uri_mut() = uri;
        let now = Timestamp::from(now);
        self.tell(|referee| {
            let exchange = referee.sent(now, process, &request)?;
            match &reply.outcome {
                Outcome::Answer(answer) if reply.delay.is_zero() && answer.body().len() < LARGE => {
                    referee.answered(now, exchange, answer);
                }
                Outcome::Answer(answer) | Outcome::CutShort(answer) => {
                    referee.offered(now, exchange, answer);
                }
                Outcome::Lost => referee.lost(now, exchange),
            }
            Ok(())
        });
    }

    /// Returns the first violation, if there was one.
    pub fn verdict(&self) -> Result<(), Violation> {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.1.clone().map_or(Ok(()), Err)
    }
}

impl fmt::Debug for SharedReferee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SharedReferee")
            .field(&self.verdict())
            .finish()
    }
}
