//! What the errors say.

use std::error::Error;
use std::net::TcpListener;

use crate::platform::World;
use crate::subject::{CurrentThread, Reqwest, Ureq};

/// An allowed origin where nothing listens any more.
fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    format!("http://{}", listener.local_addr().expect("an address"))
}

/// Ours says what failed and why, once, whether it is printed alone or with its chain.
#[track_caller]
fn assert_is_said_once(error: &dyn Error, nowhere: &str, clients_own: &str) {
    let text = error.to_string();
    let begins = format!("the request to {nowhere} failed: {clients_own}");
    assert!(text.starts_with(&begins), "{text}");
    assert_eq!(text.matches("refused").count(), 1, "{text}");
    assert!(error.source().is_none());
}

#[test]
fn ureqs_error_is_said_once_in_a_chain() {
    let (world, nowhere) = (World::new(), nowhere());
    let plan = world.plan_at(world.provider_with(&[&nowhere]));
    let client = Ureq::builder(plan).build().expect("a client");
    let request = http::Request::get(&nowhere).body(()).expect("a URI");
    let error = client.send(request).expect_err("nobody listens");
    let simacan_auth_ureq::Error::Request { error: own, .. } = &error else {
        panic!("{error:?}");
    };
    assert_is_said_once(&error, &nowhere, &own.to_string());
}

#[test]
fn reqwests_error_is_said_once_in_a_chain() {
    let (world, nowhere) = (World::new(), nowhere());
    let plan = world.plan_at(world.provider_with(&[&nowhere]));
    let subject = <Reqwest<CurrentThread> as crate::subject::Subject>::build(plan);
    let request = subject.client.get(&nowhere);
    let error = subject
        .runtime
        .block_on(subject.client.send(request))
        .expect_err("nobody listens");
    let simacan_auth_reqwest::Error::Request { error: own, .. } = &error else {
        panic!("{error:?}");
    };
    assert_is_said_once(&error, &nowhere, &own.to_string());
}
