//! What any store must do.

use std::env;

use simacan_auth_redis_store::RedisStore;
use simacan_auth_servers::Redis;
use simacan_auth_testkit::{StoreContract, hold, this_test};

use crate::common::admin;

const URL: &str = "REDIS_STORE_URL";
const NAME: &str = "REDIS_STORE_NAME";

#[test]
fn the_store_keeps_the_contract() {
    let Some(server) = Redis::start(&[]) else {
        return;
    };
    let [of_store, of_holder] = [server.url(), server.url()];
    StoreContract::new(move |name| RedisStore::open(&of_store, name).expect("a URL"))
        .killed(move |name| {
            let mut holder = this_test("contract::holder");
            holder.env(URL, &of_holder).env(NAME, name);
            holder
        })
        .stolen(move |name| {
            let lock = format!("simacan:{{{name}}}:lock");
            assert_eq!(admin::<u32>(&server, &["DEL", &lock]), 1);
        })
        .check();
}

#[test]
#[ignore = "a process that the contract starts and kills"]
fn holder() {
    if let (Ok(url), Ok(name)) = (env::var(URL), env::var(NAME)) {
        hold(&RedisStore::open(&url, &name).expect("a URL"));
    }
}
