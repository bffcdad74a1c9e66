//! The ways by which a secret could leave: proxies of the environment, what an exchange would inherit from the
//! client of the targets, errors that repeat too much.

use std::env;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::ureq::tls::{Certificate, RootCerts, TlsConfig};
use http::{HeaderMap, HeaderValue, StatusCode};
use simacan_auth::{ClientAuth, Denied, Failure, Provider, TransportFailure};
use simacan_auth_emulator::{Endpoint, Fault};

use crate::certificates::authority;
use crate::platform::{HOUR, PATIENCE, World, assert_accepted, assert_status, denied, get, post};
use crate::stub::{Connection, Stub, answer, proxy_to};
use crate::subject::{
    CurrentThread, Flavour, MultiThread, Plan, Reqwest, Subject, Ureq, reqwest_builder,
};
use crate::tls_server::{Flaw, Secured};

conformance! {
    i8_nothing_for_loopback_goes_to_a_proxy_of_the_environment,
    what_is_beyond_this_machine_goes_by_a_proxy_of_the_environment,
    a_proxy_that_is_set_by_hand_is_used_for_loopback_too,
    an_exchange_asks_for_no_encoding_and_says_who_it_is,
    i9_the_error_of_an_exchange_has_neither_a_query_nor_what_the_server_said,
}

/// What both clients look at.
const VARIABLES: [&str; 6] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
];
const IS_CHILD: &str = "SIMACAN_TEST_BEHIND_PROXIES";

/// The test with this name in a process of its own, whose environment has this proxy for everything.
fn run_behind(proxy: &Stub, test: &str) {
    let mut child = Command::new(env::current_exe().expect("it is there"));
    child.args(["--exact", test, "--nocapture"]);
    child
        .env(IS_CHILD, "1")
        .env_remove("NO_PROXY")
        .env_remove("no_proxy");
    let output = child
        .envs(VARIABLES.map(|name| (name, proxy.origin())))
        .output();
    let output = output.expect("it can be started");
    let said = String::from_utf8_lossy(&output.stdout);
    let report = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{report}");
    assert!(said.contains("1 passed"), "{test}: {said}");
}

/// As `conformance!` names it.
fn name<S: Subject>(case: &str) -> String {
    let subject = std::any::type_name::<S>();
    let module = match subject {
        _ if subject.contains("Ureq") => "ureq",
        _ if subject.contains("CurrentThread") => "reqwest_current_thread",
        _ => "reqwest",
    };
    format!("leaks::{module}::{case}")
}

fn is_child() -> bool {
    env::var_os(IS_CHILD).is_some()
}

/// Reads all that it is sent.
fn listener() -> Stub {
    Stub::start(Connection::wait_for_the_end)
}

/// A login, a refresh, requests that are redirected, a 401, a body that is sent once.
fn i8_nothing_for_loopback_goes_to_a_proxy_of_the_environment<S: Subject>() {
    if !is_child() {
        let proxy = listener();
        let case = "i8_nothing_for_loopback_goes_to_a_proxy_of_the_environment";
        run_behind(&proxy, &name::<S>(case));
        assert_eq!(proxy.connections(), 0);
        return;
    }
    let world = World::new();
    let port = world.server.address().port();
    for origin in ["127.0.0.1", "localhost"].map(|host| format!("http://{host}:{port}")) {
        world.forget();
        let provider = Provider::simacan_at(format!("{origin}/api/v1"));
        let provider = provider.allow_origin(&origin).allow_loopback_http();
        let subject = S::build(world.plan_at(provider.build().expect("it is loopback")));
        assert_accepted(&subject.send_all(vec![post(&format!("{origin}/x"), "x"); 3]));
        world.skip(HOUR);
        let redirect = HeaderValue::from_str(&format!("{origin}/y")).expect("a URI");
        let redirect = Fault::Redirect(StatusCode::FOUND, redirect);
        world.script(Endpoint::Target, redirect, 1);
        let _ = subject.send(get(&format!("{origin}/x")));
        world.revoke();
        assert_accepted(&[subject.send(post(&format!("{origin}/x"), "x"))]);
        assert_accepted(&[subject.send_once(post(&format!("{origin}/x"), "x"))]);
        world.assert_exchanges(1, 2);
    }
}

