//! A cached bearer for each thread, so that a token is put on a request without a lock.

use std::cell::RefCell;

use simacan_auth::CachedBearer;
use thread_local::ThreadLocal;

/// They hold tokens. Each is dropped when its thread asks the machine again, or with the driver.
#[derive(Default)]
pub(crate) struct CachedBearers(ThreadLocal<Slot>);

/// Has a cache line to itself: the borrow is counted in it.
#[derive(Default)]
#[repr(align(128))]
struct Slot(RefCell<Option<CachedBearer>>);

impl CachedBearers {
    /// What this thread's cached bearer says.
    pub(crate) fn ask<T>(&self, question: impl FnOnce(&CachedBearer) -> Option<T>) -> Option<T> {
        question(self.0.get()?.0.borrow().as_ref()?)
    }

    /// For this thread, in place of the one that it has.
    pub(crate) fn keep(&self, cached: Option<CachedBearer>) {
        self.0.get_or_default().0.replace(cached);
    }
}
