//! What those get who have an async client already and put ours into it: a chain of `reqwest-middleware`, a
//! `tower` service.

use std::error::Error as _;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Extensions, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as Hyper;
use hyper_util::rt::TokioExecutor;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware, Next};
use simacan_auth_reqwest::{Client, Error, reqwest_middleware};
use tower_layer::Layer;
use tower_service::Service;

use crate::platform::{World, assert_holds_no_secret};
use crate::subject::{Flavour, reqwest_client};

on_both_runtimes! {
    a_chain_gets_a_token_and_cures_a_401,
    i8_a_chain_takes_the_token_nowhere_else,
    a_service_gets_a_token_and_cures_a_401_if_it_may_clone_the_body,
    i8_a_service_takes_the_token_nowhere_else,
    a_service_is_made_ready_before_each_try,
    many_requests_of_a_chain_and_a_service_share_one_refresh,
}

/// Counts what passes below it.
#[derive(Clone, Default)]
pub(crate) struct Below(Arc<AtomicU32>);

#[async_trait::async_trait]
impl Middleware for Below {
    async fn handle(
        &self,
        request: reqwest::Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        self.0.fetch_add(1, Ordering::Relaxed);
        next.run(request, extensions).await
    }
}

pub(crate) fn chain(client: &Client, below: &Below) -> ClientWithMiddleware {
    let end = reqwest::Client::builder().tls_certs_only([]).no_proxy();
    ClientBuilder::new(end.build().expect("a client"))
        .with(client.clone())
        .with(below.clone())
        .build()
}

fn a_chain_gets_a_token_and_cures_a_401<F: Flavour>() {
    let world = World::new();
    let (client, below) = (reqwest_client(world.plan()), Below::default());
    let chain = chain(&client, &below);
    F::runtime().block_on(async {
        let send = || chain.post(world.uri("/x")).body("body").send();
        assert_eq!(send().await.expect("an answer").status(), 204);
        world.revoke();
        assert_eq!(send().await.expect("an answer").status(), 204);
        // What is below sees each try.
        assert_eq!(below.0.load(Ordering::Relaxed), 3);
        world.assert_exchanges(1, 1);

        world.revoke();
        let chunks = futures_util::stream::iter([Ok::<_, std::io::Error>("body")]);
        let once = chain
            .post(world.uri("/x"))
            .body(reqwest::Body::wrap_stream(chunks));
        assert_eq!(once.send().await.expect("an answer").status(), 401);
        assert_eq!(send().await.expect("an answer").status(), 204);
    });
}

fn i8_a_chain_takes_the_token_nowhere_else<F: Flavour>() {
    let (world, elsewhere) = (World::new(), World::new());
    let chain = chain(&reqwest_client(world.plan()), &Below::default());
    let error = F::runtime()
        .block_on(chain.get(elsewhere.uri("/x")).send())
        .expect_err("it may not go there");
    assert_holds_no_secret(&format!("{error} {error:?}"));
    let reqwest_middleware::Error::Middleware(error) = error else {
        panic!("{error:?}");
    };
    assert!(
        matches!(error.downcast_ref(), Some(Error::ForeignOrigin(_))),
        "{error:?}"
    );
    assert_eq!(elsewhere.counters().targets_received, 0);
}

/// One request through a service that is made ready first, as each has to be.
pub(crate) async fn call<S, B>(
    service: &mut S,
    request: Request<Full<Bytes>>,
) -> Result<Response<Bytes>, S::Error>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>>,
    B: BodyExt<Data = Bytes>,
    B::Error: std::fmt::Debug,
{
    poll_fn(|context| service.poll_ready(context)).await?;
    let (parts, body) = service.call(request).await?.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    Ok(Response::from_parts(parts, body))
}

