//! Redirects of target requests over two hops and in every spelling, with every client whose configuration
//! the adapters hold: the token reaches no origin that the provider doesn't allow (I8).

use ::ureq::config::RedirectAuthHeaders;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode};
use simacan_auth_emulator::{Endpoint, Fault};

use crate::certificates::authority;
use crate::platform::{World, assert_status};
use crate::redirects::STATUSES;
use crate::stub::{Stub, answer};
use crate::subject::{MultiThread, Plan, Reqwest, Subject, Ureq, reqwest_builder};
use crate::tls_server::{Flaw, HOSTS, Secured};

conformance! {
    i8_no_redirect_of_two_hops_takes_the_token_out,
    i8_no_spelling_of_a_redirect_takes_the_token_out,
    i8_no_redirect_takes_the_token_to_plain_http,
}

/// Answers with a redirect that the path says: `/301/http://…`. What has no such path gets a 401.
fn maze() -> Stub {
    Stub::start(|connection| {
        while let Some(head) = connection.read_request()? {
            let path = head.split(' ').nth(1).unwrap_or_default();
            let told = path.strip_prefix('/').and_then(|path| path.split_once('/'));
            let answer = match told {
                Some((status, to)) => {
                    let location = format!("location: {to}\r\n");
                    answer(&format!("{status} Moved"), &location, "")
                }
                None => answer("401 Unauthorized", "", "no"),
            };
            connection.write(answer.as_bytes())?;
        }
        Ok(())
    })
}

fn sent_on(world: &World, status: u16, to: &str) {
    let status = StatusCode::from_u16(status).unwrap();
    let to = HeaderValue::from_bytes(to.as_bytes()).unwrap();
    let fault = Fault::Redirect(status, to);
    world.script(Endpoint::Target, fault, 1);
}

fn request(uri: &str, method: &Method) -> Request<Bytes> {
    let body = match *method {
        Method::POST => Bytes::from_static(b"body"),
        _ => Bytes::new(),
    };
    let request = Request::builder().method(method).uri(uri).body(body);
    request.expect("a URI")
}

#[track_caller]
fn assert_saw_no_token(stub: &Stub) {
    for head in stub.heads() {
        let head = head.to_ascii_lowercase();
        // ureq makes another kind of `Authorization` of user information.
        assert!(!head.contains("bearer"), "{head}");
        assert!(!head.contains("eyj"), "{head}");
    }
}

fn two_hops<S: Subject>(build: impl Fn(Plan) -> S) {
    let (foreign, allowed) = (maze(), maze());
    let (out, by) = (foreign.origin(), allowed.origin());
    let world = World::new();
    let subject = build(world.plan_at(world.provider_with(&[&by])));
    subject.log_in().unwrap();
    for first in STATUSES {
        for second in STATUSES {
            for method in [Method::GET, Method::POST, Method::PUT] {
                // A -> B -> B: there reqwest's own stripping forgets. A -> C -> B, A -> C -> C -> B.
                for to in [
                    format!("{out}/{second}/{out}/end"),
                    format!("{by}/{second}/{out}/end"),
                    format!("{by}/{second}/{by}/{first}/{out}/end"),
                ] {
                    sent_on(&world, first, &to);
                    let _ = subject.send(request(&world.uri("/a"), &method));
                }
                // A -> A -> B.
                sent_on(&world, first, "/second");
                sent_on(&world, second, &format!("{out}/end"));
                let _ = subject.send(request(&world.uri("/a"), &method));
                // ureq does not follow every one.
                while world.emulate(|emulator| emulator.faults_in_store()) > 0 {
                    let _ = subject.send(world.get("/a"));
                }
            }
        }
    }
    assert_saw_no_token(&foreign);
    assert!(!allowed.heads().is_empty());
    // None of the 401s from there said anything about the token.
    world.assert_exchanges(1, 0);
    assert_status(&subject.send(world.get("/x")), StatusCode::OK);
    world.assert_exchanges(1, 0);
}

fn i8_no_redirect_of_two_hops_takes_the_token_out<S: Subject>() {
    two_hops(S::build);
}

