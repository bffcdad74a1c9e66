#![doc = include_str!("../README.md")]

mod driver;
mod history;
mod numbers;
mod platform;
mod store;
#[cfg(feature = "proptest")]
mod strategies;
pub mod time;

pub use driver::{DriverContract, Setup, Shelf};
pub use history::{History, HistoryFailure, Step, Trouble};
pub use platform::{Platform, Wire};
pub use store::{StoreContract, hold, this_test};
#[cfg(feature = "proptest")]
pub use strategies::histories;
