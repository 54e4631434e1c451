//! What the C library does with memory that was freed.

/// Has freed memory stay with the process: work that takes and frees the same large buffers over and over would pay for fresh pages each time. Once a
/// process; without effect where the allocator is not glibc's.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: sets two numbers of the allocator
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 32 << 20); // the most it takes
        libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
    }
}