fn a_service_gets_a_token_and_cures_a_401_if_it_may_clone_the_body<F: Flavour>() {
    let world = World::new();
    let client = reqwest_client(world.plan());
    F::runtime().block_on(async {
        let hyper = Hyper::builder(TokioExecutor::new()).build_http();
        let mut replaying = client.driver().replaying_layer().layer(hyper.clone());
        let mut once = client.driver().layer().layer(hyper);
        let request = || world.post("/x", "body").map(Full::new);
        let answer = call(&mut replaying, request()).await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        world.revoke();
        let answer = call(&mut replaying, request()).await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        world.assert_exchanges(1, 1);

        world.revoke();
        let answer = call(&mut once, request()).await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        let answer = call(&mut once, request()).await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        world.assert_exchanges(1, 2);
    });
}

/// A service that insists on what tower asks for: `poll_ready` before each `call`, and a clone is not ready.
struct Strict<S> {
    inner: S,
    is_ready: bool,
}

impl<S: Clone> Clone for Strict<S> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            is_ready: false,
        }
    }
}

impl<S: Service<Request<Full<Bytes>>>> Service<Request<Full<Bytes>>> for Strict<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let ready = self.inner.poll_ready(context);
        self.is_ready = ready.is_ready();
        ready
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> S::Future {
        assert!(std::mem::take(&mut self.is_ready), "it is not ready");
        self.inner.call(request)
    }
}

fn a_service_is_made_ready_before_each_try<F: Flavour>() {
    let world = World::new();
    let client = reqwest_client(world.plan());
    F::runtime().block_on(async {
        let strict = Strict {
            inner: Hyper::builder(TokioExecutor::new()).build_http(),
            is_ready: false,
        };
        let mut service = client.driver().replaying_layer().layer(strict);
        for _ in 0..3 {
            let request = world.post("/x", "body").map(Full::new);
            let answer = call(&mut service, request).await.expect("an answer");
            assert_eq!(answer.status(), StatusCode::NO_CONTENT);
            world.revoke();
        }
    });
    world.assert_exchanges(1, 2);
}

fn i8_a_service_takes_the_token_nowhere_else<F: Flavour>() {
    let (world, elsewhere) = (World::new(), World::new());
    let client = reqwest_client(world.plan());
    F::runtime().block_on(async {
        let hyper = Hyper::builder(TokioExecutor::new()).build_http();
        let mut service = client.driver().layer().layer(hyper);
        for uri in [elsewhere.uri("/x"), "/x".to_owned()] {
            let mut request = Request::new(Full::new(Bytes::new()));
            *request.uri_mut() = uri.parse().expect("a URI");
            let error = call(&mut service, request)
                .await
                .expect_err("it may not go there");
            assert_holds_no_secret(&format!("{error} {error:?}"));
            let error: &simacan_auth_driver::Error = error.downcast_ref().expect("one of ours");
            assert!(
                matches!(error, simacan_auth_driver::Error::ForeignOrigin(_)),
                "{error:?}"
            );
            assert!(error.source().is_none());
        }
    });
    assert_eq!(elsewhere.counters().targets_received, 0);
    world.assert_exchanges(0, 0);
}

fn many_requests_of_a_chain_and_a_service_share_one_refresh<F: Flavour>() {
    let world = World::new();
    let client = reqwest_client(world.plan());
    let chain = chain(&client, &Below::default());
    F::runtime().block_on(async {
        let hyper = Hyper::builder(TokioExecutor::new()).build_http();
        let service = client.driver().replaying_layer().layer(hyper);
        client.log_in().await.expect("logged in");
        world.revoke();
        let tasks: Vec<_> = (0..200)
            .map(|n| {
                let (chain, mut service) = (chain.clone(), service.clone());
                let request = world.post("/x", format!("body {n}"));
                tokio::spawn(async move {
                    if n % 2 == 0 {
                        let answer = call(&mut service, request.map(Full::new)).await;
                        return answer.expect("an answer").status();
                    }
                    let request = request.try_into().expect("an absolute URI");
                    chain.execute(request).await.expect("an answer").status()
                })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.expect("no panic"), StatusCode::NO_CONTENT);
        }
    });
    world.assert_exchanges(1, 1);
}
