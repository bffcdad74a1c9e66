use std::fmt;
use std::sync::Arc;

use reqwest::{ClientBuilder, Url, redirect};
use simacan_auth_driver::Settings;

use crate::client::origin;
use crate::simacan_auth::{Credentials, Provider};
use crate::{Client, exchange};

/// The user's configuration of reqwest's clients.
pub(crate) type Http = Arc<dyn Fn(ClientBuilder) -> ClientBuilder + Send + Sync>;

/// Builds a [`Client`].
#[must_use]
pub struct Builder {
    settings: Settings,
    provider: Provider,
    http: Http,
    target_client: Option<reqwest::Client>,
}

impl Builder {
    pub(crate) fn new(provider: Provider, credentials: Credentials) -> Self {
        Self {
            settings: Settings::new(provider.clone(), credentials),
            provider,
            http: Arc::new(|http| http),
            target_client: None,
        }
    }

    simacan_auth_driver::settings_methods!(self => self.settings);

    /// The configuration of reqwest's clients: proxy, roots, time-outs, pool. Default: reqwest's.
    ///
    /// Called for the client that sends the requests to target APIs, whose redirect policy is then replaced
    /// by one that keeps to the provider's origins; and for those that make the exchanges, which follow no
    /// redirect, keep no connection and never retry. Default headers go to the auth endpoint, too.
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
        self.http = Arc::new(http);
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

    /// The client. Nothing is sent before its first request.
    pub fn build(self) -> reqwest::Result<Client> {
        // A proxy that the environment names has no part in what stays on loopback, without TLS; one that the
        // user sets by hand has.
        let http: Http = if self.provider.is_plain_http() {
            let http = self.http;
            Arc::new(move |builder| http(builder.no_proxy()))
        } else {
            self.http
        };
        let client = match self.target_client {
            Some(client) => client,
            None => http(ClientBuilder::new())
                .redirect(within(self.provider))
                .build()?,
        };
        let exchange = exchange::over(http, self.settings.exchange_timeout)?;
        Ok(Client {
            client,
            driver: self.settings.build(exchange),
        })
    }
}

/// Follows redirects within the origins that may see the token. reqwest's own stripping of headers is
/// not enough: it forgets on the second hop.
fn within(provider: Provider) -> redirect::Policy {
    const MOST: usize = 10;
    redirect::Policy::custom(move |attempt| {
        let url = attempt.url();
        let mut previous = attempt.previous().iter().map(Url::origin);
        let first = previous.next();
        // Back from elsewhere the token is gone from the request, and a 401 would say nothing.
        let is_back = first == Some(url.origin()) && previous.any(|origin| origin != url.origin());
        if attempt.previous().len() > MOST {
            attempt.error("too many redirects")
        } else if is_back {
            attempt.stop()
        } else if origin(url).is_some_and(|origin| provider.allows_origin(&origin)) {
            attempt.follow()
        } else {
            attempt.stop()
        }
    })
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
