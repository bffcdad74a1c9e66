//! The store over real files. What takes another process runs this binary again, see `child`.
#![cfg(unix)]

mod child;
mod common;
mod contract;
mod faults;
mod killed;
mod links;
mod locks;
mod marks;
mod modes;
#[cfg(target_os = "linux")]
mod mounts;
mod places;
mod replaced;
mod saving;
