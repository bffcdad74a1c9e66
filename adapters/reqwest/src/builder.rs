use std::any::TypeId;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, SystemTime};

use reqwest::{ClientBuilder, Url, redirect, retry};
use simacan_auth::{
    Config, Credentials, Event, Machine, Origin, Provider, SessionStore, Timestamp,
};

use crate::Client;
use crate::driver::Driver;
use crate::exchange;

/// Builds a [`Client`].
#[must_use]
pub struct Builder {
    provider: Provider,
    credentials: Credentials,
    http: Box<dyn Fn(ClientBuilder) -> ClientBuilder + Send + Sync>,
    target_client: Option<reqwest::Client>,
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
            http: Box::new(|http| http),
            target_client: None,
            store: None,
            config: Config::default(),
            exchange_timeout: Duration::from_secs(30),
            clock: Box::new(SystemTime::now),
            on_event: Box::new(|_| {}),
        }
    }

    /// The configuration of reqwest's clients: proxy, roots, time-outs, pool. Default: reqwest's.
    ///
    /// Called twice: for the client that sends the requests to target APIs, whose redirect policy is then
    /// replaced by one that keeps to the provider's origins; and for the one that makes the exchanges, which
    /// follows no redirect, keeps no connection and never retries. Default headers go to the auth endpoint, too.
    ///
    /// ```
    /// # use simacan_auth_reqwest::{Client, Credentials, Provider, reqwest};
    /// # use std::time::Duration;
    /// # let credentials = Credentials::new("u", "p");
    /// let client = Client::builder(Provider::simacan(), credentials)
    ///     .http(|http| http.timeout(Duration::from_secs(20)))
    ///     .build()?;
    /// # Ok::<(), reqwest::Error>(())
    /// ```
    pub fn http(
        mut self,
        http: impl Fn(ClientBuilder) -> ClientBuilder + Send + Sync + 'static,
    ) -> Self {
        self.http = Box::new(http);
        self
    }

    /// A client that exists already, for the requests to target APIs. Its redirect policy can't be
    /// changed any more, so here only the first hop is checked: reqwest may send the
    /// token to a second place, and on 307 and 308 the body, too. Prefer
    /// [`http`](Self::http), or build it with [`redirect::Policy::none`].
    pub fn target_client(mut self, client: reqwest::Client) -> Self {
        self.target_client = Some(client);
        self
    }

    /// Where the session is saved, so that it outlives the program, and that other processes may share:
    /// `FileStore` of `simacan-auth-file-store`, or one of your own.
    ///
    /// It is used in tokio's threads for blocking. The refresh waits for its lock no longer than the
    /// [time-out of an exchange](Self::exchange_timeout), in which another process must have made its own;
    /// then it fails with [`Denied::Unavailable`](crate::Denied::Unavailable). A store that hangs or panics
    /// costs an attempt, and no more; but a runtime that is dropped waits for what its blocking threads
    /// have begun.
    ///
    /// With a store, the one caller that begins a refresh waits for its end, even if it has a good token: a
    /// program that ends with its answer must not cut the refresh off, since tokens that are not saved cost
    /// the next run a password. So does a program that ends while [`keep_alive`](Self::keep_alive)
    /// refreshes, or after it has dropped the caller.
    pub fn store(mut self, store: impl SessionStore + 'static) -> Self {
        self.store = Some(Box::new(store));
        self
    }

    /// How the session is paced. A `seed` of 0 is replaced by a random one.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Refresh when a token is due, without waiting for a request. Takes a task of yours that
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
    /// It may jump, but waiting takes tokio's time: a wait of a second ends after one of its seconds.
    pub fn clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Box::new(move || clock().into());
        self
    }

    /// Is told what happens, to log it. No event holds a secret.
    ///
    /// Called with no lock held, by the task that it happens in, so it must not block. Two threads may call
    /// it at the same time.
    pub fn on_event(mut self, on_event: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.on_event = Box::new(on_event);
        self
    }

    /// The client. Nothing is sent before its first request.
    pub fn build(mut self) -> reqwest::Result<Client> {
        if self.config.seed == 0 {
            self.config.seed = RandomState::new().hash_one(0);
        }
        let client = match self.target_client {
            Some(client) => client,
            None => (self.http)(target_client())
                .redirect(within(self.provider.clone()))
                .build()?,
        };
        // It does what an exchange needs and nothing else (DESIGN 9).
        let exchange_client = (self.http)(ClientBuilder::new())
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            // A stale pooled connection fails like a lost answer, and there is an exchange an hour.
            .pool_max_idle_per_host(0)
            // It would log passwords and tokens.
            .connection_verbose(false)
            .timeout(self.exchange_timeout)
            .build()?;
        Ok(Client {
            client,
            driver: Driver::new(
                Machine::new(self.provider, self.credentials, self.config),
                self.store,
                exchange::over(exchange_client),
                self.exchange_timeout,
                self.clock,
                self.on_event,
            ),
        })
    }
}

/// reqwest keeps a copy of each request, to send it again if a server says in HTTP/2 or HTTP/3 that it has
/// not seen it. Where there is neither, it would be for nothing.
fn target_client() -> ClientBuilder {
    let http = ClientBuilder::new();
    if has_http2_or_3() {
        return http;
    }
    http.retry(retry::never().max_retries_per_request(0))
}

/// Whether reqwest has been built with one of them, by whatever crate asked for it.
fn has_http2_or_3() -> bool {
    struct Absent;

    /// Named as what it has for each: where that is there, it comes first.
    #[allow(dead_code)]
    trait OrAbsent: Sized {
        fn http2_prior_knowledge(self) -> Absent {
            Absent
        }

        fn http3_prior_knowledge(self) -> Absent {
            Absent
        }
    }

    impl OrAbsent for ClientBuilder {}

    fn is_there<T: 'static>(_: T) -> bool {
        TypeId::of::<T>() != TypeId::of::<Absent>()
    }

    is_there(ClientBuilder::new().http2_prior_knowledge())
        || is_there(ClientBuilder::new().http3_prior_knowledge())
}

/// Follows redirects within the origins that may see the token. reqwest's own stripping of headers is
/// not enough: it forgets on the second hop.
fn within(provider: Provider) -> redirect::Policy {
    const MOST: usize = 10;
    redirect::Policy::custom(move |attempt| {
        let url = attempt.url();
        let origin = url
            .host_str()
            .and_then(|host| Origin::new(url.scheme(), host, url.port()));
        let mut previous = attempt.previous().iter().map(Url::origin);
        let first = previous.next();
        // Back from elsewhere the token is gone from the request, and a 401 would say nothing.
        let is_back = first == Some(url.origin()) && previous.any(|origin| origin != url.origin());
        if attempt.previous().len() > MOST {
            attempt.error("too many redirects")
        } else if is_back {
            attempt.stop()
        } else if origin.is_some_and(|origin| provider.allows_origin(&origin)) {
            attempt.follow()
        } else {
            attempt.stop()
        }
    })
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

#[cfg(test)]
mod tests {
    /// With `--all-features`, too.
    #[test]
    fn reqwest_keeps_its_copy_where_http_2_may_ask_for_it() {
        assert_eq!(super::has_http2_or_3(), cfg!(feature = "http2"));
    }
}
