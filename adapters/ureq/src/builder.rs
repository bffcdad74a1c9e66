use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use simacan_auth::{Config, Credentials, Event, Machine, Provider, SessionStore, Timestamp};
use ureq::Agent;
use ureq::config::RedirectAuthHeaders;

use crate::Client;
use crate::driver::Driver;
use crate::exchange;

/// Builds a [`Client`].
#[must_use]
pub struct Builder {
    provider: Provider,
    credentials: Credentials,
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
            agent: None,
            store: None,
            config: Config::default(),
            exchange_timeout: Duration::from_secs(30),
            clock: Box::new(SystemTime::now),
            on_event: Box::new(|_| {}),
        }
    }

    /// The agent that sends the requests to target APIs. Default: ureq's.
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
        let is_own_agent = self.agent.is_none();
        let agent = self.agent.unwrap_or_else(own_agent);
        let exchange = exchange::over(&agent, self.exchange_timeout);
        Client {
            agent,
            is_own_agent,
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

/// ureq's, but for what a request that carries a token would have to be told each time.
fn own_agent() -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .redirect_auth_headers(RedirectAuthHeaders::Never);
    config.build().into()
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
