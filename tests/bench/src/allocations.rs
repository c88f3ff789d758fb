//! Counts allocations of the calling thread.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
    static LIVE: Cell<isize> = const { Cell::new(0) };
}

/// How many bytes this thread has allocated more than it has freed. What one thread allocates and another frees is on
/// both their accounts.
pub fn live_bytes() -> isize {
    LIVE.get()
}

/// How often `work` allocates on this thread; a reallocation counts too, since it may move.
pub fn count<T>(work: impl FnOnce() -> T) -> usize {
    let before = COUNT.get();
    let result = work();
    let after = COUNT.get();
    drop(result);
    after - before
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn note(allocations: usize, bytes: isize) {
    // While a thread ends its counters are gone, and nobody asks for them any more.
    let _ = COUNT.try_with(|count| count.set(count.get() + allocations));
    let _ = LIVE.try_with(|live| live.set(live.get() + bytes));
}

#[expect(unsafe_code, reason = "an allocator cannot be written without; every call goes to the system's as it came")]
// SAFETY: each method has the contract of the system allocator's method that it calls with its own arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(1, layout.size().cast_signed());
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(1, layout.size().cast_signed());
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        note(1, new_size.cast_signed() - layout.size().cast_signed());
        // SAFETY: as the caller promises.
        unsafe { System.realloc(pointer, layout, new_size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note(0, -layout.size().cast_signed());
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_freed_is_not_live_any_more() {
        let before = live_bytes();
        let mut kept = vec![0_u8; 1_000];
        assert_eq!(live_bytes() - before, 1_000);
        kept.reserve_exact(1_000);
        assert_eq!(live_bytes() - before, 2_000);
        drop(kept);
        assert_eq!(live_bytes(), before);
    }

    #[test]
    fn each_allocation_of_this_thread_is_counted_once() {
        assert_eq!(count(|| 1), 0);
        assert_eq!(count(|| Box::new(1)), 1);
        assert_eq!(count(|| vec![0_u8; 10]), 1);
        assert_eq!(
            count(|| {
                let mut bytes = Vec::with_capacity(1);
                bytes.extend([1_u8, 2, 3]);
                bytes
            }),
            2
        );
        let elsewhere = count(|| std::thread::scope(|scope| scope.spawn(|| vec![0_u8; 10]).join().unwrap()));
        let nowhere = count(|| std::thread::scope(|scope| scope.spawn(Vec::<u8>::new).join().unwrap()));
        assert_eq!(elsewhere, nowhere);
    }
}
