//! Memory that is overwritten when it is given back: an allocator for the vault's binary to install, and a scrub for parked stacks.
//! Knows nothing of what the memory held.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

/// One switch for the process: only the vault's role pays for wiping.
static WIPE: AtomicBool = AtomicBool::new(false);

/// From now on freed memory is overwritten. First line of the vault's `main`: what was freed before is not reached.
pub fn on() {
    WIPE.store(true, Ordering::Relaxed);
}

pub fn is_on() -> bool {
    WIPE.load(Ordering::Relaxed)
}

/// Wraps another allocator; overwrites what is freed while the switch is on. For `#[global_allocator]`.
pub struct WipingAlloc<A>(pub A);

/// Overwrites `len` bytes in a way that is not optimised away.
///
/// # Safety
/// `start` must be valid for writes of `len` bytes, and nobody may read them afterwards.
#[allow(unsafe_code)]
unsafe fn overwrite(start: *mut u8, len: usize) {
    // SAFETY: the caller hands over `len` writable bytes.
    unsafe { start.write_bytes(0, len) };
    // SAFETY: the empty assembly only makes the compiler believe that the zeros are read.
    unsafe { std::arch::asm!("/* {0} */", in(reg) start, options(nostack, preserves_flags)) };
}

// SAFETY: every call is passed on to the inner allocator with the layout it was given; only memory that is about to be freed is written to.
#[allow(unsafe_code)]
unsafe impl<A: GlobalAlloc> GlobalAlloc for WipingAlloc<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the same contract as ours.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the same contract as ours.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        if is_on() {
            // SAFETY: the block is ours to free, so it is ours to write.
            unsafe { overwrite(ptr, layout.size()) };
        }
        // SAFETY: the same contract as ours.
        unsafe { self.0.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if !is_on() {
            // SAFETY: the same contract as ours.
            return unsafe { self.0.realloc(ptr, layout, new_size) };
        }
        // The inner realloc may move the block and free the old one unwiped: so allocate, copy, wipe, free.
        // SAFETY: the caller vouches that `new_size` with this alignment is a valid layout.
        let fresh = unsafe { self.0.alloc(Layout::from_size_align_unchecked(new_size, layout.align())) };
        if !fresh.is_null() {
            // SAFETY: two blocks of at least that many bytes that do not overlap.
            unsafe { std::ptr::copy_nonoverlapping(ptr, fresh, layout.size().min(new_size)) };
            // SAFETY: the old block is ours and no longer used.
            unsafe { self.dealloc(ptr, layout) };
        }
        fresh
    }
}

thread_local! {
    /// Per thread: with one flag for all, another thread clears it and the stack that held a card stays as it is.
    static TOUCHED: Cell<bool> = const { Cell::new(false) };
}

/// This thread's stack held card data.
pub fn touched() {
    TOUCHED.with(|t| t.set(true));
}

/// To be called when the thread is about to wait: overwrites the stack below if card data was handled since the last time.
pub fn parking() {
    if TOUCHED.with(|t| t.replace(false)) {
        scrub_stack();
    }
}

/// How far below the parked stack pointer is overwritten. Residue was found 20 KiB below.
const SCRUB_BYTES: usize = 128 * 1024;

#[inline(never)]
fn scrub_stack() {
    let mut below = [0u8; SCRUB_BYTES];
    std::hint::black_box(&mut below);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::alloc::System;
    use std::sync::Mutex;

    /// Keeps what was freed, so that a test can look at it.
    struct Keeping(Mutex<Vec<Vec<u8>>>);

    // SAFETY: passes everything on to the system's allocator; reads a block only while it is still allocated.
    #[allow(unsafe_code)]
    unsafe impl GlobalAlloc for Keeping {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            // SAFETY: the same contract as ours.
            unsafe { System.alloc(layout) }
        }
        unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
            // SAFETY: the block is still allocated and was written to by the test.
            let seen = unsafe { std::slice::from_raw_parts(ptr, layout.size()) }.to_vec();
            self.0.lock().unwrap().push(seen);
            // SAFETY: the same contract as ours.
            unsafe { System.dealloc(ptr, layout) }
        }
    }

    #[test]
    #[allow(unsafe_code)]
    fn freed_and_moved_blocks_are_overwritten() {
        let alloc = WipingAlloc(Keeping(Mutex::new(Vec::new())));
        let layout = Layout::from_size_align(64, 8).unwrap();
        on();
        // SAFETY: one block, written within its size, moved once and freed once with its layout.
        let kept = unsafe {
            let block = alloc.alloc(layout);
            block.write_bytes(0xAA, 64);
            let moved = alloc.realloc(block, layout, 128);
            let kept = std::slice::from_raw_parts(moved, 64).to_vec();
            moved.add(64).write_bytes(0xAA, 64);
            alloc.dealloc(moved, Layout::from_size_align(128, 8).unwrap());
            kept
        };
        assert_eq!(kept, vec![0xAA; 64]);
        assert_eq!(*alloc.0.0.lock().unwrap(), vec![vec![0u8; 64], vec![0u8; 128]]);
    }
}
