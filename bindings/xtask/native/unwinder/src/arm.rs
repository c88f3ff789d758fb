//! 32-bit ARM unwinds by tables of its own, for which there is no unwinder in Rust: here a panic ends the process.

use core::arch::asm;

macro_rules! ends_the_process {
    ($($name:ident)*) => {$(
        /// Of the ABI's unwinder; never returns.
        #[unsafe(no_mangle)]
        pub extern "C" fn $name() -> ! {
            // SAFETY: the instruction is defined to trap, and nothing runs after it.
            unsafe { asm!("udf #0", options(noreturn)) }
        }
    )*};
}

ends_the_process! {
    _Unwind_Backtrace _Unwind_DeleteException _Unwind_GetDataRelBase _Unwind_GetLanguageSpecificData
    _Unwind_GetRegionStart _Unwind_GetTextRelBase _Unwind_RaiseException _Unwind_Resume _Unwind_VRS_Get
    _Unwind_VRS_Set __aeabi_unwind_cpp_pr0 __aeabi_unwind_cpp_pr1 __aeabi_unwind_cpp_pr2 __gnu_unwind_frame
}
