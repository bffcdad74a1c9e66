use std::time::{Duration, Instant};

use http::{HeaderValue, Method, StatusCode, header};
use reqwest::{IntoUrl, Request, RequestBuilder as Inner, Response, Url};
use simacan_auth_driver::{Driver, Wait};

use crate::exchange::check_tls;
use crate::simacan_auth::{Origin, Pending, Review, Sent, TargetRequest};
use crate::{Builder, Error, RequestBuilder};

/// A client that sends requests with a bearer token, and gets and refreshes that token by itself.
///
/// Clones are cheap and share one session. With a store, dropping the last one blocks until the session is saved, [5
/// s at most](crate::Builder::drop_timeout) by default: an async program calls [`settle`](Self::settle) first.
#[derive(Clone)]
pub struct Client {
    pub(crate) client: reqwest::Client,
    pub(crate) driver: Driver,
}

impl Client {
    /// Sends a request to a target API and returns its answer, whatever the status.
    ///
    /// Waits for a token if there is none. After a 401 it refreshes and sends the request once more with the newer
    /// token, if the body can be sent twice. If it can't, a token that has only seconds to live is not used while its
    /// refresh is due or under way. A time-out of the request's own covers all of that.
    ///
    /// [`RequestBuilder::send`] does the same. A request that was made with another client, of this crate or of
    /// reqwest, is sent with this one.
    pub async fn send(&self, request: impl Into<Inner>) -> Result<Response, Error> {
        let request = request.into().build();
        let request = request.map_err(|error| Error::of_request(None, error))?;
        self.execute(request).await
    }

    /// Sends a request that has been built, as [`send`](Self::send) does.
    pub async fn execute(&self, mut request: Request) -> Result<Response, Error> {
        let (url, deadline) = (request.url().clone(), deadline(&request));
        let mut pending = None;
        loop {
            let again = request.try_clone(); // before there is a token on it
            let sent = self.authorize(pending, &mut request, deadline).await?;
            let response = self.client.execute(request).await;
            let response = response.map_err(|error| Error::of_request(origin(&url), error))?;
            let review = self.review(sent, &url, &response);
            let (Review::Retry(next), Some(again)) = (review, again) else {
                return Ok(response);
            };
            drain(response).await;
            (pending, request) = (Some(next), again);
        }
    }

    /// With the wait for the token, the request has to keep to this time.
    pub(crate) async fn authorize(
        &self,
        pending: Option<Pending>,
        request: &mut Request,
        deadline: Option<Instant>,
    ) -> Result<Sent, Error> {
        check_tls(|| origin(request.url()))?;
        if let Some(sent) = (self.driver).authorize_now(pending.as_ref(), &mut Target(request)) {
            return Ok(sent);
        }
        let left = || deadline.map(|at| at.saturating_duration_since(Instant::now()));
        let is_once = request.body().is_some_and(|body| body.as_bytes().is_none());
        let wait = Wait::new(is_once, left());
        let mut target = Target(request);
        let sent = (self.driver).authorize_with(pending, wait, &mut target);
        let sent = sent.await;
        *request.timeout_mut() = left().or(request.timeout().copied());
        sent.map_err(simacan_auth_driver::Error::cast)
    }

    pub(crate) fn review(&self, sent: Sent, sent_to: &Url, response: &Response) -> Review {
        let status = response.status();
        if status == StatusCode::UNAUTHORIZED && response.url().origin() != sent_to.origin() {
            return Review::Deliver; // from a second place: it says nothing about the token
        }
        self.driver.review(sent, status)
    }

    simacan_auth_driver::client_methods!(self => self.driver, Builder, Error, async);

    /// Starts a request with this method.
    pub fn request(&self, method: Method, url: impl IntoUrl) -> RequestBuilder {
        RequestBuilder(self.clone(), self.client.request(method, url))
    }
}

/// One for each method.
macro_rules! methods {
    ($($name:ident $method:ident)*) => {
        impl Client {$(
            #[doc = concat!("Starts a `", stringify!($method), "`.")]
            pub fn $name(&self, url: impl IntoUrl) -> RequestBuilder {
                self.request(Method::$method, url)
            }
        )*}
    };
}

methods!(get GET post POST put PUT patch PATCH delete DELETE head HEAD);

simacan_auth_driver::debug!(Client.driver);

/// Lets go of a first answer: the server may have no other connection. Read to its end, it lets its
/// connection go back to the pool: it gets a second, if it says that it is short.
pub(crate) async fn drain(response: Response) {
    const MOST: u64 = 64 << 10;
    if response
        .content_length()
        .is_some_and(|length| length <= MOST)
    {
        let _ = tokio::time::timeout(Duration::from_secs(1), response.bytes()).await;
    }
}

/// When a request with a time-out of its own has to be answered.
pub(crate) fn deadline(request: &Request) -> Option<Instant> {
    Instant::now().checked_add(*request.timeout()?)
}

struct Target<'a>(&'a mut Request);

impl TargetRequest for Target<'_> {
    fn location(&self) -> Option<(&str, &str)> {
        Some(location(self.0.url()))
    }

    fn set_authorization(&mut self, value: HeaderValue) {
        self.0.headers_mut().insert(header::AUTHORIZATION, value);
    }

    fn resource(&self) -> Option<(&str, &str)> {
        Some((self.0.method().as_str(), self.0.url().path()))
    }
}

/// Scheme, host and port. User information, which `Url` writes without another `@`, is none of the origin's, and
/// what reqwest makes of it is replaced by the token.
fn location(url: &Url) -> (&str, &str) {
    let host = url.authority().rsplit('@').next();
    (url.scheme(), host.unwrap_or_default())
}

pub(crate) fn origin(url: &Url) -> Option<Origin<'_>> {
    let (scheme, authority) = location(url);
    Origin::parse(scheme, authority)
}
