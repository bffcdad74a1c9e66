//! The exchange with the auth endpoint.

use std::error::Error;
use std::sync::LazyLock;
use std::time::Duration;
use std::{io, iter, mem, thread};

use bytes::Bytes;
use http::{Request, Response};
use reqwest::{Client, ClientBuilder, redirect, retry};
use tokio::runtime::{self, Runtime};

use crate::builder::Http;
use crate::simacan_auth::{Origin, RequestBody, ResponseBody, TransportFailure};

/// Its client and its runtime are made for it and end with it: there is one exchange an hour, and what
/// rotates a token must not die with a runtime of the user's.
pub(crate) fn over(
    http: Http,
    is_loopback: bool,
    timeout: Duration,
) -> impl Fn(Request<RequestBody>) -> Result<Response<ResponseBody>, TransportFailure> + use<> {
    move |request| {
        let client = client(&http, is_loopback, timeout).map_err(TransportFailure::not_sent)?;
        let runtime = runtime().map_err(TransportFailure::not_sent)?;
        let answer = runtime.block_on(exchange(client, request));
        // A look-up of the host's name may still be under way.
        runtime.shutdown_background();
        answer.map_err(|error| match error.without_url() {
            error if error.is_connect() || error.is_builder() => TransportFailure::not_sent(error),
            error => TransportFailure::new(error),
        })
    }
}

/// A client that does what an exchange needs and nothing else.
///
/// What a builder of reqwest holds can't be read. So this is the user's, and each thing that an exchange must not
/// take over is set here, by its name. What is left is what it takes over: roots and certificates, proxies, name
/// resolution, local address and interface, options of sockets; and default headers, which can't be taken off.
pub(crate) fn client(http: &Http, is_loopback: bool, timeout: Duration) -> reqwest::Result<Client> {
    let builder = configured(http, is_loopback);
    let builder = builder.redirect(redirect::Policy::none()).referer(false);
    // What a server says when it closes an HTTP/2 connection would stand in the error.
    let builder = builder.http1_only().retry(retry::never());
    let builder = builder.no_gzip().no_brotli().no_deflate().no_zstd();
    // A stale connection fails like a lost answer. The log would hold passwords and tokens.
    let builder = builder.pool_max_idle_per_host(0).connection_verbose(false);
    // It takes less than all to connect, so that it is known whether there was a connection.
    let builder = builder.connect_timeout(timeout / 2).read_timeout(timeout);
    #[cfg(feature = "cookies")]
    let builder = builder.cookie_store(false);
    #[cfg(feature = "rustls")]
    let builder = builder
        .tls_danger_accept_invalid_certs(false)
        .tls_danger_accept_invalid_hostnames(false)
        .tls_sslkeylogfile(false);
    builder.timeout(timeout).build()
}

/// As the user says. On the way to a loopback address no proxy of the environment is asked; one that the user sets
/// counts.
pub(crate) fn configured(http: &Http, is_loopback: bool) -> ClientBuilder {
    let mut builder = ClientBuilder::new();
    if is_loopback {
        builder = builder.no_proxy();
    }
    http(builder)
}

/// Whether what goes there is encrypted, or need not be. TLS may come from features that the user has turned on in
/// reqwest alone. Without it reqwest hands what is meant for https to a proxy in the clear.
pub(crate) fn check_tls<'a>(
    origin: impl FnOnce() -> Option<Origin<'a>>,
) -> Result<(), crate::Error> {
    // In a thread, since there may be a runtime in this one.
    static HAS_TLS: LazyLock<bool> = LazyLock::new(|| thread::spawn(probe).join().unwrap_or(true));
    if cfg!(feature = "rustls") || *HAS_TLS {
        return Ok(());
    }
    origin().map_or(Ok(()), crate::Error::check_no_tls)
}

/// Asks reqwest to connect to where nobody can listen. Without TLS and without a proxy it refuses the scheme,
/// else the system refuses the port. What can't be made, which reqwest panics about, is TLS.
fn probe() -> bool {
    let client = ClientBuilder::new().no_proxy().build();
    let client = client.expect("there is a crypto provider");
    let Ok(runtime) = runtime() else {
        return false;
    };
    let sent = runtime.block_on(client.get("https://127.0.0.1:0").send());
    let error = sent.expect_err("nobody listens there");
    let mut causes = iter::successors(error.source(), |error| (**error).source());
    causes.any(<dyn Error>::is::<io::Error>)
}

fn runtime() -> io::Result<Runtime> {
    runtime::Builder::new_current_thread().enable_all().build()
}

async fn exchange(
    client: Client,
    request: Request<RequestBody>,
) -> reqwest::Result<Response<ResponseBody>> {
    let mut response = client.execute(request.map(Bytes::from).try_into()?).await?;
    let mut body = ResponseBody::new();
    // One that breaks off is answered all the same: its status decides, or a whole object in it.
    while let Ok(Some(chunk)) = response.chunk().await
        && body.push(&chunk).is_continue()
    {}
    let mut answer = Response::new(body);
    *answer.status_mut() = response.status();
    *answer.headers_mut() = mem::take(response.headers_mut());
    Ok(answer)
}

#[cfg(test)]
mod tests {
    /// `tests/no_tls.rs` has the other side.
    #[cfg(feature = "rustls")]
    #[test]
    fn reqwest_is_found_to_have_the_tls_that_it_has() {
        assert!(super::probe());
    }
}
