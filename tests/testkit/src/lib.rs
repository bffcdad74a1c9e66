//! What [`simacan_auth`] is checked with, for those who extend it.
//!
//! A store of your own is right if it keeps the contract that the library relies on. [`StoreContract`]
//! tries that, on the store as it is:
//!
//! ```
//! use simacan_auth_testkit::{MemoryStore, StoreContract};
//! # use std::{collections::HashMap, sync::Mutex};
//! # struct Server(Mutex<HashMap<String, MemoryStore>>);
//! # impl Server {
//! #     fn at(&self, place: &str) -> MemoryStore {
//! #         self.0.lock().unwrap().entry(place.to_owned()).or_default().clone()
//! #     }
//! # }
//! # let server = Server(Mutex::default());
//! StoreContract::new(move |place| server.at(place)).check();
//! ```
//!
//! A driver of your own needs a store that fails when a test says so: [`MemoryStore`]. Whether its locks and
//! wake-ups are right in each order of threads is what [`interleavings`] is about.

pub mod interleavings;
mod memory;
pub mod referee;
mod store;

pub use memory::{Holder, MemoryStore, StoreFault, StoreStep};
pub use store::{StoreContract, hold, this_test};
