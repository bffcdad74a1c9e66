//! The adapters, seen alike.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use simacan_auth::{
    Config, Credentials, Denied, Event, ForeignOrigin, Provider, SessionStore, Status, Timestamp,
};
use simacan_auth_driver::CredentialsSource;
use simacan_auth_driver::Error;
use tokio::runtime::{self, Runtime};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::crowd;
use crate::judged::Judge;
use crate::platform::{PATIENCE, assert_holds_no_secret};

/// What a client is built from.
pub(crate) struct Plan {
    pub(crate) provider: Provider,
    pub(crate) credentials: CredentialsSource,
    pub(crate) config: Config,
    pub(crate) exchange_timeout: Duration,
    pub(crate) token_timeout: Duration,
    pub(crate) drop_timeout: Duration,
    pub(crate) judge: Judge,
    pub(crate) store: Option<Box<dyn SessionStore>>,
    /// The one root that TLS trusts.
    pub(crate) root: Option<Vec<u8>>,
    pub(crate) proxy: Option<String>,
    pub(crate) clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    pub(crate) on_event: Box<dyn Fn(&Event) + Send + Sync>,
}

/// An adapter's client, and what it runs on. Clones share one session.
pub(crate) trait Subject: Clone + Send + Sync + 'static {
    fn build(plan: Plan) -> Self;

    /// Sends all requests at the same time, each from a thread or task of its own.
    fn send_all(&self, requests: Vec<Request<Bytes>>) -> Vec<Outcome>;

    fn send(&self, request: Request<Bytes>) -> Outcome {
        self.send_all(vec![request]).pop().expect("one went in")
    }

    /// With a body that can be read only once.
    fn send_once(&self, request: Request<Bytes>) -> Outcome;

    fn log_in(&self) -> Result<Status, Trouble>;

    fn set_credentials(&self, credentials: Credentials);

    fn retry_refused(&self);

    fn status(&self) -> Status;

    fn debug(&self) -> String;

    fn settle(&self) -> bool;

    fn forget(&self) -> bool;
}

pub(crate) type Outcome = Result<Response<Bytes>, Trouble>;

/// Why a request got no answer: both adapters' errors in one.
#[derive(Debug)]
pub(crate) enum Trouble {
    Denied(Denied),
    Foreign(ForeignOrigin),
    TimedOut(String),
    InCallback,
    Request(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(denied) => denied.fmt(f),
            Self::Foreign(foreign) => foreign.fmt(f),
            Self::InCallback => f.write_str("in a callback"),
            Self::TimedOut(text) | Self::Request(text) => f.write_str(text),
        }
    }
}

/// Every error of every case goes through here, so each is looked over for secrets (I9).
fn inspect(error: impl std::error::Error, sort: impl FnOnce(String) -> Trouble) -> Trouble {
    let mut text = error.to_string();
    assert_holds_no_secret(&format!("{error:?}"));
    let mut source = error.source();
    while let Some(cause) = source {
        assert_holds_no_secret(&format!("{cause:?}"));
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    assert_holds_no_secret(&text);
    sort(text)
}

impl<R: std::error::Error + 'static> From<Error<R>> for Trouble {
    fn from(error: Error<R>) -> Self {
        inspect(&error, |text| match &error {
            Error::Denied(denied) => Self::Denied(denied.clone()),
            Error::ForeignOrigin(foreign) => Self::Foreign(foreign.clone()),
            Error::TimedOut { .. } => Self::TimedOut(text),
            Error::InCallback => Self::InCallback,
            _ => Self::Request(text),
        })
    }
}

/// The blocking adapter; a thread for each request.
#[derive(Clone)]
pub(crate) struct Ureq(pub(crate) simacan_auth_ureq::Client);

impl Ureq {
    pub(crate) fn builder(plan: Plan) -> simacan_auth_ureq::Builder {
        plan.judge.note_client(&plan.config);
        let root = plan
            .root
            .map(|root| Certificate::from_der(&root).to_owned());
        let roots = root.into_iter().collect::<Vec<_>>();
        let tls = TlsConfig::builder().root_certs(RootCerts::Specific(Arc::new(roots)));
        let proxy = plan.proxy;
        let proxy = proxy.map(|proxy| ureq::Proxy::new(&proxy).expect("a proxy"));
        let builder = simacan_auth_ureq::Client::builder(plan.provider, plan.credentials)
            .http(move |http| {
                let http = http.timeout_global(Some(PATIENCE)).tls_config(tls.build());
                match proxy {
                    Some(_) => http.proxy(proxy),
                    None => http, // the environment's, if it has one
                }
            })
            .config(plan.config)
            .exchange_timeout(plan.exchange_timeout)
            .token_timeout(plan.token_timeout)
            .drop_timeout(plan.drop_timeout)
            .clock(plan.clock)
            .on_event(plan.on_event);
        match plan.store {
            Some(store) => builder.store(store),
            None => builder,
        }
    }
}

impl Subject for Ureq {
    fn build(plan: Plan) -> Self {
        Self(Self::builder(plan).build().expect("a client"))
    }

    fn send_all(&self, requests: Vec<Request<Bytes>>) -> Vec<Outcome> {
        crowd::threads(requests, |request| Ok(self.0.send(request)?))
    }

    fn send_once(&self, request: Request<Bytes>) -> Outcome {
        let send = |request: Request<&[u8]>| {
            let (parts, mut body) = request.into_parts();
            let body = ureq::SendBody::from_reader(&mut body);
            Ok(self.0.send_once(Request::from_parts(parts, body))?)
        };
        let mut outcomes = crowd::threads(vec![request], send);
        outcomes.pop().expect("one went in")
    }

