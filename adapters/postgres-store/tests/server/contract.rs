//! What any store must do.

use std::env;

use simacan_auth_postgres_store::{PostgresStore, postgres::NoTls};
use simacan_auth_testkit::{StoreContract, hold, this_test};

use crate::common::{end_holder, shared, store};

const URL: &str = "POSTGRES_STORE_URL";
const NAME: &str = "POSTGRES_STORE_NAME";

#[test]
fn the_store_keeps_the_contract() {
    let Some(server) = shared() else {
        return;
    };
    StoreContract::new(|name| store(server, name))
        .killed(|name| {
            let mut holder = this_test("contract::holder");
            let url = server.url("postgres", "postgres");
            holder.env(URL, url).env(NAME, name);
            holder
        })
        .stolen(|name| end_holder(server, name))
        .check();
}

#[test]
#[ignore = "a process that the contract starts and kills"]
fn holder() {
    if let (Ok(url), Ok(name)) = (env::var(URL), env::var(NAME)) {
        let config = url.parse().expect("a URL");
        hold(&PostgresStore::new(config, NoTls, &name));
    }
}
