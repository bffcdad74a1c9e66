//! What [`simacan_auth`] is checked with, for those who extend it.
//!
//! A store of your own is right if it keeps the contract that the library relies on. [`StoreContract`]
//! tries that, on the store as it is:
//!
//! ```
//! use simacan_auth_testkit::StoreContract;
//! # use simacan_auth::{LockRequest, LockedStore, SessionStore, StoreFailure, Zeroizing};
//! # use std::collections::HashMap;
//! # use std::sync::{Arc, Condvar, Mutex};
//! # use std::time::Instant;
//! #
//! # #[derive(Clone, Default)]
//! # struct Memory(Arc<(Mutex<HashMap<String, (bool, Option<Vec<u8>>)>>, Condvar)>);
//! # impl Memory {
//! #     fn at(&self, place: &str) -> MyStore { MyStore(self.clone(), place.to_owned()) }
//! # }
//! # struct MyStore(Memory, String);
//! # struct Locked(Memory, String);
//! #
//! # impl SessionStore for MyStore {
//! #     fn lock(&self, request: LockRequest) -> Result<Box<dyn LockedStore>, StoreFailure> {
//! #         let (places, freed) = &*self.0.0;
//! #         let started = Instant::now();
//! #         let mut places = places.lock().unwrap();
//! #         while std::mem::replace(&mut places.entry(self.1.clone()).or_default().0, true) {
//! #             let rest = request.patience.saturating_sub(started.elapsed());
//! #             if rest.is_zero() { return Err(StoreFailure::Locked); }
//! #             places = freed.wait_timeout(places, rest).unwrap().0;
//! #         }
//! #         Ok(Box::new(Locked(self.0.clone(), self.1.clone())))
//! #     }
//! # }
//! # impl LockedStore for Locked {
//! #     fn load(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, StoreFailure> {
//! #         Ok(self.0.0.0.lock().unwrap()[&self.1].1.clone().map(Zeroizing::new))
//! #     }
//! #     fn save(&mut self, session: &[u8]) -> Result<(), StoreFailure> {
//! #         self.0.0.0.lock().unwrap().get_mut(&self.1).unwrap().1 = Some(session.to_vec());
//! #         Ok(())
//! #     }
//! #     fn unlock(self: Box<Self>) -> Result<(), StoreFailure> { Ok(()) }
//! # }
//! # impl Drop for Locked {
//! #     fn drop(&mut self) {
//! #         self.0.0.0.lock().unwrap().get_mut(&self.1).unwrap().0 = false;
//! #         self.0.0.1.notify_all();
//! #     }
//! # }
//! let places = Memory::default(); // stands for your server
//! StoreContract::new(move |place| places.at(place)).check();
//! ```

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