/// If it is the way out, it stays so, even for a provider that allows a loopback target.
fn what_is_beyond_this_machine_goes_by_a_proxy_of_the_environment<S: Subject>() {
    if !is_child() {
        let proxy = Stub::answering(answer("502 Bad Gateway", "", ""));
        let case = "what_is_beyond_this_machine_goes_by_a_proxy_of_the_environment";
        run_behind(&proxy, &name::<S>(case));
        let heads = proxy.heads();
        let is_tunnel = |head: &String| head.starts_with("CONNECT auth.example:443 ");
        assert!(
            !heads.is_empty() && heads.iter().all(is_tunnel),
            "{heads:?}"
        );
        return;
    }
    let world = World::new();
    let provider = Provider::simacan_at("https://auth.example/api/v1");
    let provider = provider.allow_origin(world.server.origin());
    let provider = provider.allow_loopback_http().build().expect("https");
    let failure = failure(denied(S::build(world.plan_at(provider)).log_in()));
    assert!(failure.is_not_sent(), "{failure}");
}

/// Its proxy is the environment's, and so is that of a request that another agent has configured.
#[test]
fn i8_nothing_for_loopback_goes_there_from_an_agent_of_the_users_own() {
    if !is_child() {
        let proxy = listener();
        let case = "leaks::i8_nothing_for_loopback_goes_there_from_an_agent_of_the_users_own";
        run_behind(&proxy, case);
        assert_eq!(proxy.connections(), 0);
        return;
    }
    let world = World::new();
    let agent = ::ureq::Agent::new_with_defaults();
    let proxy = agent.config().proxy().expect("the environment's");
    assert!(proxy.is_from_env());
    let builders = [
        Ureq::builder(world.plan()).agent(agent.clone()),
        Ureq::builder(world.plan()).http(|http| http.proxy(None)),
    ];
    for client in builders.map(|builder| builder.build().expect("a client")) {
        let request = http::Request::post(world.uri("/x"))
            .body("x")
            .expect("a URI");
        let configured = agent.configure_request(request.clone()).build();
        for request in [request, configured] {
            let status = client.send(request).expect("an answer").status();
            assert_eq!(status, StatusCode::NO_CONTENT);
        }
    }
}

/// And there one is the user's, whatever the environment has.
fn a_proxy_that_is_set_by_hand_is_used_for_loopback_too<S: Subject>() {
    if !is_child() {
        let proxy = listener();
        let case = "a_proxy_that_is_set_by_hand_is_used_for_loopback_too";
        run_behind(&proxy, &name::<S>(case));
        assert_eq!(proxy.connections(), 0);
    }
    let world = World::new();
    let proxy = proxy_to(world.server.address());
    let subject = S::build(Plan {
        proxy: Some(proxy.origin()),
        ..world.plan()
    });
    assert_accepted(&[subject.send(world.post("/x", "x"))]);
    world.assert_exchanges(1, 0);
    assert!(
        proxy.connections() >= 2,
        "the exchange's, and the request's"
    );
}

/// An auth endpoint that writes down what it is sent.
fn auth_api() -> (Stub, Arc<Mutex<Vec<String>>>) {
    let heads = Arc::<Mutex<Vec<String>>>::default();
    let stub = Stub::start({
        let heads = heads.clone();
        move |connection| {
            while let Some(head) = connection.read_request()? {
                heads.lock().expect("no panic").push(head);
                let tokens = r#"{"access_token":"a","refresh_token":"r","token_type":"bearer","expires_in":3600}"#;
                let cookie = "content-type: application/json\r\nset-cookie: a=b\r\n";
                connection.write(answer("200 OK", cookie, tokens).as_bytes())?;
            }
            Ok(())
        }
    });
    (stub, heads)
}

