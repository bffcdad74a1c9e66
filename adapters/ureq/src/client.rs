use std::io::{self, Read};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use http::{Request, Response, StatusCode, Uri};
use simacan_auth_driver::{Driver, Wait};
use ureq::config::{ConfigBuilder, RedirectAuthHeaders};
use ureq::typestate::HttpCrateScope;
use ureq::{Agent, AsSendBody, ResponseExt};

use crate::simacan_auth::{Origin, Pending, Review, Sent};
use crate::{Body, Builder, Error, exchange};

/// A client that sends requests with a bearer token, and gets and refreshes that token by itself.
///
/// Clones share one session. With a store, dropping the last one waits until the session is saved, [5 s at
/// most](crate::Builder::drop_timeout) by default.
#[derive(Clone)]
pub struct Client {
    pub(crate) agent: Agent,
    /// Whether the agent was made here, with the configuration that a request with a token needs.
    pub(crate) is_own: bool,
    /// Whether the environment names a proxy, which no request to a loopback address may go by.
    pub(crate) is_env_proxied: bool,
    pub(crate) driver: Driver,
    /// A thread [`drain`]s an answer: there is one at a time.
    pub(crate) draining: Arc<Mutex<()>>,
}

impl Client {
    /// Sends a request to a target API and returns its answer, whatever the status.
    ///
    /// Waits for a token if there is none. After a 401 it refreshes and sends the request once more with the newer
    /// token.
    pub fn send<B: Body>(&self, request: Request<B>) -> Result<Response<ureq::Body>, Error> {
        let (parts, mut body) = request.into_parts();
        let mut pending = None;
        loop {
            let body = body
                .to_send()
                .map_err(|error| failed(&parts.uri, error.into()))?;
            let mut request = Request::from_parts(parts.clone(), body);
            let sent = self.authorize(pending, false, &mut request)?;
            let response = self
                .run(request)
                .map_err(|error| failed(&parts.uri, error))?;
            match self.review(sent, &response) {
                Review::Deliver => return Ok(response),
                Review::Retry(next) => pending = Some(next),
            }
            drain(&self.draining, response.into_body());
        }
    }

    /// Sends a request whose body can be read once only, such as
    /// [`SendBody::from_reader`](ureq::SendBody::from_reader).
    ///
    /// A 401 is delivered, and the next request gets a new token. A token that has only seconds to live is not used
    /// while its refresh is due or under way, unless that fails.
    pub fn send_once<B: AsSendBody>(
        &self,
        mut request: Request<B>,
    ) -> Result<Response<ureq::Body>, Error> {
        let sent = self.authorize(None, true, &mut request)?;
        let uri = request.uri().clone();
        let response = self.run(request).map_err(|error| failed(&uri, error))?;
        drop(self.review(sent, &response));
        Ok(response)
    }

    /// Starts a configuration of this request alone: it has the client's proxy, roots and time-outs until you change
    /// them. A configuration that was begun with another agent has none of these.
    ///
    /// ```no_run
    /// # use simacan_auth_ureq::{Client, Error, ureq::http::Request};
    /// # use std::time::Duration;
    /// # fn example(client: &Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let uri = "https://sct-tracking-data-api.services.simacan.com/api/v1/realisation";
    /// let request = client
    ///     .configure_request(Request::post(uri).body("<realisation/>")?)
    ///     .timeout_global(Some(Duration::from_secs(5)))
    ///     .build();
    /// client.send(request)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn configure_request<B: AsSendBody>(
        &self,
        request: Request<B>,
    ) -> ConfigBuilder<HttpCrateScope<B>> {
        self.agent.configure_request(request)
    }

    fn run(
        &self,
        mut request: Request<impl AsSendBody>,
    ) -> Result<Response<ureq::Body>, ureq::Error> {
        let is_loopback = |uri| Origin::of(uri).is_some_and(|origin| origin.is_loopback());
        let is_loopback = self.is_env_proxied && is_loopback(request.uri());
        // No redirect takes the token elsewhere (RFC 9700, section 4.12), and its status is an answer.
        if !self.is_own || is_loopback || !request.extensions().is_empty() {
            let mut config = (self.agent.configure_request(request))
                .http_status_as_error(false)
                .redirect_auth_headers(RedirectAuthHeaders::Never)
                .save_redirect_history(true);
            if is_loopback {
                config = config.proxy(exchange::proxy(self.agent.config(), true));
            }
            request = config.build();
        }
        self.agent.run(request)
    }

    pub(crate) fn authorize<B>(
        &self,
        pending: Option<Pending>,
        is_once: bool,
        request: &mut Request<B>,
    ) -> Result<Sent, Error> {
        let wait = Wait::new(is_once, None);
        let sent = self.driver.authorize_blocking(pending, wait, request);
        sent.map_err(simacan_auth_driver::Error::cast)
    }

    fn review(&self, sent: Sent, response: &Response<ureq::Body>) -> Review {
        // From a second place, which did not get the token.
        let is_redirected = || {
            let history = response.get_redirect_history();
            history.is_some_and(|history| history.len() > 1)
        };
        if response.status() == StatusCode::UNAUTHORIZED && is_redirected() {
            return Review::Deliver;
        }
        self.driver.review(sent, response.status())
    }

    simacan_auth_driver::client_methods!(self => self.driver, Builder, Error);
}

simacan_auth_driver::debug!(Client.driver);

fn failed(uri: &Uri, error: ureq::Error) -> Error {
    Error::of_request(Origin::of(uri), error)
}

/// Read to its end, the answer lets its connection go back to the pool. In a thread of its own, since
/// an answer that stalls must not hold up the request; and in one for each client, since a thousand
/// callers may get a 401 at once. The others' connections are closed instead.
fn drain(draining: &Arc<Mutex<()>>, body: ureq::Body) {
    const MOST: u64 = 64 << 10;
    const PATIENCE: Duration = Duration::from_secs(1);
    if draining.try_lock().is_err() {
        return;
    }
    let (draining, (done, is_done)) = (draining.clone(), mpsc::channel::<()>());
    let drainer = move || {
        let _done = done;
        if let Ok(_turn) = draining.try_lock() {
            let _ = io::copy(&mut body.into_reader().take(MOST), &mut io::sink());
        }
    };
    if thread::Builder::new().spawn(drainer).is_ok() {
        let _ = is_done.recv_timeout(PATIENCE);
    }
}
