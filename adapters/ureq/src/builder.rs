use std::fmt;
use std::sync::Arc;

use simacan_auth_driver::Settings;
use ureq::Agent;
use ureq::config::{ConfigBuilder, RedirectAuthHeaders};
use ureq::typestate::AgentScope;

use crate::simacan_auth::{Credentials, Provider};
use crate::{Client, exchange};

type AgentConfig = ConfigBuilder<AgentScope>;

/// Builds a [`Client`].
#[must_use]
pub struct Builder {
    settings: Settings,
    http: Box<dyn FnOnce(AgentConfig) -> AgentConfig + Send + Sync>,
    agent: Option<Agent>,
}

impl Builder {
    pub(crate) fn new(provider: Provider, credentials: Credentials) -> Self {
        Self {
            settings: Settings::new(provider, credentials),
            http: Box::new(|config| config),
            agent: None,
        }
    }

    simacan_auth_driver::settings_methods!(self => self.settings);

    /// The configuration of ureq for the requests to target APIs: proxy, roots, time-outs, pool. Default:
    /// ureq's, and `simacan-auth-ureq` with its version as the `User-Agent`.
    ///
    /// The exchanges take over its proxy, TLS configuration and address family. Whatever it says, redirects are
    /// followed without the token, and no status is an error. Middleware belongs to an
    /// [`agent`](Self::agent); with one of those, this is not used at all.
    ///
    /// ```
    /// # use simacan_auth_ureq::{Client, Credentials, Provider};
    /// # use std::time::Duration;
    /// # let credentials = Credentials::new("u", "p");
    /// let client = Client::builder(Provider::simacan(), credentials)
    ///     .http(|config| config.timeout_global(Some(Duration::from_secs(20))))
    ///     .build();
    /// ```
    pub fn http(
        mut self,
        http: impl FnOnce(ConfigBuilder<AgentScope>) -> ConfigBuilder<AgentScope>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.http = Box::new(http);
        self
    }

    /// An agent that exists already, for the requests to target APIs, in place of one that is configured by
    /// [`http`](Self::http). Each request has to be told what it needs, which takes ureq a tenth more work.
    ///
    /// The exchanges take over its proxy, TLS configuration and address family. A connector or resolver of
    /// your own ([`Agent::with_parts`]) serves the target requests only, and so does its middleware, which
    /// sees the token.
    pub fn agent(mut self, agent: Agent) -> Self {
        self.agent = Some(agent);
        self
    }

    /// The client. Nothing is sent before its first request.
    pub fn build(self) -> Client {
        const USER_AGENT: &str = concat!("simacan-auth-ureq/", env!("CARGO_PKG_VERSION"));
        let is_own = self.agent.is_none();
        let is_plain_http = self.settings.provider().is_plain_http();
        let agent = self.agent.unwrap_or_else(|| {
            let mut config = Agent::config_builder().user_agent(USER_AGENT);
            if is_plain_http {
                // A proxy that the environment names has no part in what stays on loopback, without TLS; one
                // that the user sets by hand has.
                config = config.proxy(None);
            }
            (self.http)(config)
                .http_status_as_error(false)
                .redirect_auth_headers(RedirectAuthHeaders::Never)
                .save_redirect_history(true)
                .build()
                .into()
        });
        let exchange = exchange::over(&agent, self.settings.exchange_timeout);
        Client {
            agent,
            is_own,
            driver: self.settings.build(exchange),
            draining: Arc::default(),
        }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
