use std::fmt;
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use http::{Extensions, Request, Response, StatusCode, Uri};
use simacan_auth::{Credentials, Provider, Status, Ticket, Verdict};
use ureq::config::RedirectAuthHeaders;
use ureq::{Agent, AsSendBody, ResponseExt};

use crate::again::{Again, ShortCopy};
use crate::driver::Driver;
use crate::own::OwnHeaders;
use crate::{Body, Builder, Error};

/// Sends requests to target APIs with a bearer token, and keeps it good.
///
/// Clones share one session.
#[derive(Clone)]
pub struct Client {
    pub(crate) agent: Agent,
    /// Of an agent that this client has made, with the configuration that it needs.
    pub(crate) own: Option<OwnHeaders>,
    pub(crate) driver: Arc<Driver>,
    /// A thread [`drain`]s an answer: there is one at a time.
    pub(crate) draining: Arc<AtomicBool>,
}

impl Client {
    /// Starts with where to log in and as whom.
    pub fn builder(provider: Provider, credentials: Credentials) -> Builder {
        Builder::new(provider, credentials)
    }

    /// Logs in, if there is no token yet: a program that does it at its start learns at once that its
    /// password is wrong. There is no need to; the first request does the same.
    pub fn log_in(&self) -> Result<Status, Error> {
        self.driver.log_in()
    }

    /// Sends a request to a target API and gives its answer, whatever the status.
    ///
    /// Waits for a token where there is none. After a 401 the request is sent once more with
    /// a newer one.
    pub fn send<B: Body>(&self, request: Request<B>) -> Result<Response<ureq::Body>, Error> {
        let (mut parts, mut body) = request.into_parts();
        let mut permit = None;
        loop {
            let mut copy = ShortCopy::new();
            let again = Again::of(&parts, &mut copy); // before there is a token on it
            if let Some(own) = self.own_for(&parts.extensions) {
                own.put(&mut parts.headers);
            }
            let body = body.to_send().map_err(ureq::Error::from)?;
            let mut request = Request::from_parts(parts, body);
            let ticket = self.driver.authorize(permit, &mut request)?;
            let response = self.run(request)?;
            if response.status() != StatusCode::UNAUTHORIZED {
                drop(self.driver.review(ticket, response.status()));
                return Ok(response);
            }
            parts = again.into_parts();
            match self.review(ticket, &parts.uri, &response) {
                Verdict::Deliver => return Ok(response),
                Verdict::Retry(next) => permit = Some(next),
            }
            drain(&self.draining, response.into_body());
        }
    }

    /// Sends a request whose body can be read once only, such as
    /// [`SendBody::from_reader`](ureq::SendBody::from_reader).
    ///
    /// A 401 is delivered. It has ended the token all the same, so the next request
    /// brings a new one.
    pub fn send_once<B: AsSendBody>(
        &self,
        mut request: Request<B>,
    ) -> Result<Response<ureq::Body>, Error> {
        let ticket = self.driver.authorize(None, &mut request)?;
        let uri = request.uri().clone();
        let response = self.run(request)?;
        drop(self.review(ticket, &uri, &response));
        Ok(response)
    }

    /// What [`send`](Self::send) does before it sends, for the benchmarks.
    #[doc(hidden)]
    pub fn authorize<B>(&self, request: &mut Request<B>) -> Result<Ticket, Error> {
        self.driver.authorize(None, request)
    }

    /// Other credentials: the only thing that ends a [`Denied::Rejected`](crate::Denied::Rejected).
    pub fn set_credentials(&self, credentials: Credentials) {
        self.driver.set_credentials(credentials);
    }

    /// What the session is doing.
    pub fn status(&self) -> Status {
        self.driver.status()
    }

    /// Refreshes whenever it is time, until all clones of this client are gone. For a thread of
    /// yours, with [`Builder::keep_alive`].
    ///
    /// ```no_run
    /// # use simacan_auth_ureq::{Client, Credentials, Provider};
    /// # let credentials = Credentials::new("u", "p");
    /// let client = Client::builder(Provider::simacan(), credentials).keep_alive().build();
    /// let keep_alive = client.keep_alive();
    /// std::thread::spawn(keep_alive);
    /// ```
    pub fn keep_alive(&self) -> impl FnOnce() + Send + 'static {
        Driver::keep_alive(Arc::downgrade(&self.driver))
    }

    /// If the agent's own configuration is that of the request: one with extensions may have another.
    fn own_for(&self, extensions: &Extensions) -> Option<&OwnHeaders> {
        self.own.as_ref().filter(|_| extensions.is_empty())
    }

    /// Runs a request that carries the token: no redirect takes it elsewhere (I8), and its status is
    /// an answer.
    fn run(&self, request: Request<impl AsSendBody>) -> Result<Response<ureq::Body>, ureq::Error> {
        if self.own_for(request.extensions()).is_some() {
            return self.agent.run(request);
        }
        let request = self
            .agent
            .configure_request(request)
            .http_status_as_error(false)
            .redirect_auth_headers(RedirectAuthHeaders::Never)
            .save_redirect_history(true)
            .build();
        self.agent.run(request)
    }

    fn review(&self, ticket: Ticket, uri: &Uri, response: &Response<ureq::Body>) -> Verdict {
        if response.status() == StatusCode::UNAUTHORIZED && self.is_redirected(uri, response) {
            return Verdict::Deliver; // from a second place, which did not get the token
        }
        self.driver.review(ticket, response.status())
    }

    /// Whether the answer to a request for `uri` is one to a further request.
    fn is_redirected(&self, uri: &Uri, response: &Response<ureq::Body>) -> bool {
        match response.get_redirect_history() {
            Some(history) => history.len() > 1,
            // Our own agent saves none. A request that is led back to where it began passes for one that was
            // not led anywhere. So its 401 starts a refresh in vain, which the machine bounds (I15); the other
            // way round, a 401 would never be cured.
            None if self.own.is_some() && !response.extensions().is_empty() => {
                response.get_uri() != uri
            }
            // A middleware made it up. It has no URI either, and ureq would panic.
            None => false,
        }
    }
}

/// Read to its end, the answer lets its connection go back to the pool. In a thread of its own, since
/// an answer that stalls must not hold up the request; and in one for each client, since a thousand
/// callers may get a 401 at once. The others' connections are closed instead.
fn drain(draining: &Arc<AtomicBool>, body: ureq::Body) {
    const MOST: u64 = 64 << 10;
    const PATIENCE: Duration = Duration::from_secs(1);
    if draining.swap(true, Ordering::AcqRel) {
        return;
    }
    let turn = Turn(draining.clone());
    let (done, is_done) = mpsc::channel::<()>();
    let drainer = move || {
        let _ = io::copy(&mut body.into_reader().take(MOST), &mut io::sink());
        drop((turn, done));
    };
    if thread::Builder::new().spawn(drainer).is_ok() {
        let _ = is_done.recv_timeout(PATIENCE);
    }
}

/// Given back when dropped, which happens in a panic and if the thread can't be started, too.
struct Turn(Arc<AtomicBool>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("driver", &self.driver)
            .finish_non_exhaustive()
    }
}
