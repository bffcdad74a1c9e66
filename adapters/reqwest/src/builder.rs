use std::sync::Arc;

use reqwest::{ClientBuilder, Url, redirect};
use simacan_auth_driver::{CredentialsSource, Settings};

use crate::client::origin;
use crate::exchange::{self, check_tls, configured};
use crate::simacan_auth::Provider;
use crate::{Client, Error};

/// The user's configuration of reqwest's clients.
pub(crate) type Http = Arc<dyn Fn(ClientBuilder) -> ClientBuilder + Send + Sync>;

/// A builder of a [`Client`].
#[must_use]
pub struct Builder {
    settings: Settings,
    http: Http,
    target_client: Option<reqwest::Client>,
}

impl Builder {
    pub(crate) fn new(provider: Provider, credentials: impl Into<CredentialsSource>) -> Self {
        Self {
            settings: Settings::new(provider, credentials),
            http: Arc::new(|http| http),
            target_client: None,
        }
    }

    simacan_auth_driver::settings_methods!(self => self.settings);
    simacan_auth_driver::exchange_with!(self => self.settings);

    /// Configures reqwest's clients: proxy, roots, time-outs, pool. Default: reqwest's configuration.
    ///
    /// It is called for the client of target APIs, whose redirect policy is then replaced by one that keeps to the
    /// provider's origins; and for the clients of exchanges, which take over roots, proxies, name resolution and
    /// local address. The rest of theirs is what an exchange needs: HTTP/1.1, no redirect, no pool, no retry,
    /// time-outs of their own, and certificates that are always checked. Default headers go to the auth endpoint,
    /// too, since reqwest can't remove them.
    ///
    /// A proxy that is set here is always used. A proxy of the environment is not used for exchanges if the auth
    /// endpoint is a loopback address, and not for target APIs if the provider allows a loopback address.
    ///
    /// ```no_run
    /// # use simacan_auth_reqwest::{Client, Credentials, Provider, reqwest};
    /// # use std::time::Duration;
    /// # let credentials = Credentials::new("u", "p");
    /// let client = Client::builder(Provider::simacan(), credentials)
    ///     .http(|http| http.timeout(Duration::from_secs(20)))
    ///     .build()?;
    /// # Ok::<(), simacan_auth_reqwest::Error>(())
    /// ```
    pub fn http(
        mut self,
        http: impl Fn(ClientBuilder) -> ClientBuilder + Send + Sync + 'static,
    ) -> Self {
        self.http = Arc::new(http);
        self
    }

    /// Sends the requests to target APIs with this client, in place of one that [`http`](Self::http) configures.
    ///
    /// Its redirect policy can't be changed any more, so only the first hop is checked: reqwest may send the token to
    /// a second place, and on 307 and 308 the body, too. Nor can its proxies: one of the environment is used for
    /// loopback addresses, too. Prefer [`http`](Self::http), or build the client with [`redirect::Policy::none`].
    pub fn target_client(mut self, client: reqwest::Client) -> Self {
        self.target_client = Some(client);
        self
    }

    /// Builds the client. Nothing is sent before its first request.
    ///
    /// [`Error::NoTls`]: the auth endpoint is https, and reqwest was built without TLS. [`Error::Client`]: reqwest
    /// can't build a client as [`http`](Self::http) configures it.
    pub fn build(self) -> Result<Client, Error> {
        let provider = self.settings.provider().clone();
        let (auth, timeout) = (provider.auth_origin(), self.settings.exchange_timeout);
        let client = match self.target_client {
            Some(client) => client,
            None => configured(&self.http, provider.allows_loopback())
                .redirect(within(provider.clone()))
                .build()
                .map_err(Error::Client)?,
        };
        let driver = self.settings.build_or(|| {
            check_tls(|| Some(auth))?;
            // Made here to see whether it can be.
            exchange::client(&self.http, auth.is_loopback(), timeout).map_err(Error::Client)?;
            Ok(exchange::over(self.http, auth.is_loopback(), timeout))
        })?;
        Ok(Client { client, driver })
    }
}

/// Follows redirects within the origins that may see the token. reqwest's own stripping of headers is
/// not enough: it forgets on the second hop.
fn within(provider: Provider) -> redirect::Policy {
    redirect::Policy::custom(move |attempt| {
        let url = attempt.url();
        let mut previous = attempt.previous().iter().map(Url::origin);
        let first = previous.next();
        // Back from elsewhere the token is gone from the request, and a 401 would say nothing.
        let is_back = first == Some(url.origin()) && previous.any(|origin| origin != url.origin());
        let may_see =
            |origin| provider.allows_origin(&origin) && check_tls(|| Some(origin)).is_ok();
        if attempt.previous().len() > 10 {
            attempt.error("too many redirects")
        } else if !is_back && origin(url).is_some_and(may_see) {
            attempt.follow()
        } else {
            attempt.stop()
        }
    })
}

simacan_auth_driver::debug!(Builder.settings);