fn provider_at(origin: &str) -> Provider {
    let provider = Provider::simacan_at(origin).allow_loopback_http();
    provider.build().expect("it is loopback")
}

fn an_exchange_asks_for_no_encoding_and_says_who_it_is<S: Subject>() {
    let world = World::new();
    let (auth, heads) = auth_api();
    let subject = S::build(world.plan_at(provider_at(&auth.origin())));
    for _ in 0..2 {
        subject.log_in().expect("logged in");
        world.skip(HOUR);
    }
    let heads = heads.lock().expect("no panic").clone();
    assert_eq!(heads.len(), 2);
    for head in heads.iter().map(|head| head.to_ascii_lowercase()) {
        assert!(head.contains(" http/1.1\r\n"), "{head}");
        assert!(head.contains("\r\naccept: application/json\r\n"), "{head}");
        assert!(head.contains("\r\naccept-encoding: identity\r\n"), "{head}");
        assert!(head.contains("\r\nuser-agent: simacan-auth/"), "{head}");
        assert!(
            !head.contains("cookie") && !head.contains("referer"),
            "{head}"
        );
    }
}

/// In an endpoint's query there may be a key; in what a server says, anything.
fn i9_the_error_of_an_exchange_has_neither_a_query_nor_what_the_server_said<S: Subject>() {
    let world = World::new();
    for said in [
        &b""[..],
        b"SAID\r\n\r\n",
        b"HTTP/1.1 SAID OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nSAID\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: SAID\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nSAID\r\n",
    ] {
        let server = Stub::start(move |connection| {
            connection.read_request()?;
            connection.write(said)
        });
        let endpoint = format!("{}/token?key=QUERY", server.origin());
        let provider = Provider::oauth2(endpoint, ClientAuth::public("c")).allow_loopback_http();
        let mut plan = world.plan_at(provider.build().expect("it is loopback"));
        plan.config.attempts = 1;
        let denied = denied(S::build(plan).log_in());
        let text = format!("{denied} {denied:?}");
        assert!(!text.contains("QUERY") && !text.contains("SAID"), "{text}");
    }
}

#[track_caller]
fn failure(denied: Denied) -> TransportFailure {
    match denied {
        Denied::Unavailable {
            failure: Failure::Transport(failure),
            ..
        } => failure,
        other => panic!("{other:?}"),
    }
}

/// It is for targets: who is given the password is looked at.
fn assert_checks_the_auth_api<S: Subject>(build: impl FnOnce(Plan) -> S) {
    let authority = authority("root");
    let (good, bad) = (
        Secured::new("localhost", Flaw::None, &authority),
        Secured::new("localhost", Flaw::UnknownRoot, &authority),
    );
    let provider = Provider::simacan_at(format!("{}/api/v1", good.origin));
    let provider = provider.allow_origin(&bad.origin).build().expect("https");
    let subject = build(Plan {
        root: Some(authority.der().to_vec()),
        ..good.world.plan_at(provider)
    });
    good.world.judge.note_other_targets();
    // The target's certificate is as bad.
    let outcome = subject.send(post(&format!("{}/x", bad.origin), "x"));
    assert_status(&outcome, StatusCode::UNAUTHORIZED);
    good.world.forget();
    good.show(Flaw::UnknownRoot, &authority);
    good.world.skip(HOUR);
    let failure = failure(denied(subject.log_in()));
    assert!(failure.to_string().contains("UnknownIssuer"), "{failure}");
    assert!(failure.is_not_sent());
    good.world.assert_exchanges(0, 0);
}

