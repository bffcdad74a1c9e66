use http::{Request, Response, StatusCode};
use ureq::middleware::{Middleware, MiddlewareNext};
use ureq::{Body, SendBody};

use crate::Client;

/// The middleware for an [`Agent`](ureq::Agent) that is in use already: each of its requests gets the token, and a 401
/// ends it, so that the next request has a new one.
///
/// **A middleware can't send a request again**: the body is gone. So the 401 itself is delivered, where
/// [`Client::send`] would have cured it.
///
/// The agent is the user's own. It follows redirects as its configuration says: with
/// `redirect_auth_headers` at its default no second place gets the token; with `SameHost`, any port of the
/// host does. A 401 from there counts as one of the first, and costs a refresh. Every request of the agent
/// goes to a target that the provider allows, or fails with [`Error::ForeignOrigin`](crate::Error). That
/// error and [`Error::Denied`](crate::Error) are inside [`ureq::Error::Other`].
///
/// ```no_run
/// use simacan_auth_ureq::{Client, Credentials, Provider, ureq};
///
/// let client = Client::builder(Provider::simacan(), Credentials::new("u", "p")).build()?;
/// let agent: ureq::Agent = ureq::Agent::config_builder().middleware(client).build().into();
/// agent
///     .post("https://sct-tracking-data-api.services.simacan.com/api/v1/realisation")
///     .send("…")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl Middleware for Client {
    fn handle(
        &self,
        mut request: Request<SendBody<'_>>,
        next: MiddlewareNext<'_>,
    ) -> Result<Response<Body>, ureq::Error> {
        let sent = self
            .authorize(None, true, &mut request)
            .map_err(|error| ureq::Error::Other(error.into()))?;
        let answer = next.handle(request);
        let status = match &answer {
            Ok(response) => Some(response.status()),
            Err(ureq::Error::StatusCode(status)) => StatusCode::from_u16(*status).ok(),
            Err(_) => None,
        };
        if let Some(status) = status {
            drop(self.driver.review(sent, status));
        }
        answer
    }
}
