//! `libunwind.a` of Android's NDK, for a machine that has none: panics unwind, and no more is asked of it.
//!
//! It proves that the library links and lets it run in a test. A release is linked with the NDK.

#![no_std]

#[cfg(target_arch = "arm")]
mod arm;

#[cfg(not(target_arch = "arm"))]
extern crate unwinding;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
