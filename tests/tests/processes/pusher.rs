//! The clients of both adapters, seen alike.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use http::{Request, StatusCode};
use simacan_auth::{Config, Credentials, Denied, Event, Provider, SessionStore, Timestamp};
use simacan_auth_file_store::FileStore;
use tokio::runtime::{self, Runtime};

use crate::surroundings::{PASSWORD, PATIENCE, USERNAME};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Adapter {
    Ureq,
    Reqwest,
}

impl Adapter {
    pub(crate) const BOTH: [Self; 2] = [Self::Ureq, Self::Reqwest];
}

impl fmt::Display for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ureq => "ureq",
            Self::Reqwest => "reqwest",
        })
    }
}

impl FromStr for Adapter {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let is_it = |adapter: &Self| adapter.to_string() == name;
        let adapter = Self::BOTH.into_iter().find(is_it);
        adapter.ok_or_else(|| format!("there is no adapter {name}"))
    }
}

/// What a client is built from.
pub(crate) struct Plan {
    pub(crate) provider: Provider,
    pub(crate) credentials: Credentials,
    pub(crate) store: Box<dyn SessionStore>,
    pub(crate) config: Config,
    pub(crate) proxy: Option<String>,
    pub(crate) clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    pub(crate) on_event: Box<dyn Fn(&Event) + Send + Sync>,
}

impl Plan {
    /// By the system's clock, with the right password and the usual pace.
    pub(crate) fn new(origin: &str, session: &Path) -> Self {
        let provider = Provider::simacan_at(format!("{origin}/api/v1"))
            .allow_origin(origin)
            .allow_loopback_http()
            .build();
        Self {
            provider: provider.expect("a provider"),
            credentials: Credentials::new(USERNAME, PASSWORD),
            store: Box::new(FileStore::new(session)),
            config: Config::default(),
            proxy: None,
            clock: Box::new(|| std::time::SystemTime::now().into()),
            on_event: Box::new(|_| {}),
        }
    }
}

pub(crate) enum Outcome {
    Answered(StatusCode),
    Denied(Denied),
    Failed(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered(status) => status.fmt(f),
            Self::Denied(denied) => denied.fmt(f),
            Self::Failed(text) => f.write_str(text),
        }
    }
}

/// A program's client; its threads share it.
pub(crate) enum Pusher {
    Ureq(simacan_auth_ureq::Client),
    Reqwest(simacan_auth_reqwest::Client, Runtime),
}

impl Pusher {
    pub(crate) fn new(adapter: Adapter, plan: Plan) -> Self {
        match adapter {
            Adapter::Ureq => {
                let proxy = plan.proxy.as_deref().map(ureq::Proxy::new);
                let agent = ureq::Agent::config_builder().timeout_global(Some(PATIENCE));
                let agent = match proxy.transpose().expect("a proxy") {
                    Some(proxy) => agent.proxy(Some(proxy)),
                    None => agent, // the environment's, if it has one
                };
                let builder = simacan_auth_ureq::Client::builder(plan.provider, plan.credentials)
                    .agent(agent.build().into())
                    .store(plan.store)
                    .config(plan.config)
                    .clock(plan.clock)
                    .on_event(plan.on_event);
                Self::Ureq(builder.build().expect("a client"))
            }
            Adapter::Reqwest => {
                let http = move |http: reqwest::ClientBuilder| {
                    // No roots: to load the system's takes longer than a push.
                    let builder = http.tls_certs_only([]);
                    let builder = builder.timeout(PATIENCE);
                    match &plan.proxy {
                        Some(proxy) => builder.proxy(reqwest::Proxy::http(proxy).expect("a proxy")),
                        None => builder,
                    }
                };
                let builder =
                    simacan_auth_reqwest::Client::builder(plan.provider, plan.credentials)
                        .http(http)
                        .store(plan.store)
                        .config(plan.config)
                        .clock(plan.clock)
                        .on_event(plan.on_event);
                let mut runtime = runtime::Builder::new_multi_thread();
                let runtime = runtime.worker_threads(1).enable_all().build();
                Self::Reqwest(
                    builder.build().expect("a client"),
                    runtime.expect("a runtime"),
                )
            }
        }
    }

    pub(crate) fn push(&self, target: &str, body: &str) -> Outcome {
        match self {
            Self::Ureq(client) => {
                use simacan_auth_ureq::Error;
                let request = Request::post(target).body(body).expect("a URI");
                match client.send(request) {
                    Ok(response) => Outcome::Answered(response.status()),
                    Err(Error::Denied(denied)) => Outcome::Denied(denied),
                    Err(error) => Outcome::Failed(format!("{error:?}")),
                }
            }
            Self::Reqwest(client, runtime) => {
                use simacan_auth_reqwest::Error;
                let request = client.post(target).body(body.to_owned());
                match runtime.block_on(client.send(request)) {
                    Ok(response) => Outcome::Answered(response.status()),
                    Err(Error::Denied(denied)) => Outcome::Denied(denied),
                    Err(error) => Outcome::Failed(format!("{error:?}")),
                }
            }
        }
    }
}

/// How long until a time, by the system's clock.
pub(crate) fn until(time: Timestamp) -> Duration {
    time.saturating_since(std::time::SystemTime::now().into())
}
