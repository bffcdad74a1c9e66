//! What a session is made of, whatever HTTP client it is driven with.

use std::any::TypeId;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use simacan_auth::{
    Config, Event, Machine, Provider, RequestBody, ResponseBody, SessionStore, Timestamp,
    TransportFailure,
};

use crate::cached_bearers::CachedBearers;
use crate::session::{Exchange, Session, Shared};
use crate::wakeup::Wakeup;
use crate::{CredentialsSource, Driver, Error, Process, count};

/// The settings of a [`Driver`], which [`build`](Self::build) makes. The builders of the adapters have the same
/// methods, and those of their HTTP client.
#[must_use]
pub struct Settings {
    provider: Provider,
    source: CredentialsSource,
    // These are set by the methods, in whichever builder they stand.
    #[doc(hidden)]
    pub store: Option<(Arc<dyn SessionStore>, TypeId)>,
    #[doc(hidden)]
    pub config: Config,
    #[doc(hidden)]
    pub exchange: Option<Exchange>,
    #[doc(hidden)]
    pub exchange_timeout: Duration,
    #[doc(hidden)]
    pub token_timeout: Duration,
    #[doc(hidden)]
    pub drop_timeout: Duration,
    #[doc(hidden)]
    pub clock: Option<Box<dyn Fn() -> Timestamp + Send + Sync>>,
    #[doc(hidden)]
    pub on_event: Box<dyn Fn(&Event) + Send + Sync>,
    #[doc(hidden)]
    pub process: Option<Arc<Process>>,
}

/// The methods that set a builder's `Settings`, given where it has them: written and documented once.
#[doc(hidden)]
#[macro_export]
macro_rules! settings_methods {
    ($self:ident => $settings:expr) => {
        /// Saves the session in this store, so that it outlives the program and other processes can share it:
        /// `FileStore` of `simacan-auth-file-store`, say, or one of your own. Default: none; the session ends with
        /// the program.
        ///
        /// A thread of the driver uses the store, and no request with a good token waits for it. It waits for the
        /// store's lock a little longer than [an exchange](Self::exchange_timeout) may take, since another process
        /// may be making one. A store that hangs or panics costs one attempt and one thread, no more.
        pub fn store<S: $crate::simacan_auth::SessionStore + 'static>(mut $self, store: S) -> Self {
            let kind = ::std::any::TypeId::of::<S>();
            $settings.store = Some((::std::sync::Arc::new(store), kind));
            $self
        }

        /// Sets the times and limits of the session. A `seed` of 0 is replaced by a random one. Call
        /// [`stay_logged_in`](Self::stay_logged_in) after this, since this replaces it.
        pub fn config(mut $self, config: $crate::simacan_auth::Config) -> Self {
            $settings.config = config;
            $self
        }

        /// Refreshes as soon as a refresh is due, not at the next request, until the last client is dropped. It sets
        /// [`Config::keep_alive`]($crate::simacan_auth::Config), and needs no task of yours. Default: off.
        pub fn stay_logged_in(mut $self) -> Self {
            $settings.config.keep_alive = true;
            $self
        }

        /// Sets how long one exchange with the auth endpoint may take in all. Default: 20 s; a day at most.
        ///
        /// Don't make it short: if an answer is given up after the server has replaced the refresh token, the session
        /// is lost, and the password is sent.
        pub fn exchange_timeout(mut $self, timeout: ::std::time::Duration) -> Self {
            $settings.exchange_timeout =
                timeout.min(::std::time::Duration::from_secs(86_400));
            $self
        }

        /// Sets how long a request waits for a token, in all. Default: 30 s.
        ///
        /// After that it fails with [`Error::TimedOut`]($crate::Error::TimedOut). The login or refresh goes on: the
        /// next request may find a token.
        pub fn token_timeout(mut $self, timeout: ::std::time::Duration) -> Self {
            $settings.token_timeout = timeout;
            $self
        }

        /// Sets how long dropping the last client waits, if there is a store, until the session is saved. Default: 5
        /// s.
        ///
        /// A program that keeps its client in a `static`, or ends with [`std::process::exit`], drops nothing: call
        /// `settle` first.
        pub fn drop_timeout(mut $self, timeout: ::std::time::Duration) -> Self {
            $settings.drop_timeout = timeout;
            $self
        }

        /// Sets the clock, for tests. Default: the system's.
        ///
        /// It may jump. Waits take real time: a wait of a second ends after a real second.
        pub fn clock(
            mut $self,
            clock: impl Fn() -> $crate::simacan_auth::Timestamp + Send + Sync + 'static,
        ) -> Self {
            $settings.clock = Some(Box::new(clock));
            $self
        }

        /// Sets the function that is told of each event, to log it. No event holds a secret. Default: none.
        ///
        /// A thread of the driver calls it, one event after the other, before it wakes those who wait. A panic in it
        /// is caught. A request inside it can't wait for a token: without one it fails with
        /// [`Error::InCallback`]($crate::Error::InCallback).
        pub fn on_event(
            mut $self,
            on_event: impl Fn(&$crate::simacan_auth::Event) + Send + Sync + 'static,
        ) -> Self {
            $settings.on_event = Box::new(on_event);
            $self
        }

        /// Sets the threads and clocks to run on, for tests. Default: [those of the
        /// process]($crate::Process::global).
        pub fn process(mut $self, process: ::std::sync::Arc<$crate::Process>) -> Self {
            $settings.process = Some(process);
            $self
        }
    };
}

