use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Body, Request, RequestBuilder as Inner, Response};

use crate::{Client, Error};

/// A builder of a request to a target API, whose [`send`](Self::send) puts the token on it: reqwest's
/// [`RequestBuilder`](reqwest::RequestBuilder), bound to a [`Client`] of this crate.
#[must_use = "it does nothing until it is sent"]
#[derive(Debug)]
pub struct RequestBuilder(pub(crate) Client, pub(crate) Inner);

impl RequestBuilder {
    /// Sets headers, in place of those of the same names.
    pub fn headers(self, headers: HeaderMap) -> Self {
        self.with(|request| request.headers(headers))
    }

    /// Sets the body: bytes and text can be sent again after a 401, a stream can't.
    pub fn body(self, body: impl Into<Body>) -> Self {
        self.with(|request| request.body(body))
    }

    /// Sets the body to JSON, and its `Content-Type`.
    #[cfg(feature = "json")]
    pub fn json(self, json: &(impl serde::Serialize + ?Sized)) -> Self {
        self.with(|request| request.json(json))
    }

    /// Sets how long the request may take in all, with the wait for a token and a second try. Default: none. The
    /// time-outs of the client's [configuration](crate::Builder::http) hold for each sending.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.with(|request| request.timeout(timeout))
    }

    /// Adds a header.
    pub fn header<N, V>(self, name: N, value: V) -> Self
    where
        HeaderName: TryFrom<N, Error: Into<http::Error>>,
        HeaderValue: TryFrom<V, Error: Into<http::Error>>,
    {
        self.with(|request| request.header(name, value))
    }

    /// Sets anything else that reqwest's builder offers, with the features of reqwest that are on.
    ///
    /// ```
    /// # fn example(client: &simacan_auth_reqwest::Client) {
    /// let request = client
    ///     .post("https://sct-tracking-data-api.services.simacan.com/api/v1/realisation")
    ///     .with(|request| request.version(http::Version::HTTP_11));
    /// # drop(request);
    /// # }
    /// ```
    pub fn with(self, with: impl FnOnce(Inner) -> Inner) -> Self {
        Self(self.0, with(self.1))
    }

    /// Clones the request, if its body can be sent twice.
    pub fn try_clone(&self) -> Option<Self> {
        Some(Self(self.0.clone(), self.1.try_clone()?))
    }

    /// Builds the request, without a token: for [`Client::execute`].
    pub fn build(self) -> reqwest::Result<Request> {
        self.1.build()
    }

    /// Sends the request: see [`Client::send`].
    pub async fn send(self) -> Result<Response, Error> {
        self.0.send(self.1).await
    }
}

/// Whoever sends that itself sends it without a token.
impl From<RequestBuilder> for Inner {
    fn from(request: RequestBuilder) -> Self {
        request.1
    }
}
