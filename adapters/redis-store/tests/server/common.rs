//! What the tests share.

use simacan_auth_redis_store::{RedisStore, redis};
use simacan_auth_servers::Redis;
pub(crate) use simacan_auth_servers::stores::*;

pub(crate) fn store(url: &str) -> RedisStore {
    RedisStore::open(url, "test").expect("a URL")
}

/// As whoever has set up the server.
pub(crate) fn admin<T: redis::FromRedisValue>(server: &Redis, words: &[&str]) -> T {
    let client = redis::Client::open(server.url()).expect("a URL");
    let mut connection = client.get_connection().expect("a connection");
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    command.query(&mut connection).expect("an answer")
}
