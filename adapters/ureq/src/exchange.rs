//! The exchange with the auth endpoint.

use std::io::Read;
use std::time::Duration;

use http::{Request, Response};
use ureq::Agent;

use crate::simacan_auth::{RequestBody, ResponseBody, TransportFailure, Zeroizing};

/// On an agent of its own, which does what an exchange needs and nothing else. The user's says which proxy, TLS
/// configuration and address family.
pub(crate) fn over(
    agent: &Agent,
    timeout: Duration,
) -> impl Fn(Request<RequestBody>) -> Result<Response<ResponseBody>, TransportFailure> + use<> {
    let config = agent.config();
    let builder = Agent::config_builder()
        .proxy(config.proxy().cloned())
        .ip_family(config.ip_family())
        .no_delay(config.no_delay())
        // A stale pooled connection fails like a lost answer, and there is an exchange an hour.
        .max_idle_connections(0)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .timeout_connect(Some(timeout / 2))
        .timeout_global(Some(timeout));
    #[cfg(feature = "_tls")]
    let builder = builder.tls_config(config.tls_config().clone());
    let agent: Agent = builder.build().into();
    move |request| exchange(&agent, request).map_err(TransportFailure::new)
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
