use std::io::Read;
use std::time::Duration;

use http::{Request, Response};
use simacan_auth::{RequestBody, ResponseBody, TransportFailure};
use ureq::Agent;

use crate::trace;

/// Makes an exchange with the auth endpoint, in the thread that calls it.
pub(crate) type Exchange = Box<
    dyn Fn(Request<RequestBody>) -> Result<Response<ResponseBody>, TransportFailure> + Send + Sync,
>;

/// On an agent of its own, with what the user's agent says of proxy, TLS and address family.
pub(crate) fn over(agent: &Agent, timeout: Duration) -> Exchange {
    let agent = exchange_agent(agent, timeout);
    Box::new(move |request| {
        trace::exchange(request, |request| {
            exchange(&agent, request).map_err(TransportFailure::new)
        })
    })
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
    let mut chunk = zeroize::Zeroizing::new([0; 4096]);
    loop {
        let length = reader.read(&mut *chunk)?;
        if length == 0 || collected.push(&chunk[..length]).is_break() {
            return Ok(Response::from_parts(parts, collected));
        }
    }
}

/// An agent that does what an exchange needs and nothing else (DESIGN 9).
fn exchange_agent(agent: &Agent, timeout: Duration) -> Agent {
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
        .timeout_global(Some(timeout));
    #[cfg(feature = "_tls")]
    let builder = builder.tls_config(config.tls_config().clone());
    builder.build().into()
}
