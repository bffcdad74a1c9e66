use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response, StatusCode};
use simacan_auth::Review;
use tower_layer::Layer;
use tower_service::Service;

use crate::{Driver, Wait};

type BoxError = Box<dyn Error + Send + Sync>;

impl Driver {
    /// Returns a layer for a [`Service`] that sends `http` requests, such as hyper's and tonic's clients: each request
    /// gets the token. A 401 is delivered; it has ended the token, so the next request has a new one.
    ///
    /// The service gets absolute URIs (of tonic's clients, those that were made `with_origin`). Its redirects are its
    /// own; hyper and tonic follow none. Put a layer that follows them around this one, which then checks each hop;
    /// the other way round, nobody does.
    ///
    /// gRPC's `UNAUTHENTICATED` counts as a 401 if it comes in the response's head, as it does for a call that is
    /// refused before its first message. A call for which there is no token fails with this crate's
    /// [`Error`](crate::Error); tonic makes that the `source` of a `Status` with the code `Unknown`.
    ///
    /// ```
    /// # use simacan_auth_driver::Driver;
    /// # use tower_layer::Layer;
    /// # fn example<S: Clone>(driver: &Driver, service: S) {
    /// let service = driver.layer::<Vec<u8>>().layer(service);
    /// # }
    /// ```
    pub fn layer<B>(&self) -> AuthorizeLayer<B> {
        AuthorizeLayer {
            driver: self.clone(),
            replay: None,
        }
    }

    /// Returns a [`layer`](Self::layer) that also sends a request once more after a 401, with a newer token. It
    /// clones each body, so bodies should be cheap to clone. The body of the 401 is not read, which may cost its
    /// connection.
    pub fn replaying_layer<B: Clone>(&self) -> AuthorizeLayer<B> {
        AuthorizeLayer {
            driver: self.clone(),
            replay: Some(B::clone),
        }
    }
}

/// The layer of [`Driver::layer`]: it puts the token on each request of a service.
pub struct AuthorizeLayer<B> {
    driver: Driver,
    replay: Option<fn(&B) -> B>,
}

/// A service whose requests carry the token. Clones share one session.
pub struct Authorize<S, B> {
    service: S,
    driver: Driver,
    replay: Option<fn(&B) -> B>,
}

impl<S, B> Layer<S> for AuthorizeLayer<B> {
    type Service = Authorize<S, B>;

    fn layer(&self, service: S) -> Authorize<S, B> {
        Authorize {
            service,
            driver: self.driver.clone(),
            replay: self.replay,
        }
    }
}

/// The error is the service's or an [`Error`](crate::Error).
impl<S, B, R> Service<Request<B>> for Authorize<S, B>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: Send + 'static,
    R: Send,
{
    type Response = Response<R>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.service.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The one that was found ready is the one that is called.
        let other = self.service.clone();
        let mut service = mem::replace(&mut self.service, other);
        let (driver, replay) = (self.driver.clone(), self.replay);
        Box::pin(async move {
            let mut pending = None;
            loop {
                let wait = Wait::new(replay.is_none(), None);
                let sent = driver.authorize_with(pending, wait, &mut request).await?;
                let (parts, body) = request.into_parts();
                let again = replay.map(|replay| Request::from_parts(parts.clone(), replay(&body)));
                let response = service.call(Request::from_parts(parts, body));
                let response = response.await.map_err(Into::into)?;
                match (driver.review(sent, status(&response)), again) {
                    (Review::Retry(next), Some(again)) => (pending, request) = (Some(next), again),
                    _ => return Ok(response),
                }
                drop(response);
                poll_fn(|context| service.poll_ready(context))
                    .await
                    .map_err(Into::into)?;
            }
        })
    }
}

/// 401 for gRPC's `UNAUTHENTICATED` too, whose HTTP status is 200.
fn status<R>(response: &Response<R>) -> StatusCode {
    match response.headers().get("grpc-status") {
        Some(code) if code == "16" => StatusCode::UNAUTHORIZED,
        _ => response.status(),
    }
}

impl<B> Clone for AuthorizeLayer<B> {
    fn clone(&self) -> Self {
        Self {
            driver: self.driver.clone(),
            ..*self
        }
    }
}

impl<S: Clone, B> Clone for Authorize<S, B> {
    fn clone(&self) -> Self {
        Self {
            service: self.service.clone(),
            driver: self.driver.clone(),
            ..*self
        }
    }
}

impl<B> fmt::Debug for AuthorizeLayer<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizeLayer")
            .field("driver", &self.driver)
            .finish_non_exhaustive()
    }
}

impl<S: fmt::Debug, B> fmt::Debug for Authorize<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorize")
            .field("service", &self.service)
            .field("driver", &self.driver)
            .finish_non_exhaustive()
    }
}
