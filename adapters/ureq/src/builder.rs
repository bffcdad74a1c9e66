use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use simacan_auth::{Config, Credentials, Event, Machine, Provider, SessionStore, Timestamp};
use ureq::Agent;
use ureq::config::ConfigBuilder;
use ureq::typestate::AgentScope;

use crate::Client;
use crate::driver::Driver;
use crate::exchange;
use crate::own::{self, AgentConfig, OwnHeaders};

/// Builds a [`Client`].
#[must_use]
pub struct Builder {
    provider: Provider,
    credentials: Credentials,
    http: Box<dyn FnOnce(AgentConfig) -> AgentConfig + Send + Sync>,
    agent: Option<Agent>,
    store: Option<Box<dyn SessionStore>>,
    config: Config,
    exchange_timeout: Duration,
    clock: Box<dyn Fn() -> SystemTime + Send + Sync>,
    on_event: Box<dyn Fn(&Event) + Send + Sync>,
}

impl Builder {
    pub(crate) fn new(provider: Provider, credentials: Credentials) -> Self {
        Self {
            provider,
            credentials,
            http: Box::new(|config| config),
            agent: None,
            store: None,
            config: Config::default(),
            exchange_timeout: Duration::from_secs(30),
            clock: Box::new(SystemTime::now),
            on_event: Box::new(|_| {}),
        }
    }

    /// The configuration of ureq for the requests to target APIs: proxy, roots, time-outs, pool. Default:
    /// ureq's, and `simacan-auth-ureq` with its version as the `User-Agent`.
    ///
    /// The exchanges take over its proxy, TLS configuration and address family. Whatever it says, redirects are
    /// followed without the token, their history is not saved, and no status is an error. Middleware belongs to
    /// an [`agent`](Self::agent); with one of those, this is not used at all.
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

    /// Where the session is saved, so that it outlives the program, and that other processes may share:
    /// `FileStore` of `simacan-auth-file-store`, or one of your own.
    ///
    /// The thread that refreshes also waits for the store. For its lock no longer than the
    /// [time-out of an exchange](Self::exchange_timeout), in which another process must have made its own;
    /// then it fails with [`Denied::Unavailable`](crate::Denied::Unavailable). Each operation has a thread
    /// of its own, so a store that hangs or panics costs an attempt, and no more.
    ///
    /// A program that ends while another of its threads refreshes cuts that off: tokens that are not saved
    /// cost the next run a password.
    pub fn store(mut self, store: impl SessionStore + 'static) -> Self {
        self.store = Some(Box::new(store));
        self
    }

    /// How the session is paced. A `seed` of 0 is replaced by a random one.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Refresh when a token is due, without waiting for a request. Takes a thread of yours that
    /// runs [`Client::keep_alive`].
    pub fn keep_alive(mut self) -> Self {
        self.config.keep_alive = true;
        self
    }

    /// What one exchange with the auth endpoint may take in all. Default: 30 s.
    ///
    /// A day at most. Rather long than short: an answer that is given up after the server has replaced
    /// the refresh token costs the session, and a password.
    pub fn exchange_timeout(mut self, timeout: Duration) -> Self {
        self.exchange_timeout = timeout.min(Duration::from_secs(86_400));
        self
    }

    /// The clock, for tests. Default: the system's.
    ///
    /// It may jump, but waiting takes real time: a wait of a second ends after a real one.
    pub fn clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Box::new(move || clock().into());
        self
    }

    /// Is told what happens, to log it. No event holds a secret.
    ///
    /// Called with no lock held, by the thread that it happens in, which may be about to make an exchange: it
    /// must not wait for a token there. Two threads may call it at the same time.
    pub fn on_event(mut self, on_event: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.on_event = Box::new(on_event);
        self
    }

    /// The client. Nothing is sent before its first request.
    pub fn build(mut self) -> Client {
        if self.config.seed == 0 {
            self.config.seed = RandomState::new().hash_one(0);
        }
        let is_own = self.agent.is_none();
        let agent = self.agent.unwrap_or_else(|| own::agent(self.http));
        let own = is_own.then(|| OwnHeaders::of(&agent));
        let exchange = exchange::over(&agent, self.exchange_timeout);
        Client {
            agent,
            own,
            draining: Arc::default(),
            driver: Driver::new(
                Machine::new(self.provider, self.credentials, self.config),
                self.store,
                exchange,
                self.exchange_timeout,
                self.clock,
                self.on_event,
            ),
        }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("provider", &self.provider)
            .field("credentials", &self.credentials)
            .field("config", &self.config)
            .field("exchange_timeout", &self.exchange_timeout)
            .finish_non_exhaustive()
    }
}
