//! What a person has to mend.

use std::net::TcpListener;
use std::time::{Duration, SystemTime};

use simacan_auth_redis_store::{Error, RedisStore, SessionStore, redis};
use simacan_auth_servers::Redis;

use crate::common::{AT_ONCE, Kind, SECRET, admin, kind, lock, save, saved, store};

fn url_of(server: &Redis, user: &str, password: &str) -> String {
    format!("redis://{user}:{password}@127.0.0.1:{}", server.port)
}

#[test]
fn the_rights_that_the_docs_name_are_enough() {
    let Some(server) = Redis::start(&[]) else {
        return;
    };
    let rights = "auth on >s3cret resetkeys ~simacan:* nocommands +eval +get +set +del +pexpire";
    let words: Vec<_> = ["ACL", "SETUSER"]
        .into_iter()
        .chain(rights.split(' '))
        .collect();
    let () = admin(&server, &words);
    let store = store(&url_of(&server, "auth", SECRET));
    let mut locked = lock(&store);
    assert!(locked.load().expect("what is there").is_none());
    locked.renew().expect("a right");
    locked.save(b"1").expect("a right");
    locked.mark(SystemTime::now().into()).expect("a right");
    locked.marked().expect("a right");
    locked.unlock().expect("a right");
    assert_eq!(saved(&store).as_deref(), Some("1"));
}

#[test]
fn a_user_without_rights_is_told_which() {
    let Some(server) = Redis::start(&[]) else {
        return;
    };
    let user = [
        "ACL",
        "SETUSER",
        "reader",
        "on",
        ">s3cret",
        "~simacan:*",
        "+get",
    ];
    let () = admin(&server, &user);
    let told = store(&url_of(&server, "reader", SECRET)).lock(AT_ONCE);
    let cure = "ACL SETUSER … ~simacan:* +eval +get +set +del +pexpire";
    assert_eq!(kind(told, &["can't take the lock", cure]), Kind::Denied);
}

#[test]
fn a_session_that_can_be_read_and_not_written_stays() {
    let Some(server) = Redis::start(&[]) else {
        return;
    };
    save(&store(&server.url()), "1");
    let keys = [
        "%RW~simacan:*:lock",
        "%RW~simacan:*:mark",
        "%R~simacan:*:session",
    ];
    let user = ["ACL", "SETUSER", "reader", "on", ">s3cret", "+@all"];
    let () = admin(&server, &[&user[..], &keys].concat());
    let store = store(&url_of(&server, "reader", SECRET));
    let mut locked = lock(&store);
    let session = locked.load().expect("it can be read").expect("a session");
    assert_eq!(kind(locked.save(b"2"), &["can't save"]), Kind::Denied);
    assert_eq!(locked.load(), Ok(Some(session)));

    let until = (SystemTime::now() + Duration::from_secs(900)).into();
    assert_eq!(locked.mark(until), Ok(()), "that has a key of its own");
    assert_eq!(locked.marked(), Ok(Some(until)));
}

#[test]
fn a_wrong_password_and_a_missing_one_are_denied() {
    let Some(server) = Redis::start(&["--requirepass", "right"]) else {
        return;
    };
    let cure = "Give the right user and password in the URL";
    for url in [url_of(&server, "", SECRET), server.url()] {
        let told = store(&url).lock(AT_ONCE);
        assert_eq!(kind(told, &[cure]), Kind::Denied);
    }
    save(&store(&url_of(&server, "", "right")), "1");
}

#[test]
fn a_replica_is_waited_for() {
    let Some(server) = Redis::start(&["--replicaof", "127.0.0.1 1"]) else {
        return;
    };
    let told = store(&server.url()).lock(AT_ONCE);
    assert_eq!(kind(told, &["the primary's address"]), Kind::Unreachable);
}

#[test]
fn a_full_redis_keeps_what_it_has() {
    let Some(server) = Redis::start(&[]) else {
        return;
    };
    let store = store(&server.url());
    save(&store, "1");
    let mut locked = lock(&store);
    locked.load().expect("a session");
    let () = admin(&server, &["SET", "filler", &" ".repeat(1 << 20)]);
    let fill = |maxmemory: &str| admin::<()>(&server, &["CONFIG", "SET", "maxmemory", maxmemory]);
    fill("1mb");
    assert_eq!(kind(locked.save(b"2"), &["Redis is full"]), Kind::Other);
    assert_eq!(locked.renew(), Ok(()));
    assert_eq!(
        locked.load().expect("it is readable").as_deref(),
        Some(&b"1".to_vec())
    );
    assert_eq!(locked.unlock(), Ok(()));
    assert_eq!(kind(store.lock(AT_ONCE), &["Redis is full"]), Kind::Other);
    fill("0");
    save(&store, "2");
    assert_eq!(saved(&store).as_deref(), Some("2"));
}

#[test]
fn nobody_there_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its number").port();
    drop(listener);
    let told = store(&format!("redis://:{SECRET}@127.0.0.1:{port}")).lock(AT_ONCE);
    assert_eq!(kind(told, &["can't connect"]), Kind::Unreachable);
}

#[test]
fn a_name_and_a_url_are_looked_at_first() {
    for name in ["", "{a}", "a}b"] {
        let refused = RedisStore::open("redis://127.0.0.1", name);
        assert!(matches!(refused, Err(Error::InvalidName { .. })), "{name}");
    }
    for url in [
        "",
        "127.0.0.1:6379",
        "redis://:s3cret@[127.0.0.1",
        "redis://:s3cret@127.0.0.1/x",
    ] {
        let refused = RedisStore::open(url, "test").expect_err(url);
        assert!(matches!(refused, Error::InvalidUrl { .. }), "{url}");
        assert!(
            !format!("{refused} {refused:?}").contains(SECRET),
            "{refused}"
        );
    }
    let client = redis::Client::open("redis://:s3cret@127.0.0.1").expect("a URL");
    let store = RedisStore::new(client, "test").expect("a name");
    assert!(!format!("{store:?}").contains(SECRET));
}
