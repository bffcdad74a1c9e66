//! What any store must do.

use std::env;
use std::fs;

use simacan_auth_file_store::FileStore;
use simacan_auth_sealed_store::SealedStore;
use simacan_auth_testkit::{StoreContract, hold, this_test};

use crate::common::{Folder, key};

const PATH: &str = "SEALED_STORE_PATH";

#[test]
fn the_store_keeps_the_contract() {
    let folder = Folder::new("contract");
    let [of_store, of_holder, of_thief] = [(); 3].map(|()| folder.path().to_owned());
    StoreContract::new(move |place| SealedStore::new(FileStore::new(of_store.join(place)), key(1)))
        .killed(move |place| {
            let mut holder = this_test("contract::holder");
            holder.env(PATH, of_holder.join(place));
            holder
        })
        .stolen(move |place| {
            let lock = of_thief.join(format!("{place}.lock"));
            fs::remove_file(lock).expect("the lock file");
        })
        .check();
}

#[test]
#[ignore = "a process that the contract starts and kills"]
fn holder() {
    if let Some(path) = env::var_os(PATH) {
        hold(&SealedStore::new(FileStore::new(path), key(1)));
    }
}
