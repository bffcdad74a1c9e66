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
        // The URL may have a query that is nobody's business.
        answer.map_err(|error| TransportFailure::new(error.without_url()))
    })
}

/// A client that does what an exchange needs and nothing else: it has the user's roots, proxy, resolver and local
/// address, and no more of what the user has set for the targets than can't be undone here.
fn client(http: &Http, timeout: Duration) -> reqwest::Result<Client> {
    http(ClientBuilder::new())
        // An error of HTTP/2 may repeat what the server has said, and that what it was sent (RFC 9113, section 6.8).
        .http1_only()
        .referer(false)
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        // A stale pooled connection fails like a lost answer.
        .pool_max_idle_per_host(0)
        // It would log passwords and tokens.
        .connection_verbose(false)
        .connect_timeout(timeout / 2)
        .read_timeout(timeout)
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
