//! The driver.

mod bell;
mod caller;
mod carrier;
mod driver;
mod error;
#[cfg(all(test, shuttle))]
mod interleavings;
mod passes;
mod process;
mod session;
mod settings;
mod sync;
#[cfg(feature = "tower")]
mod tower;
mod trace;

pub use driver::Driver;
pub use error::Error;
pub use process::{Process, System};
pub use settings::Settings;
pub use simacan_auth;
#[cfg(feature = "tower")]
pub use tower::{Authorize, AuthorizeLayer};

/// Waits in this thread.
pub fn block_on<F: Future>(future: F) -> F::Output {
    sync::block_on(future)
}