    fn log_in(&self) -> Result<Status, Trouble> {
        Ok(self.0.log_in()?)
    }

    fn set_credentials(&self, credentials: Credentials) {
        self.0.set_credentials(credentials);
    }

    fn retry_refused(&self) {
        self.0.retry_refused();
    }

    fn status(&self) -> Status {
        self.0.status()
    }

    fn debug(&self) -> String {
        format!("{:?}", self.0)
    }

    fn settle(&self) -> bool {
        self.0.settle(PATIENCE)
    }

    fn forget(&self) -> bool {
        self.0.forget(PATIENCE)
    }
}

/// The async adapter; a task for each request, on a runtime of the subject's own.
pub(crate) struct Reqwest<F> {
    pub(crate) client: simacan_auth_reqwest::Client,
    pub(crate) runtime: Arc<Runtime>,
    flavour: PhantomData<fn() -> F>,
}

/// Which runtime.
pub(crate) trait Flavour: 'static {
    fn runtime() -> Runtime;
}

pub(crate) struct MultiThread;

impl Flavour for MultiThread {
    fn runtime() -> Runtime {
        let mut builder = runtime::Builder::new_multi_thread();
        builder
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime")
    }
}

pub(crate) struct CurrentThread;

impl Flavour for CurrentThread {
    fn runtime() -> Runtime {
        let mut builder = runtime::Builder::new_current_thread();
        builder.enable_all().build().expect("a runtime")
    }
}

impl<F> Clone for Reqwest<F> {
    fn clone(&self) -> Self {
        Self {
            client: self.client.clone(),
            runtime: self.runtime.clone(),
            flavour: PhantomData,
        }
    }
}

/// The async client without a runtime, for cases that bring their own.
pub(crate) fn reqwest_client(plan: Plan) -> simacan_auth_reqwest::Client {
    reqwest_builder(plan).build().expect("a client")
}

pub(crate) fn reqwest_builder(plan: Plan) -> simacan_auth_reqwest::Builder {
    plan.judge.note_client(&plan.config);
    let builder = simacan_auth_reqwest::Client::builder(plan.provider, plan.credentials)
        .http(move |http| {
            let root = plan.root.as_deref();
            let root = root.map(|root| reqwest::Certificate::from_der(root).expect("DER"));
            // No others: to load the system's takes longer than most cases do.
            let builder = http.tls_certs_only(root);
            let builder = builder.timeout(PATIENCE);
            match plan.proxy.as_deref().map(reqwest::Proxy::all) {
                Some(proxy) => builder.proxy(proxy.expect("a proxy")),
                None => builder, // the environment's, if it has one
            }
        })
        .config(plan.config)
        .exchange_timeout(plan.exchange_timeout)
        .token_timeout(plan.token_timeout)
        .drop_timeout(plan.drop_timeout)
        .clock(plan.clock)
        .on_event(plan.on_event);
    match plan.store {
        Some(store) => builder.store(store),
        None => builder,
    }
}

pub(crate) async fn send(
    client: &simacan_auth_reqwest::Client,
    request: Request<Bytes>,
) -> Outcome {
    let request = reqwest::Request::try_from(request).expect("an absolute URI");
    read(client.execute(request).await?).await
}

/// To its end.
pub(crate) async fn read(mut response: reqwest::Response) -> Outcome {
    let mut answer = Response::new(Bytes::new());
    *answer.status_mut() = response.status();
    *answer.headers_mut() = std::mem::take(response.headers_mut());
    match response.bytes().await {
        Ok(body) => *answer.body_mut() = body,
        Err(error) => return Err(Trouble::Request(error.to_string())),
    }
    Ok(answer)
}

impl<F: Flavour> Reqwest<F> {
    pub(crate) fn of(client: simacan_auth_reqwest::Client) -> Self {
        Self {
            client,
            runtime: Arc::new(F::runtime()),
            flavour: PhantomData,
        }
    }
}

impl<F: Flavour> Subject for Reqwest<F> {
    fn build(plan: Plan) -> Self {
        Self::of(reqwest_client(plan))
    }

    fn send_all(&self, requests: Vec<Request<Bytes>>) -> Vec<Outcome> {
        crowd::tasks(&self.runtime, requests, |request| {
            let client = self.client.clone();
            async move { send(&client, request).await }
        })
    }

    fn send_once(&self, request: Request<Bytes>) -> Outcome {
        let chunk = |body| futures_util::stream::iter([Ok::<Bytes, std::io::Error>(body)]);
        let request = request.map(|body| reqwest::Body::wrap_stream(chunk(body)));
        let request = request.try_into().expect("an absolute URI");
        self.runtime
            .block_on(async { read(self.client.execute(request).await?).await })
    }

    fn log_in(&self) -> Result<Status, Trouble> {
        Ok(self.runtime.block_on(self.client.log_in())?)
    }

    fn set_credentials(&self, credentials: Credentials) {
        self.client.set_credentials(credentials);
    }

    fn retry_refused(&self) {
        self.client.retry_refused();
    }

    fn status(&self) -> Status {
        self.client.status()
    }

    fn debug(&self) -> String {
        format!("{:?}", self.client)
    }

    fn settle(&self) -> bool {
        self.runtime.block_on(self.client.settle(PATIENCE))
    }

    fn forget(&self) -> bool {
        self.runtime.block_on(self.client.forget(PATIENCE))
    }
}
