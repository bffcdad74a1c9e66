//! The second try is the first but for its token, whether a request is short or long.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, COOKIE, USER_AGENT};
use http::{Method, Request, StatusCode};

use crate::platform::{World, assert_status};
use crate::stub::{Stub, answer};
use crate::subject::{MultiThread, Plan, Reqwest, Subject, Ureq};

conformance! {
    each_request_is_sent_again_as_it_was,
}

/// Answers 401 to each first request and 200 to each second, and writes down what it was sent.
struct Target {
    stub: Stub,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Target {
    fn start() -> Self {
        let bodies = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let stub = Stub::start({
            let bodies = bodies.clone();
            move |connection| {
                while let Some(body) = connection.read_request_with_body()? {
                    let mut bodies = bodies.lock().expect("no panic");
                    bodies.push(body);
                    let status = match bodies.len() % 2 {
                        1 => "401 Unauthorized",
                        _ => "200 OK",
                    };
                    drop(bodies);
                    connection.write(answer(status, "", "").as_bytes())?;
                }
                Ok(())
            }
        });
        Self { stub, bodies }
    }

    fn plan(&self, world: &World) -> Plan {
        world.plan_at(world.provider_with(&[&self.stub.origin()]))
    }

    /// That so many requests were sent twice each, and their heads.
    #[track_caller]
    fn assert_pairs(&self, pairs: usize) -> Vec<String> {
        let heads = self.stub.heads();
        let bodies = self.bodies.lock().expect("no panic").clone();
        assert_eq!((heads.len(), bodies.len()), (2 * pairs, 2 * pairs));
        for (heads, bodies) in heads.chunks(2).zip(bodies.chunks(2)) {
            let (first, second) = (Head::of(&heads[0]), Head::of(&heads[1]));
            assert_ne!(first.token, second.token);
            assert_eq!(first.rest, second.rest);
            assert_eq!(bodies[0], bodies[1]);
        }
        heads
    }
}

struct Head {
    token: String,
    /// In no order: a client may put headers of its own before or after.
    rest: Vec<String>,
}

impl Head {
    #[track_caller]
    fn of(head: &str) -> Self {
        let is_token = |line: &String| line.to_ascii_lowercase().starts_with("authorization:");
        let lines = head.lines().map(str::to_owned);
        let (mut tokens, mut rest): (Vec<String>, _) = lines.partition(is_token);
        rest.sort();
        assert_eq!(tokens.len(), 1, "{head}");
        let token = tokens.remove(0);
        Self { token, rest }
    }
}

/// Short, with headers that are long, and with a long body.
const LENGTHS: [(usize, usize); 4] = [(10, 20), (300, 20), (10, 5000), (600, 5000)];

fn each_request_is_sent_again_as_it_was<S: Subject>() {
    let (world, target) = (World::new(), Target::start());
    let subject = S::build(target.plan(&world));
    for (header, body) in LENGTHS {
        let uri = format!("{}/x/%7Ey?a=b%20c&d", target.stub.origin());
        let request = Request::builder()
            .method(Method::PATCH)
            .uri(uri)
            .header("x-long", "h".repeat(header))
            .header("x-twice", "one")
            .header("x-twice", "two: 2;\t")
            .header(COOKIE, "a=b; c=d")
            .body(Bytes::from(vec![0xfe; body]));
        let outcome = subject.send(request.expect("it is well formed"));
        assert_status(&outcome, StatusCode::OK);
    }
    target.assert_pairs(LENGTHS.len());
}

/// Which are shorter on their way through.
#[test]
fn what_a_builder_of_reqwest_has_built_is_sent_again_as_it_was() {
    let (world, target) = (World::new(), Target::start());
    let subject = Reqwest::<MultiThread>::build(target.plan(&world));
    let url = format!("{}/x/%7Ey?a=b%20c&d#not-sent", target.stub.origin());
    for (header, body) in LENGTHS {
        let request = subject.client.request(Method::PATCH, &*url);
        let request = request
            .header("x-long", "h".repeat(header))
            .header("x-twice", "one")
            .header("x-twice", "two")
            .timeout(Duration::from_secs(20))
            .body(vec![0xfe; body]);
        let response = subject.runtime.block_on(subject.client.send(request));
        assert_eq!(response.expect("an answer").status(), StatusCode::OK);
    }
    let none = subject.client.get(&*url);
    let response = subject.runtime.block_on(subject.client.send(none));
    assert_eq!(response.expect("an answer").status(), StatusCode::OK);
    target.assert_pairs(LENGTHS.len() + 1);
}

/// Both times it has what was set for it alone, else what the client is configured to do.
#[test]
fn ureq_configures_a_request_on_top_of_its_client() {
    let (world, target) = (World::new(), Target::start());
    let builder = Ureq::builder(target.plan(&world)).http(|http| {
        let http = http.proxy(None).accept("of the client");
        http.user_agent("of the client")
    });
    let client = builder.build().expect("a client");
    let request = Request::get(format!("{}/x", target.stub.origin())).body(());
    let request = client.configure_request(request.expect("it is well formed"));
    let response = client.send(request.user_agent("its own").build());
    assert_eq!(response.expect("an answer").status(), StatusCode::OK);
    for head in target.assert_pairs(1) {
        let head = head.to_ascii_lowercase();
        assert!(head.contains("accept: of the client"), "{head}");
        assert!(head.contains("user-agent: its own"), "{head}");
    }
}

/// Both times a request has what it brings itself, else what the agent is configured to send, else what is
/// sent by default.
#[test]
fn ureq_sends_the_headers_that_it_is_configured_to_send() {
    let own = concat!("simacan-auth-ureq/", env!("CARGO_PKG_VERSION"));
    for (configured, brought, accept, user_agent) in [
        (None, None, Some("*/*"), Some(own)),
        (
            Some("configured"),
            None,
            Some("configured"),
            Some("configured"),
        ),
        (
            Some("configured"),
            Some("brought"),
            Some("brought"),
            Some("brought"),
        ),
        (Some(""), None, None, None),
        (Some(""), Some("brought"), Some("brought"), Some("brought")),
    ] {
        let (world, target) = (World::new(), Target::start());
        let builder = Ureq::builder(target.plan(&world)).http(move |http| {
            let http = http.proxy(None);
            match configured {
                Some(value) => http.accept(value).user_agent(value),
                None => http,
            }
        });
        let mut request = Request::get(format!("{}/x", target.stub.origin()));
        if let Some(value) = brought {
            request = request.header(ACCEPT, value).header(USER_AGENT, value);
        }
        let request = request.body(()).expect("it is well formed");
        let response = builder
            .build()
            .expect("a client")
            .send(request)
            .expect("an answer");
        assert_eq!(response.status(), StatusCode::OK);
        for head in target.assert_pairs(1) {
            let of = |name: &str| {
                let mut lines = head.lines().filter_map(|line| line.split_once(": "));
                let line = lines.find(|(it, _)| it.eq_ignore_ascii_case(name));
                line.map(|(_, value)| value.to_owned())
            };
            assert_eq!(of("accept").as_deref(), accept, "{head}");
            assert_eq!(of("user-agent").as_deref(), user_agent, "{head}");
        }
    }
}

/// A request that has been configured by itself has the last word.
#[test]
fn ureq_sends_the_headers_that_a_request_is_configured_to_send() {
    let (world, target) = (World::new(), Target::start());
    let client = Ureq::builder(target.plan(&world))
        .build()
        .expect("a client");
    let request = Request::get(format!("{}/x", target.stub.origin())).body(());
    let agent = ::ureq::Agent::new_with_defaults();
    let request = agent.configure_request(request.expect("it is well formed"));
    let request = request.proxy(None).user_agent("mine").build();
    let response = client.send(request).expect("an answer");
    assert_eq!(response.status(), StatusCode::OK);
    for head in target.assert_pairs(1) {
        assert!(head.contains("user-agent: mine"), "{head}");
    }
}

#[test]
fn ureq_says_who_it_is_when_it_sends_once_too() {
    let (world, target) = (World::new(), Target::start());
    let client = Ureq::builder(target.plan(&world))
        .build()
        .expect("a client");
    let request = Request::get(format!("{}/x", target.stub.origin())).body(());
    let response = client.send_once(request.expect("it is well formed"));
    assert_eq!(
        response.expect("an answer").status(),
        StatusCode::UNAUTHORIZED
    );
    let head = &target.stub.heads()[0];
    assert!(head.contains("user-agent: simacan-auth-ureq/"), "{head}");
}

/// It has no URI, and ureq panics if it is asked for it.
#[test]
fn a_401_that_a_configured_middleware_has_made_up_is_delivered() {
    type Next<'a> = ::ureq::middleware::MiddlewareNext<'a>;
    let (world, target) = (World::new(), Target::start());
    let builder = Ureq::builder(target.plan(&world)).http(|http| {
        http.proxy(None)
            .middleware(|_: Request<::ureq::SendBody<'_>>, _: Next<'_>| {
                let response = http::Response::builder().status(StatusCode::UNAUTHORIZED);
                Ok(response
                    .body(::ureq::Body::builder().data(""))
                    .expect("it is well formed"))
            })
    });
    let request = Request::get(format!("{}/x", target.stub.origin())).body(());
    let response = builder
        .build()
        .expect("a client")
        .send(request.expect("it is well formed"));
    assert_eq!(
        response.expect("an answer").status(),
        StatusCode::UNAUTHORIZED
    );
}
