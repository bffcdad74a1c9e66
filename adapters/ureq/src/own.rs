//! The agent that a client has made itself.

use http::header::{self, Entry};
use http::{HeaderMap, HeaderValue};
use ureq::Agent;
use ureq::config::{AutoHeaderValue, ConfigBuilder, RedirectAuthHeaders};
use ureq::typestate::AgentScope;

/// ureq's configuration, being built.
pub(crate) type AgentConfig = ConfigBuilder<AgentScope>;

const USER_AGENT: &str = concat!("simacan-auth-ureq/", env!("CARGO_PKG_VERSION"));

/// As `configure` says, but for what a request that carries a token would have to be told each time: no
/// redirect takes the token elsewhere (I8), and its status is an answer.
pub(crate) fn agent(configure: impl FnOnce(AgentConfig) -> AgentConfig) -> Agent {
    let config = configure(Agent::config_builder().user_agent(USER_AGENT))
        .http_status_as_error(false)
        .redirect_auth_headers(RedirectAuthHeaders::Never)
        // It costs 3 % of all that ureq does.
        .save_redirect_history(false);
    config.build().into()
}

/// The headers of all its requests. ureq makes them anew for each that has none, and that takes more work than
/// all that is done for the token.
#[derive(Clone)]
pub(crate) struct OwnHeaders {
    accept: Option<HeaderValue>,
    user_agent: Option<HeaderValue>,
}

impl OwnHeaders {
    pub(crate) fn of(agent: &Agent) -> Self {
        let config = agent.config();
        Self {
            accept: value(config.accept(), Some("*/*")),
            user_agent: value(config.user_agent(), None),
        }
    }

    pub(crate) fn put(&self, headers: &mut HeaderMap) {
        let own = [
            (header::ACCEPT, &self.accept),
            (header::USER_AGENT, &self.user_agent),
        ];
        for (name, value) in own {
            if let Some(value) = value
                && let Entry::Vacant(header) = headers.entry(name)
            {
                header.insert(value.clone());
            }
        }
    }
}

/// `None` is left to ureq, and so is what can't be sent.
fn value(configured: &AutoHeaderValue, default: Option<&'static str>) -> Option<HeaderValue> {
    match configured {
        AutoHeaderValue::None => None,
        AutoHeaderValue::Default => default.map(HeaderValue::from_static),
        AutoHeaderValue::Provided(value) => HeaderValue::from_str(value).ok(),
    }
}
