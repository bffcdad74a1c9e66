#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod driver;
mod history;
pub mod interleavings;
mod memory;
mod numbers;
mod platform;
pub mod referee;
mod store;
#[cfg(feature = "proptest")]
mod strategies;
pub mod time;

pub use driver::{DriverContract, Setup};
pub use history::{History, HistoryFailure, Step, Trouble};
pub use memory::{Holder, MemoryStore, StoreFault, StoreStep};
pub use platform::{Platform, Wire};
pub use store::{StoreContract, hold, this_test};
#[cfg(feature = "proptest")]
pub use strategies::histories;
