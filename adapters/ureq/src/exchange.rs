//! The exchange with the auth endpoint.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{Request, Response};
use ureq::config::Config;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{ConnectionDetails, Connector, DefaultConnector, Transport};
use ureq::{Agent, Proxy};

use crate::simacan_auth::{RequestBody, ResponseBody, TransportFailure, Zeroizing};

/// On an agent of its own, made for it: it keeps no connection and no cookies, and does nothing but what is said
/// here. The user's says which proxy, TLS and address family.
pub(crate) fn over(
    agent: &Agent,
    is_loopback: bool,
    timeout: Duration,
) -> impl Fn(Request<RequestBody>) -> Result<Response<ResponseBody>, TransportFailure> + use<> {
    let config = agent.config();
    let builder = Agent::config_builder()
        .proxy(proxy(config, is_loopback))
        .ip_family(config.ip_family())
        .max_redirects(0)
        .http_status_as_error(false)
        // What is given up after the server has replaced the refresh token costs the session: so the rest, for
        // the answer, is always a quarter at least.
        .timeout_resolve(Some(timeout / 4))
        .timeout_connect(Some(timeout / 2))
        .timeout_global(Some(timeout));
    #[cfg(feature = "_tls")]
    let builder = builder.tls_config(tls(config.tls_config()));
    let config = builder.build();
    move |request| {
        let is_connected = Arc::<AtomicBool>::default();
        let connector = Noted(DefaultConnector::new(), is_connected.clone());
        let agent = Agent::with_parts(config.clone(), connector, DefaultResolver::default());
        exchange(&agent, request).map_err(|error| match error {
            error if is_connected.load(Ordering::Relaxed) => TransportFailure::new(error),
            error => TransportFailure::not_sent(error),
        })
    }
}

/// The one that the user has set, or that of the environment, which is for what is beyond this machine.
pub(crate) fn proxy(config: &Config, is_loopback: bool) -> Option<Proxy> {
    let proxy = config.proxy();
    let proxy = proxy.filter(|proxy| !is_loopback || !proxy.is_from_env());
    proxy.cloned()
}

/// All but `disable_verification`: what is sent here is the password.
#[cfg(feature = "_tls")]
fn tls(users: &ureq::tls::TlsConfig) -> ureq::tls::TlsConfig {
    let builder = ureq::tls::TlsConfig::builder()
        .provider(users.provider())
        .client_cert(users.client_cert().cloned())
        .root_certs(users.root_certs().clone())
        .use_sni(users.use_sni());
    #[cfg(feature = "rustls-no-provider")]
    if let Some(crypto) = users.unversioned_rustls_crypto_provider().clone() {
        return builder.unversioned_rustls_crypto_provider(crypto).build();
    }
    builder.build()
}

/// Notes whether there is a connection: before that, nothing of a request leaves.
#[derive(Debug)]
struct Noted(DefaultConnector, Arc<AtomicBool>);

impl Connector for Noted {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        // To connect to a proxy ureq comes here again from within, so that the outer one has the last word.
        let connected = self.0.connect(details, chained);
        let is_connected = matches!(connected, Ok(Some(_)));
        self.1.store(is_connected, Ordering::Relaxed);
        connected
    }
}

fn exchange(
    agent: &Agent,
    request: Request<RequestBody>,
) -> Result<Response<ResponseBody>, ureq::Error> {
    let (parts, body) = request.into_parts();
    let response = agent.run(Request::from_parts(parts, &body[..]))?;
    let (parts, body) = response.into_parts();
    let mut reader = body.into_reader();
    let mut collected = ResponseBody::new();
    let mut chunk = Zeroizing::new([0; 4096]);
    loop {
        // One that breaks off is answered all the same: its status decides, or a whole object in it.
        let length = reader.read(&mut *chunk).unwrap_or(0);
        if length == 0 || collected.push(&chunk[..length]).is_break() {
            return Ok(Response::from_parts(parts, collected));
        }
    }
}
