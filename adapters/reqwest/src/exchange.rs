//! The exchange with the auth endpoint.

use std::mem;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use reqwest::{Client, ClientBuilder, redirect, retry};

use crate::builder::Http;
use crate::simacan_auth::{RequestBody, ResponseBody, TransportFailure};

/// Its client and its runtime are made for it and end with it: there is one exchange an hour, and what
/// rotates a token must not die with a runtime of the user's. The client that is made here checks the
/// settings, once.
pub(crate) fn over(
    http: Http,
    timeout: Duration,
) -> reqwest::Result<
    impl Fn(Request<RequestBody>) -> Result<Response<ResponseBody>, TransportFailure> + use<>,
> {
    client(&http, timeout)?;
    Ok(move |request| {
        let client = client(&http, timeout).map_err(TransportFailure::new)?;
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build();
        let runtime = runtime.map_err(TransportFailure::new)?;
        let answer = runtime.block_on(exchange(client, request));
        // A look-up of the host's name may still be under way.
        runtime.shutdown_background();
        answer.map_err(TransportFailure::new)
    })
}

/// A client that does what an exchange needs and nothing else.
fn client(http: &Http, timeout: Duration) -> reqwest::Result<Client> {
    http(ClientBuilder::new())
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        // A stale pooled connection fails like a lost answer.
        .pool_max_idle_per_host(0)
        // It would log passwords and tokens.
        .connection_verbose(false)
        .connect_timeout(timeout / 2)
        .timeout(timeout)
        .build()
}

async fn exchange(
    client: Client,
    request: Request<RequestBody>,
) -> reqwest::Result<Response<ResponseBody>> {
    let request = request.map(Bytes::from).try_into()?;
    let mut response = client.execute(request).await?;
    let mut body = ResponseBody::new();
    // One that breaks off is answered all the same: its status decides, or a whole object in it.
    while let Ok(Some(chunk)) = response.chunk().await {
        if body.push(&chunk).is_break() {
            break;
        }
    }
    let mut answer = Response::new(body);
    *answer.status_mut() = response.status();
    *answer.headers_mut() = mem::take(response.headers_mut());
    Ok(answer)
}