#[test]
fn i8_no_password_goes_to_a_bad_certificate_that_ureq_would_accept_of_a_target() {
    assert_checks_the_auth_api(|plan| {
        let root = Certificate::from_der(plan.root.as_ref().expect("a root")).to_owned();
        let roots = RootCerts::Specific(Arc::new(vec![root]));
        let tls = TlsConfig::builder().root_certs(roots);
        let tls = tls.disable_verification(true).build();
        let builder = Ureq::builder(plan).http(|http| http.tls_config(tls));
        Ureq(builder.build().expect("a client"))
    });
}

#[test]
fn i8_no_password_goes_to_a_bad_certificate_that_reqwest_would_accept_of_a_target() {
    assert_checks_the_auth_api(|plan| {
        let root = plan.root.clone().expect("a root");
        let builder = reqwest_builder(plan).http(move |http| {
            let root = ::reqwest::Certificate::from_der(&root).expect("DER");
            http.tls_certs_only([root])
                .tls_danger_accept_invalid_certs(true)
                .tls_danger_accept_invalid_hostnames(true)
        });
        Reqwest::<MultiThread>::of(builder.build().expect("a client"))
    });
}

/// Meant for targets, which may have to answer at once. An exchange that is given up costs the session.
#[test]
fn i14_a_read_time_out_of_reqwest_does_not_cut_an_exchange_off() {
    let world = World::new();
    let builder = reqwest_builder(world.plan()).http(|http| {
        let short = Duration::from_millis(50);
        let http = http.tls_certs_only([]).read_timeout(short);
        http.timeout(short).connect_timeout(short)
    });
    let client = builder.build().expect("a client");
    let runtime = CurrentThread::runtime();
    runtime.block_on(client.log_in()).expect("logged in");
    world.skip(HOUR);
    let slow = Fault::Delay(Duration::from_millis(300));
    world.script(Endpoint::Refresh, slow, 1);
    runtime.block_on(client.log_in()).expect("logged in");
    world.assert_exchanges(1, 1);
}

/// The exchange's own have the last word; what else there is can't be taken off, as the docs say.
#[test]
fn default_headers_of_reqwest_do_not_replace_those_of_an_exchange() {
    let world = World::new();
    let (auth, heads) = auth_api();
    let plan = world.plan_at(provider_at(&auth.origin()));
    let builder = reqwest_builder(plan).http(|http| {
        let mut headers = HeaderMap::new();
        for name in [
            "accept",
            "accept-encoding",
            "content-type",
            "user-agent",
            "x-other",
        ] {
            headers.insert(name, HeaderValue::from_static("mine"));
        }
        http.tls_certs_only([])
            .referer(true)
            .default_headers(headers)
    });
    let client = builder.build().expect("a client");
    let logged_in = CurrentThread::runtime().block_on(client.log_in());
    logged_in.expect("logged in");
    let head = heads.lock().expect("no panic")[0].clone();
    assert_eq!(head.matches("mine").count(), 1, "{head}");
    assert!(head.contains("x-other: mine"), "{head}");
}

/// Over all of this, an exchange's own time.
#[test]
fn an_exchange_has_no_more_time_than_is_its_own() {
    let world = World::new();
    let silent = Stub::start(Connection::wait_for_the_end);
    let plan = |world: &World| {
        let mut plan = world.plan_at(provider_at(&silent.origin()));
        plan.config.attempts = 1;
        plan.exchange_timeout = Duration::from_millis(1500);
        plan
    };
    let builder = reqwest_builder(plan(&world)).http(|http| {
        let http = http.tls_certs_only([]);
        http.timeout(PATIENCE).connect_timeout(PATIENCE)
    });
    let reqwest = Reqwest::<MultiThread>::of(builder.build().expect("a client"));
    let builder = Ureq::builder(plan(&world)).http(|http| http.timeout_global(Some(PATIENCE)));
    let ureq = Ureq(builder.build().expect("a client"));
    for denied in [denied(reqwest.log_in()), denied(ureq.log_in())] {
        assert!(!failure(denied).is_not_sent());
    }
}
