//! `rediss://`, to a server with a certificate of the test's own.

use std::path::{Path, PathBuf};
use std::{fs, process};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use simacan_auth_redis_store::{RedisStore, SessionStore, redis};
use simacan_auth_servers::Redis;

use crate::common::{AT_ONCE, Kind, kind, save, saved};

/// Removed in the end.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0); // the test has its own error to tell
    }
}

#[test]
fn a_certificate_is_checked() {
    let names = vec!["localhost".to_owned()];
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).expect("a key");
    let folder = format!("redis-store-{}-tls", process::id());
    let folder = Folder(Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder));
    fs::create_dir(&folder.0).expect("a new folder");
    let file = |name: &str, text: String| {
        let path = folder.0.join(name);
        fs::write(&path, text).expect("a file");
        path.to_str().expect("a path of ours").to_owned()
    };
    let certificate = file("server.crt", cert.pem());
    let key = file("server.key", signing_key.serialize_pem());
    let server = Redis::start_at(|port| {
        let port = port.to_string();
        let words = [
            "--port",
            "0",
            "--tls-port",
            &port,
            "--tls-auth-clients",
            "no",
        ];
        let files = ["--tls-cert-file", &certificate, "--tls-key-file", &key];
        let words = words.iter().chain(&files);
        words.map(|word| (*word).to_owned()).collect()
    });
    let Some(server) = server else {
        return;
    };
    let url = format!("rediss://localhost:{}", server.port);

    let told = RedisStore::open(&url, "test").expect("a URL").lock(AT_ONCE);
    assert_eq!(kind(told, &["Give the client the root"]), Kind::Denied);

    let certificates = redis::TlsCertificates {
        client_tls: None,
        root_cert: Some(cert.pem().into_bytes()),
    };
    let client = redis::Client::build_with_tls(&*url, certificates).expect("a client");
    let store = RedisStore::new(client, "test").expect("a name");
    save(&store, "1");
    assert_eq!(saved(&store).as_deref(), Some("1"));
}
