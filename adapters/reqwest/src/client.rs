use std::fmt;
use std::mem;
use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use reqwest::{IntoUrl, Request, RequestBuilder, Response, Url};
use simacan_auth_driver::Driver;

use crate::simacan_auth::{Credentials, Origin, Permit, Provider, Status, Ticket, Verdict};
use crate::{Builder, Error};

/// Sends requests to target APIs with a bearer token, and keeps it good.
///
/// Clones are cheap and share one session. The drop of the last one waits, if there is a store, until what
/// is under way is saved: an async program calls [`settle`](Self::settle) before.
#[derive(Clone)]
pub struct Client {
    pub(crate) client: reqwest::Client,
    pub(crate) driver: Driver,
}

impl Client {
    /// Starts with where to log in and as whom.
    pub fn builder(provider: Provider, credentials: Credentials) -> Builder {
        Builder::new(provider, credentials)
    }

    /// Logs in, if there is no token yet: a program that does it at its start learns at once that its
    /// password is wrong. There is no need to; the first request does the same.
    pub async fn log_in(&self) -> Result<Status, Error> {
        let status = self.driver.log_in().await;
        status.map_err(simacan_auth_driver::Error::cast)
    }

    /// Sends a request to a target API and gives its answer, whatever the status.
    ///
    /// Waits for a token where there is none. After a 401 the request is sent once more with
    /// a newer one, if its body can be sent twice. A time-out of the request's own covers all of that.
    ///
    /// The request is made with [`post`](Self::post) and the like. One that was made with another
    /// `reqwest::Client` is sent with this one's all the same.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, Error> {
        let (_, request) = request.build_split();
        self.execute(request.map_err(Error::Request)?).await
    }

    /// As [`send`](Self::send), for a request that has been built.
    pub async fn execute(&self, mut request: Request) -> Result<Response, Error> {
        let (url, deadline) = (request.url().clone(), deadline(&request));
        let mut permit = None;
        loop {
            let again = request.try_clone(); // before there is a token on it
            let ticket = self.authorize(permit, &mut request, deadline).await?;
            let response = self.client.execute(request).await.map_err(Error::Request)?;
            let verdict = self.review(ticket, &url, &response);
            let (Verdict::Retry(next), Some(again)) = (verdict, again) else {
                return Ok(response);
            };
            drain(response).await;
            (permit, request) = (Some(next), again);
        }
    }

    /// With the wait for the token, the request has to keep to this time.
    pub(crate) async fn authorize(
        &self,
        permit: Option<Permit>,
        request: &mut Request,
        deadline: Option<Instant>,
    ) -> Result<Ticket, Error> {
        if permit.is_none()
            && let Some(ticket) = self.driver.authorize_now(|pass, now| {
                pass.authorize_other(now, request, |it| it.url().as_str(), Request::headers_mut)
            })
        {
            return Ok(ticket);
        }
        let left = || deadline.map(|at| at.saturating_duration_since(Instant::now()));
        // The URL is borrowed from the same request as the headers.
        let mut headers = mem::take(request.headers_mut());
        let origin = origin(request.url());
        let ticket = self
            .driver
            .authorize_headers(permit, false, left(), origin, &mut headers);
        let ticket = ticket.await;
        *request.headers_mut() = headers;
        *request.timeout_mut() = left();
        ticket.map_err(simacan_auth_driver::Error::cast)
    }

    pub(crate) fn review(&self, ticket: Ticket, sent_to: &Url, response: &Response) -> Verdict {
        let is_there = || response.url().origin() == sent_to.origin();
        if response.status() == StatusCode::UNAUTHORIZED && !is_there() {
            return Verdict::Deliver; // from a second place: it says nothing about the token
        }
        self.driver.review(ticket, response.status())
    }

    /// Other credentials: the only thing that ends a [`Denied::Rejected`](crate::Denied::Rejected).
    pub fn set_credentials(&self, credentials: Credentials) {
        self.driver.set_credentials(credentials);
    }

    /// What the session is doing.
    pub fn status(&self) -> Status {
        self.driver.status()
    }

    /// Waits until nothing is under way and all is saved: for a program that is about to end. Whether
    /// that is so within `timeout`.
    pub async fn settle(&self, timeout: Duration) -> bool {
        self.driver.settle(timeout).await
    }

    /// What keeps the session. With the feature `tower` it has a layer for what sends `http` requests.
    pub fn driver(&self) -> &Driver {
        &self.driver
    }

    /// Starts a request; [`send`](Self::send) sends it.
    pub fn request(&self, method: Method, url: impl IntoUrl) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// Starts a `GET`.
    pub fn get(&self, url: impl IntoUrl) -> RequestBuilder {
        self.client.get(url)
    }

    /// Starts a `POST`.
    pub fn post(&self, url: impl IntoUrl) -> RequestBuilder {
        self.client.post(url)
    }

    /// Starts a `PUT`.
    pub fn put(&self, url: impl IntoUrl) -> RequestBuilder {
        self.client.put(url)
    }

    /// Starts a `PATCH`.
    pub fn patch(&self, url: impl IntoUrl) -> RequestBuilder {
        self.client.patch(url)
    }

    /// Starts a `DELETE`.
    pub fn delete(&self, url: impl IntoUrl) -> RequestBuilder {
        self.client.delete(url)
    }

    /// Starts a `HEAD`.
    pub fn head(&self, url: impl IntoUrl) -> RequestBuilder {
        self.client.head(url)
    }
}

/// Lets go of a first answer: the server may have no other connection. Read to its end, it lets its
/// connection go back to the pool.
pub(crate) async fn drain(mut response: Response) {
    const PATIENCE: Duration = Duration::from_secs(1);
    let read = async {
        let mut left: usize = 64 << 10;
        while let Ok(Some(chunk)) = response.chunk().await {
            left = left.saturating_sub(chunk.len());
            if left == 0 {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(PATIENCE, read).await;
}

/// When a request with a time-out of its own has to be answered.
pub(crate) fn deadline(request: &Request) -> Option<Instant> {
    let timeout = *request.timeout()?;
    Instant::now().checked_add(timeout)
}

/// `Url` has one reading of every text, the one that the request is sent by.
pub(crate) fn origin(url: &Url) -> Option<Origin<'_>> {
    Origin::new(url.scheme(), url.host_str()?, url.port())
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("driver", &self.driver)
            .finish_non_exhaustive()
    }
}