impl Settings {
    /// Makes the default settings, for these credentials at this provider.
    pub fn new(provider: Provider, credentials: impl Into<CredentialsSource>) -> Self {
        Self {
            provider,
            source: credentials.into(),
            store: None,
            exchange: None,
            config: Config::default(),
            exchange_timeout: Duration::from_secs(20),
            token_timeout: Duration::from_secs(30),
            drop_timeout: Duration::from_secs(5),
            clock: None,
            on_event: Box::new(|_| {}),
            process: None,
        }
    }

    crate::settings_methods!(self => self);

    /// Returns where the driver is to log in, and which origins may see the token.
    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    /// With the exchange that was [set](crate::exchange_with), or else with this one.
    #[doc(hidden)]
    pub fn build_or<F, R>(
        mut self,
        exchange: impl FnOnce() -> Result<F, Error<R>>,
    ) -> Result<Driver, Error<R>>
    where
        F: Fn(Request<RequestBody>) -> Result<Response<ResponseBody>, TransportFailure>
            + Send
            + Sync
            + 'static,
    {
        Ok(match self.exchange.take() {
            Some(set) => self.build(set),
            None => self.build(exchange()?),
        })
    }

    /// Builds a driver that makes its exchanges with this function. Nothing is sent before the first request.
    ///
    /// `exchange` sends the request to the auth endpoint and returns the answer, read to its end. It blocks, and runs
    /// in a thread of the driver, one call at a time. It must follow no redirect, send nothing twice, and give up
    /// within the [time-out](Self::exchange_timeout). A [`ResponseBody`] keeps what is read: bounded, and wiped when
    /// it is dropped.
    pub fn build(
        mut self,
        exchange: impl Fn(Request<RequestBody>) -> Result<Response<ResponseBody>, TransportFailure>
        + Send
        + Sync
        + 'static,
    ) -> Driver {
        count::describe();
        let mut config = self.config;
        if config.seed == 0 {
            config.seed = RandomState::new().hash_one(0);
        }
        // A failure comes before the time-out that would hide it.
        config.patience = config.patience.min(self.token_timeout);
        let (store, kind) = self.store.unzip();
        let line = (self.provider.auth_host().to_owned(), kind);
        let machine = Machine::new(self.provider, self.source.first(), config);
        let machine = match &store {
            Some(store) => machine.with_store_at(store.place()),
            None => machine,
        };
        let machine = if self.source.is_asked() {
            machine.with_credentials_source()
        } else {
            machine
        };
        Driver::of(Session {
            shared: Shared::new(machine, store),
            woken: Wakeup::default(),
            settled: Wakeup::default(),
            cached: CachedBearers::default(),
            exchange: Box::new(exchange),
            source: self.source,
            exchange_timeout: self.exchange_timeout,
            token_timeout: self.token_timeout,
            drop_timeout: self.drop_timeout,
            clock: self.clock,
            on_event: self.on_event,
            process: self.process.unwrap_or_else(Process::global),
            line,
            process_id: std::process::id(),
        })
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("provider", &self.provider)
            .field("credentials", &self.source)
            .field("config", &self.config)
            .field("exchange_timeout", &self.exchange_timeout)
            .field("token_timeout", &self.token_timeout)
            .finish_non_exhaustive()
    }
}
