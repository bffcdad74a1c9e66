use std::sync::Arc;

use simacan_auth_driver::{CredentialsSource, Settings};
use ureq::config::{ConfigBuilder, RedirectAuthHeaders};
use ureq::typestate::AgentScope;
use ureq::{Agent, Proxy};

use crate::simacan_auth::Provider;
use crate::{Client, Error, exchange};

type AgentConfig = ConfigBuilder<AgentScope>;

/// A builder of a [`Client`]: store, time-outs, events, and the settings of ureq.
#[must_use]
pub struct Builder {
    settings: Settings,
    http: Box<dyn FnOnce(AgentConfig) -> AgentConfig + Send + Sync>,
    agent: Option<Agent>,
}

impl Builder {
    pub(crate) fn new(provider: Provider, credentials: impl Into<CredentialsSource>) -> Self {
        Self {
            settings: Settings::new(provider, credentials),
            http: Box::new(|config| config),
            agent: None,
        }
    }

    simacan_auth_driver::settings_methods!(self => self.settings);
    simacan_auth_driver::exchange_with!(self => self.settings);

    /// Configures ureq for the requests to target APIs: proxy, roots, time-outs, pool. Default: ureq's configuration,
    /// and `simacan-auth-ureq` with its version as the `User-Agent`.
    ///
    /// The exchanges take over its proxy, TLS configuration (but not `disable_verification`) and address family.
    /// Whatever it says, redirects are followed without the token, no status is an error, and a proxy of the
    /// environment is not used for a loopback address. With an [`agent`](Self::agent), which middleware needs, this
    /// is not used at all.
    ///
    /// ```no_run
    /// # use simacan_auth_ureq::{Client, Credentials, Provider};
    /// # use std::time::Duration;
    /// # let credentials = Credentials::new("u", "p");
    /// let client = Client::builder(Provider::simacan(), credentials)
    ///     .http(|config| config.timeout_global(Some(Duration::from_secs(20))))
    ///     .build()?;
    /// # Ok::<(), simacan_auth_ureq::Error>(())
    /// ```
    pub fn http(
        mut self,
        http: impl FnOnce(AgentConfig) -> AgentConfig + Send + Sync + 'static,
    ) -> Self {
        self.http = Box::new(http);
        self
    }

    /// Sends the requests to target APIs with this agent, in place of one that [`http`](Self::http) configures. Each
    /// request is then configured by itself, which takes ureq a tenth more work.
    ///
    /// The exchanges take over the same settings as from [`http`](Self::http). A connector or resolver of your own
    /// ([`Agent::with_parts`]) serves the target requests only, and so does its middleware, which sees the token.
    pub fn agent(mut self, agent: Agent) -> Self {
        self.agent = Some(agent);
        self
    }

    /// Builds the client. Nothing is sent before its first request.
    ///
    /// [`Error::NoTls`]: the auth endpoint is https, and none of this crate's features has TLS.
    pub fn build(self) -> Result<Client, Error> {
        const USER_AGENT: &str = concat!("simacan-auth-ureq/", env!("CARGO_PKG_VERSION"));
        let provider = self.settings.provider().clone();
        let auth = provider.auth_origin();
        let is_own = self.agent.is_none();
        let agent = self.agent.unwrap_or_else(|| {
            (self.http)(Agent::config_builder().user_agent(USER_AGENT))
                .http_status_as_error(false)
                .redirect_auth_headers(RedirectAuthHeaders::Never)
                .save_redirect_history(true)
                .build()
                .into()
        });
        let proxies = [agent.config().proxy().cloned(), Proxy::try_from_env()];
        let timeout = self.settings.exchange_timeout;
        let driver = self.settings.build_or(|| {
            #[cfg(not(feature = "_tls"))]
            Error::check_no_tls(auth)?;
            Ok(exchange::over(&agent, auth.is_loopback(), timeout))
        })?;
        Ok(Client {
            agent,
            is_own,
            is_env_proxied: proxies.iter().flatten().any(Proxy::is_from_env),
            driver,
            draining: Arc::default(),
        })
    }
}

simacan_auth_driver::debug!(Builder.settings);
