//! The emulator over TLS, with certificates good and bad.

use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::Request;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use simacan_auth::Provider;
use simacan_auth_emulator::{Server, Settings};

use crate::certificates::{self, Authority, server_config};
use crate::platform::{World, post};
use crate::subject::{Plan, Subject};

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Flaw {
    None,
    UnknownRoot,
    Expired,
    OtherName,
}

/// Names and addresses are looked for in different places of a certificate.
pub(crate) const HOSTS: [&str; 2] = ["localhost", "127.0.0.1"];

/// What a server shows. A new one has no memory of earlier sessions: a client that resumed one would
/// look at no certificate.
pub(crate) fn certified(flaw: Flaw, authority: &Authority) -> Arc<ServerConfig> {
    match flaw {
        Flaw::OtherName => certified_for(&["elsewhere.example"], flaw, authority),
        _ => certified_for(&HOSTS, flaw, authority),
    }
}

pub(crate) fn certified_for(
    names: &[&str],
    flaw: Flaw,
    authority: &Authority,
) -> Arc<ServerConfig> {
    let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names");
    if let Flaw::Expired = flaw {
        params.not_before = date_time_ymd(1990, 1, 1);
        params.not_after = date_time_ymd(2000, 1, 1);
    }
    let key = KeyPair::generate().expect("a key");
    let certificate = match flaw {
        Flaw::UnknownRoot => params.signed_by(&key, &certificates::authority("another root")),
        _ => params.signed_by(&key, authority),
    };
    server_config(&certificate.expect("a certificate"), &key)
}

/// The emulator over TLS.
pub(crate) fn serve(settings: Settings, shown: &Arc<Mutex<Arc<ServerConfig>>>) -> World {
    let shown = shown.clone();
    let options = Server::options().tls(move |socket| {
        let config = shown.lock().expect("no panic").clone();
        let connection = ServerConnection::new(config).map_err(io::Error::other)?;
        Ok(StreamOwned::new(connection, socket))
    });
    World::start(settings, options)
}

/// The emulator over TLS, with a certificate that can be changed.
pub(crate) struct Secured {
    pub(crate) world: World,
    pub(crate) origin: String,
    shown: Arc<Mutex<Arc<ServerConfig>>>,
}

impl Secured {
    pub(crate) fn new(host: &str, flaw: Flaw, authority: &Authority) -> Self {
        let shown = Arc::new(Mutex::new(certified(flaw, authority)));
        let world = serve(World::settings(), &shown);
        let origin = format!("https://{host}:{}", world.server.address().port());
        Self {
            world,
            origin,
            shown,
        }
    }

    pub(crate) fn show(&self, flaw: Flaw, authority: &Authority) {
        *self.shown.lock().expect("no panic") = certified(flaw, authority);
    }

    /// A client that trusts the root, and takes plain http for no target.
    pub(crate) fn subject<S: Subject>(&self, authority: &Authority, targets: &[&Self]) -> S {
        let provider = Provider::simacan_at(format!("{}/api/v1", self.origin));
        let provider = targets.iter().fold(provider, |provider, target| {
            provider.allow_origin(&target.origin)
        });
        let provider = provider.build().expect("all of it is https");
        S::build(Plan {
            root: Some(authority.der().to_vec()),
            ..self.world.plan_at(provider)
        })
    }

    pub(crate) fn crowd(&self) -> Vec<Request<Bytes>> {
        (0..5)
            .map(|i| post(&format!("{}/caller/{i}", self.origin), "body"))
            .collect()
    }
}
