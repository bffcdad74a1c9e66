use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicIsize, Ordering};

/// The system's allocator, which counts for each thread what it allocates and what it has in use, and what
/// all of them have.
#[expect(clippy::exhaustive_structs, reason = "it stands in a static")]
pub struct Counting;

thread_local! {
    // Without a destructor: it is used until the thread's very end.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    static IN_USE: Cell<isize> = const { Cell::new(0) };
}

static IN_USE_BY_ALL: AtomicIsize = AtomicIsize::new(0);

impl Counting {
    /// How many allocations this thread has made so far, each reallocation among them.
    #[must_use]
    pub fn allocations() -> usize {
        ALLOCATIONS.get()
    }

    /// How many bytes it has allocated and not freed; less than none, if it freed those of others.
    #[must_use]
    pub fn in_use() -> isize {
        IN_USE.get()
    }

    /// How many bytes all threads together have allocated and not freed.
    #[must_use]
    pub fn in_use_by_all() -> isize {
        IN_USE_BY_ALL.load(Ordering::Relaxed)
    }

    fn note(allocations: usize, bytes: usize, freed: usize) {
        let more = bytes.cast_signed() - freed.cast_signed();
        ALLOCATIONS.set(ALLOCATIONS.get() + allocations);
        IN_USE.set(IN_USE.get() + more);
        IN_USE_BY_ALL.fetch_add(more, Ordering::Relaxed);
    }
}

// SAFETY: all is done by the system's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::note(1, layout.size(), 0);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        Self::note(0, 0, layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::note(1, size, layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.realloc(block, layout, size) }
    }
}
