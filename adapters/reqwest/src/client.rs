use std::fmt;
use std::future::Future;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use reqwest::{IntoUrl, Request, RequestBuilder, Response, Url};
use simacan_auth::{Credentials, Origin, Permit, Provider, Status, Ticket, Verdict};
use tokio::time::timeout;

use crate::again::{Again, ShortCopy};
use crate::driver::Driver;
use crate::{Builder, Error};

/// Sends requests to target APIs with a bearer token, and keeps it good.
///
/// Clones are cheap and share one session.
#[derive(Clone)]
pub struct Client {
    pub(crate) client: reqwest::Client,
    pub(crate) driver: Arc<Driver>,
}

impl Client {
    /// Starts with where to log in and as whom.
    pub fn builder(provider: Provider, credentials: Credentials) -> Builder {
        Builder::new(provider, credentials)
    }

    /// Logs in, if there is no token yet: a program that does it at its start learns at once that its
    /// password is wrong. There is no need to; the first request does the same.
    pub async fn log_in(&self) -> Result<Status, Error> {
        self.driver.log_in().await
    }

    /// Sends a request to a target API and gives its answer, whatever the status.
    ///
    /// Waits for a token where there is none. After a 401 the request is sent once more with
    /// a newer one, if its body can be sent twice.
    ///
    /// The request is made with [`post`](Self::post) and the like. One that was made with another
    /// `reqwest::Client` is sent with this one's all the same. What it has been given by
    /// [`RequestBuilder::from_parts`] may have extensions: they go with the first try only, where
    /// [`execute`](Self::execute) keeps them.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, Error> {
        let (_, request) = request.build_split();
        let mut request = request?;
        let mut copy = ShortCopy::new();
        let again = Again::of_built(&request, &mut copy); // before there is a token on it
        let ticket = self.authorize(None, &mut request).await?;
        let response = self.client.execute(request).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            return self.send_again(ticket, again, response).await;
        }
        drop(self.driver.review(ticket, response.status()));
        Ok(response)
    }

    /// As [`send`](Self::send), for a request that has been built. If it was made of an `http::Request`, its
    /// extensions go with it both times.
    pub async fn execute(&self, mut request: Request) -> Result<Response, Error> {
        let again = Again::of(&request); // before there is a token on it
        let ticket = self.authorize(None, &mut request).await?;
        let response = self.client.execute(request).await?;
        self.send_again(ticket, again, response).await
    }

    /// After a 401 that a newer token may cure.
    async fn send_again(
        &self,
        ticket: Ticket,
        again: Again<'_>,
        mut response: Response,
    ) -> Result<Response, Error> {
        let Verdict::Retry(permit) = self.review(ticket, &again, &response) else {
            return Ok(response);
        };
        let Some(mut request) = again.into_request() else {
            return Ok(response);
        };
        drain(&mut response).await;
        let again = Again::Never(request.url().clone());
        let ticket = self.authorize(Some(permit), &mut request).await?;
        let response = self.client.execute(request).await?;
        drop(self.review(ticket, &again, &response));
        Ok(response)
    }

    /// What [`execute`](Self::execute) does with a token before it sends. Public for the benchmarks.
    #[doc(hidden)]
    pub async fn authorize(
        &self,
        permit: Option<Permit>,
        request: &mut Request,
    ) -> Result<Ticket, Error> {
        if permit.is_none()
            && let Some(ticket) = self.driver.authorize_now(|pass, now| {
                pass.authorize_other(now, request, |it| it.url().as_str(), Request::headers_mut)
            })
        {
            return Ok(ticket);
        }
        // The URL is borrowed from the same request as the headers.
        let mut headers = mem::take(request.headers_mut());
        let origin = origin(request.url());
        let ticket = self.driver.authorize_headers(permit, origin, &mut headers);
        let ticket = ticket.await;
        *request.headers_mut() = headers;
        ticket
    }

    pub(crate) fn review(&self, ticket: Ticket, again: &Again<'_>, response: &Response) -> Verdict {
        let is_there = || Some(response.url().origin()) == again.url().map(|url| url.origin());
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

    /// Refreshes whenever it is time, until all clones of this client are gone. For a task of
    /// yours, with [`Builder::keep_alive`].
    ///
    /// ```no_run
    /// # use simacan_auth_reqwest::{Client, Credentials, Provider};
    /// # let credentials = Credentials::new("u", "p");
    /// let client = Client::builder(Provider::simacan(), credentials).keep_alive().build()?;
    /// tokio::spawn(client.keep_alive());
    /// # Ok::<(), simacan_auth_reqwest::reqwest::Error>(())
    /// ```
    pub fn keep_alive(&self) -> impl Future<Output = ()> + Send + 'static {
        Driver::keep_alive(Arc::downgrade(&self.driver))
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

/// Read to its end, the answer lets its connection go back to the pool.
pub(crate) async fn drain(response: &mut Response) {
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
    let _ = timeout(PATIENCE, read).await;
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
