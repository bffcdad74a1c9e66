//! TLS as the documentation shows it, to a server with a certificate of the test's own.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{ClientConfig, RootCertStore};
use simacan_auth_postgres_store::postgres::NoTls;
use simacan_auth_postgres_store::postgres::config::{Config, SslMode};
use simacan_auth_postgres_store::{PostgresStore, SessionStore};
use simacan_auth_servers::Postgres;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::common::{AT_ONCE, Kind, config, kind, save, saved, shared};

#[test]
fn a_certificate_is_checked() {
    let hosts = vec!["localhost".to_owned()];
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(hosts).expect("a key");
    let server = Postgres::start(&["ssl=on"], |data| {
        fs::write(data.join("server.crt"), cert.pem()).expect("a file");
        let key = data.join("server.key");
        fs::write(&key, signing_key.serialize_pem()).expect("a file");
        fs::set_permissions(key, Permissions::from_mode(0o600)).expect("its mode");
    });
    let Some(server) = server else {
        return;
    };
    let mut config: Config = config(&server, "postgres", "postgres");
    config.ssl_mode(SslMode::Require);
    let store_of = |config: &Config, roots: RootCertStore| {
        // Several may be compiled in, and then none is the process's by itself.
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(ring).with_safe_default_protocol_versions();
        let tls = tls.expect("what ring can do").with_root_certificates(roots);
        let tls = MakeRustlsConnect::new(tls.with_no_client_auth());
        PostgresStore::new(config.clone(), tls, "tls")
    };
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).expect("a certificate");

    let stranger = store_of(&config, RootCertStore::empty());
    let words = ["can't connect", "Give the connector the root"];
    assert_eq!(kind(stranger.lock(AT_ONCE), &words), Kind::Denied);
    let misnamed = store_of(&config, roots.clone());
    assert_eq!(kind(misnamed.lock(AT_ONCE), &words), Kind::Denied);

    let mut named = Config::new();
    named.host("localhost").port(server.port).user("postgres");
    named.password("postgres").ssl_mode(SslMode::Require);
    let store = store_of(&named, roots);
    store.create_table().expect("a connection");
    save(&store, "1");
    assert_eq!(saved(&store).as_deref(), Some("1"));
}

#[test]
fn a_server_without_tls_that_is_to_have_it_is_denied() {
    let Some(server) = shared() else {
        return;
    };
    let mut config = config(server, "postgres", "postgres");
    config.ssl_mode(SslMode::Require);
    let store = PostgresStore::new(config, NoTls, "tls");
    let words = ["Check the settings of the connection"];
    assert_eq!(kind(store.lock(AT_ONCE), &words), Kind::Denied);
}
