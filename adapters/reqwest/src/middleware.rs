use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{Error, Middleware, Next};

use crate::Client;
use crate::client::{deadline, drain};
use crate::simacan_auth::Review;

/// The middleware for a [`reqwest_middleware::ClientWithMiddleware`] that is in use already: each of its requests gets
/// the token, and after a 401 it goes through the rest of the chain once more, if its body can be sent twice.
///
/// Put it last of those that change or repeat requests. The client at the end of the chain is the user's
/// own, and so are its redirects: reqwest takes the token off at the first hop to another host and puts it
/// back on the way home, and nothing here sees that. Give that client `redirect::Policy::none()`, or use
/// [`Client::send`], which checks each hop.
///
/// [`Error::Denied`](crate::Error) and [`Error::ForeignOrigin`](crate::Error) are inside
/// [`reqwest_middleware::Error::Middleware`].
///
/// ```no_run
/// # fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use reqwest_middleware::ClientBuilder;
/// use simacan_auth_reqwest::{Client, Credentials, Provider, reqwest};
///
/// let auth = Client::builder(Provider::simacan(), Credentials::new("u", "p")).build()?;
/// let no_redirects = reqwest::redirect::Policy::none();
/// let client = reqwest::Client::builder().redirect(no_redirects).build()?;
/// let client = ClientBuilder::new(client).with(auth).build();
/// # drop(client);
/// # Ok(())
/// # }
/// ```
#[async_trait::async_trait]
impl Middleware for Client {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let (url, deadline) = (request.url().clone(), deadline(&request));
        let mut pending = None;
        loop {
            let again = request.try_clone(); // before there is a token on it
            let sent = self.authorize(pending, &mut request, deadline).await;
            let sent = sent.map_err(Error::middleware)?;
            let response = next.clone().run(request, extensions).await?;
            let review = self.review(sent, &url, &response);
            let (Review::Retry(next), Some(again)) = (review, again) else {
                return Ok(response);
            };
            drain(response).await;
            (pending, request) = (Some(next), again);
        }
    }
}
