//! Two allocators: one that never gives memory out twice, so that what was freed without being wiped can
//! still be found in it, and one that counts.

mod counting;

pub use counting::Counting;

use std::alloc::{GlobalAlloc, Layout};
use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

/// `N` bytes, given out one after the other. For a test of one thread that ends before they do.
pub struct Arena<const N: usize> {
    bytes: UnsafeCell<[u8; N]>,
    used: AtomicUsize,
}

// SAFETY: the bytes are only reached through the blocks that were given out, of which no two overlap,
// and by `count`, whose callers see to it that no other thread is at work.
unsafe impl<const N: usize> Sync for Arena<N> {}

impl<const N: usize> Arena<N> {
    /// Zeros.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it stands in a static")]
    pub const fn new() -> Self {
        Self {
            bytes: UnsafeCell::new([0; N]),
            used: AtomicUsize::new(0),
        }
    }

    /// How often this stands in what was ever given out, in use or freed.
    ///
    /// # Safety
    ///
    /// No other thread may write to allocated memory meanwhile.
    pub unsafe fn count(&self, text: &[u8]) -> usize {
        let used = self.used.load(Ordering::SeqCst).min(N);
        // SAFETY: the first `used` bytes are initialized, and the caller promises that nobody writes.
        let bytes = unsafe { std::slice::from_raw_parts(self.bytes.get().cast::<u8>(), used) };
        bytes
            .windows(text.len())
            .filter(|window| *window == text)
            .count()
    }
}

// SAFETY: each block is inside the arena, aligned, and of its own.
unsafe impl<const N: usize> GlobalAlloc for Arena<N> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let base = self.bytes.get().cast::<u8>();
        let place = |used: usize| {
            let misaligned = (base as usize + used) % layout.align();
            let start = used + (layout.align() - misaligned) % layout.align();
            let end = start.checked_add(layout.size())?;
            (end <= N).then_some((start, end))
        };
        let end_of = |used| place(used).map(|(_, end)| end);
        let taken = self
            .used
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, end_of);
        match taken.ok().and_then(place) {
            // SAFETY: `start` is less than N, or equal to it for a block of no bytes.
            Some((start, _)) => unsafe { base.add(start) },
            None => ptr::null_mut(),
        }
    }

    /// It stays what it is, to be looked at.
    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}
