//! A pass for each thread, so that a token is put on a request without a lock.

use std::cell::RefCell;

use simacan_auth::Pass;
use thread_local::ThreadLocal;

/// They hold tokens. Each is dropped when its thread asks the machine again, or with the driver.
#[derive(Default)]
pub(crate) struct Passes(ThreadLocal<Slot>);

/// Has a cache line to itself: the borrow is counted in it.
#[derive(Default)]
#[repr(align(128))]
struct Slot(RefCell<Option<Pass>>);

impl Passes {
    /// What this thread's pass says.
    pub(crate) fn ask<T>(&self, question: impl FnOnce(&Pass) -> Option<T>) -> Option<T> {
        question(self.0.get()?.0.borrow().as_ref()?)
    }

    /// For this thread, in place of the one that it has.
    pub(crate) fn keep(&self, pass: Option<Pass>) {
        self.0.get_or_default().0.replace(pass);
    }
}
