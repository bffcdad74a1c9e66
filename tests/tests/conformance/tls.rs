//! Over TLS, with a root of the tests' own, which each client is given its own way.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned, crypto};
use simacan_auth::{Denied, Failure, Provider};
use simacan_auth_emulator::Server;

use crate::stub::{Connection, Stub};
use crate::subject::{Plan, Subject, Trouble};
use crate::world::{PATIENCE, World, assert_accepted, denied, within};

conformance! {
    a_session_goes_on_over_tls,
    i8_no_password_goes_to_an_auth_api_whose_certificate_is_bad,
    i8_no_token_goes_to_a_target_whose_certificate_is_bad,
    i6_a_tls_handshake_that_stalls_ends_with_the_time_out,
    a_tls_handshake_that_is_cut_off_is_a_typed_failure,
    a_server_that_talks_no_tls_is_a_typed_failure,
}

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug)]
enum Flaw {
    None,
    UnknownRoot,
    Expired,
    OtherName,
}

/// What both clients call it.
const FLAWS: [(Flaw, &str); 3] = [
    (Flaw::UnknownRoot, "UnknownIssuer"),
    (Flaw::Expired, "expired"),
    (Flaw::OtherName, "not valid for"),
];

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    CertifiedIssuer::self_signed(params, key).expect("a root")
}

/// The emulator with such a certificate.
fn world_with(flaw: Flaw, authority: &Authority) -> World {
    let name = match flaw {
        Flaw::OtherName => "elsewhere.example",
        _ => "127.0.0.1",
    };
    let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
    if let Flaw::Expired = flaw {
        params.not_before = date_time_ymd(1990, 1, 1);
        params.not_after = date_time_ymd(2000, 1, 1);
    }
    let key = KeyPair::generate().expect("a key");
    let certificate = match flaw {
        Flaw::UnknownRoot => params.signed_by(&key, &self::authority("another root")),
        _ => params.signed_by(&key, authority),
    };
    let chain = vec![certificate.expect("a certificate").der().clone()];
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
    let config = Arc::new(config.expect("a configuration"));
    let options = Server::options().tls(move |socket| {
        let connection = ServerConnection::new(config.clone()).map_err(io::Error::other)?;
        Ok(StreamOwned::new(connection, socket))
    });
    World::start(World::settings(), options)
}

/// A client that trusts the root, and takes plain http for no target.
fn plan(world: &World, authority: &Authority, targets: &[&World]) -> Plan {
    let provider = Provider::simacan_at(world.server.base_url());
    let provider = targets.iter().fold(provider, |provider, target| {
        provider.allow_origin(target.server.origin())
    });
    let provider = provider.build().expect("all of it is https");
    Plan {
        root: Some(authority.der().to_vec()),
        ..world.plan_at(provider)
    }
}

fn a_session_goes_on_over_tls<S: Subject>() {
    let authority = authority("root");
    let world = world_with(Flaw::None, &authority);
    let subject = S::build(plan(&world, &authority, &[&world]));
    assert_accepted(&subject.send_all(world.crowd(5)));
    world.assert_exchanges(1, 0);
    world.revoke();
    assert_accepted(&subject.send_all(world.crowd(5)));
    world.assert_exchanges(1, 1);
}

fn i8_no_password_goes_to_an_auth_api_whose_certificate_is_bad<S: Subject>() {
    for (flaw, words) in FLAWS {
        let authority = authority("root");
        let world = world_with(flaw, &authority);
        let subject = S::build(plan(&world, &authority, &[&world]));
        for outcome in subject.send_all(world.crowd(3)) {
            let text = transport_failure(&denied(outcome), 3);
            assert!(text.contains(words), "{flaw:?}: {text}");
        }
        world.assert_exchanges(0, 0);
        assert_eq!(world.counters().others_received, 0);
    }
}

fn i8_no_token_goes_to_a_target_whose_certificate_is_bad<S: Subject>() {
    for (flaw, words) in FLAWS {
        let authority = authority("root");
        let world = world_with(Flaw::None, &authority);
        let target = world_with(flaw, &authority);
        let subject = S::build(plan(&world, &authority, &[&world, &target]));
        match subject.send(target.post("/x", "x")) {
            Err(Trouble::Request(text)) => assert!(text.contains(words), "{flaw:?}: {text}"),
            other => panic!("{flaw:?}: {other:?}"),
        }
        assert_eq!(target.counters().targets_received, 0);
        // It says nothing about the session.
        assert_accepted(&subject.send_all(world.crowd(3)));
        world.assert_exchanges(1, 0);
    }
}

/// The text of it, after so many attempts.
#[track_caller]
fn transport_failure(denied: &Denied, expected: u32) -> String {
    match denied {
        Denied::Unavailable {
            failure: Failure::Transport(failure),
            attempts,
            ..
        } => {
            assert_eq!(*attempts, expected);
            failure.to_string()
        }
        other => panic!("{other:?}"),
    }
}

/// Of an exchange that must not outlast its own time-out. Less than the clients' own time-outs, which
/// would end it too.
const SHORT: Duration = Duration::from_millis(300);

/// The text of what a login comes to at a server that does this with the bytes of a handshake.
fn log_in_at<S: Subject>(
    exchange_timeout: Duration,
    serve: impl Fn(&mut Connection) -> io::Result<()> + Send + Sync + 'static,
) -> String {
    let authority = authority("root");
    let world = World::new();
    let stub = Stub::start(serve);
    let origin = stub.origin().replace("http://", "https://");
    let provider = Provider::simacan_at(origin).build().expect("it is https");
    let mut plan = Plan {
        exchange_timeout,
        root: Some(authority.der().to_vec()),
        ..world.plan_at(provider)
    };
    plan.config.attempts = 1;
    let subject = S::build(plan);
    let denied = within(PATIENCE / 3, "a login", move || denied(subject.log_in()));
    // None, where the machine is too slow for the time-out.
    assert!(stub.connections() <= 1, "it went again");
    transport_failure(&denied, 1)
}

/// It is the exchange's own time-out that ended it: the driver's grace for a carrier that nobody polls has
/// other words.
#[track_caller]
fn assert_timed_out(text: &str) {
    let is_time_out = text.contains("timed out") || text.contains("timeout");
    assert!(is_time_out, "{text}");
}

fn i6_a_tls_handshake_that_stalls_ends_with_the_time_out<S: Subject>() {
    let text = log_in_at::<S>(SHORT, Connection::wait_for_the_end);
    assert_timed_out(&text);
}

fn a_tls_handshake_that_is_cut_off_is_a_typed_failure<S: Subject>() {
    log_in_at::<S>(PATIENCE, Connection::read_a_byte);
}

fn a_server_that_talks_no_tls_is_a_typed_failure<S: Subject>() {
    log_in_at::<S>(PATIENCE, |connection| {
        connection.read_a_byte()?;
        connection.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
    });
}