/// The adapter has the last word on these.
#[test]
fn i8_no_setting_of_an_agent_takes_the_token_out() {
    two_hops(|plan| {
        let agent = ::ureq::Agent::config_builder()
            .proxy(None)
            .redirect_auth_headers(RedirectAuthHeaders::SameHost)
            .max_redirects(20);
        let builder = Ureq::builder(plan).agent(agent.build().into());
        Ureq(builder.build().expect("a client"))
    });
    two_hops(|plan| {
        let builder = Ureq::builder(plan).http(|http| {
            http.proxy(None)
                .redirect_auth_headers(RedirectAuthHeaders::SameHost)
                .max_redirects(20)
        });
        Ureq(builder.build().expect("a client"))
    });
}

#[test]
fn i8_no_redirect_policy_of_the_users_own_takes_the_token_out() {
    two_hops(|plan| {
        let builder = reqwest_builder(plan).http(|http| {
            http.tls_certs_only([])
                .no_proxy()
                .redirect(::reqwest::redirect::Policy::limited(20))
                .referer(true)
        });
        Reqwest::<MultiThread>::of(builder.build().expect("a client"))
    });
}

/// A second hop follows each, where reqwest's own stripping would forget.
fn i8_no_spelling_of_a_redirect_takes_the_token_out<S: Subject>() {
    let foreign = maze();
    let (world, subject) = World::with_a_user::<S>();
    let (out, port) = (foreign.origin(), world.server.address().port());
    let address = out.replace("http://", "");
    for to in [
        format!("//{address}/302//x"),
        format!("HTTP://{address}/302//x"),
        format!("http://user:pw@{address}/302//x"),
        format!("http://127.0.0.1:{port}@{address}/302//x"),
        format!("http://127.0.0.1:{port}\\@{address}/302//x"),
        format!("http:\\\\{address}\\302\\\\x"),
        format!("http:///{address}/302//x"),
        format!("http:{address}/302//x"),
        format!("\thttp://{address}/302//x"),
        format!("/\t/{address}/302//x"),
        format!("http://0x7f.1:{}/302//x", &address["127.0.0.1:".len()..]),
        format!("http://LOCALHOST:{port}/x"),
        format!("http://[::1]:{port}/x"),
        format!("http://[::ffff:127.0.0.1]:{port}/x"),
        format!("ftp://127.0.0.1:{port}/x"),
        format!("http://127.0.0.1:{port}#@{address}/302//x"),
        format!("?@{address}/302//x"),
        "http://".into(),
        "\u{fe}\u{ff}".into(),
    ] {
        for status in STATUSES {
            sent_on(&world, status, &to);
            let _ = subject.send(world.get("/a"));
        }
    }
    assert_saw_no_token(&foreign);
    world.assert_exchanges(0, 0);
    assert_status(&subject.send(world.get("/x")), StatusCode::OK);
}

/// Of the same host, and of another.
fn i8_no_redirect_takes_the_token_to_plain_http<S: Subject>() {
    let foreign = maze();
    let authority = authority("root");
    for host in HOSTS {
        let secured = Secured::new(host, Flaw::None, &authority);
        let subject: S = secured.subject(&authority, &[&secured]);
        subject.log_in().expect("logged in");
        for status in STATUSES {
            for to in [
                foreign.origin().replace("127.0.0.1", host),
                secured.origin.replace("https", "http"),
            ] {
                sent_on(&secured.world, status, &format!("{to}/302//x"));
                let _ = subject.send(request(&format!("{}/a", secured.origin), &Method::GET));
            }
        }
        secured.world.assert_exchanges(1, 0);
    }
    assert_saw_no_token(&foreign);
}

/// What a user's own client does is out of the adapter's hands, as its docs say: there it is the first hop
/// that is checked.
#[test]
fn i8_a_client_that_exists_already_is_checked_at_its_first_hop() {
    let foreign = maze();
    let world = World::new();
    let http = ::reqwest::Client::builder().tls_certs_only([]).no_proxy();
    let http = http.redirect(::reqwest::redirect::Policy::none());
    let builder = reqwest_builder(world.plan()).target_client(http.build().expect("a client"));
    let subject = Reqwest::<MultiThread>::of(builder.build().expect("a client"));
    let outcome = subject.send(request(&foreign.origin(), &Method::GET));
    assert!(matches!(outcome, Err(crate::subject::Trouble::Foreign(_))));
    // With the policy that the docs ask for, a redirect is delivered.
    sent_on(&world, 307, &foreign.origin());
    let outcome = subject.send(world.post("/a", "x"));
    assert_status(&outcome, StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(foreign.connections(), 0);
}
