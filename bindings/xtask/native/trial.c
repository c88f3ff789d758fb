// Loads the library for Android's emulator on a PC, and calls it as Kotlin would: a value, an object, and an argument
// that cannot be read, which has to come back as an error instead of ending the process.

#include <dlfcn.h>
#include <stdio.h>

#include "HallpassFFI.h"

// What UniFFI reports for a panic that it has caught.
static const int8_t UNEXPECTED = 2;

static int failed(const char *what) {
    const char *why = dlerror();
    fprintf(stderr, "%s%s%s\n", what, why ? ": " : "", why ? why : "");
    return 1;
}

int main(int count, char **words) {
    if (count != 2) return failed("usage: trial LIBRARY");
    void *library = dlopen(words[1], RTLD_NOW);
    if (!library) return failed("it does not load");

#define LOOK_UP(function) \
    __typeof__(&function) function##_ = (__typeof__(&function))dlsym(library, #function); \
    if (!function##_) return failed(#function)
    LOOK_UP(ffi_hallpass_uniffi_contract_version);
    LOOK_UP(uniffi_hallpass_fn_constructor_shiftedclock_new);
    LOOK_UP(uniffi_hallpass_fn_method_shiftedclock_advance);
    LOOK_UP(uniffi_hallpass_fn_constructor_session_open);
    LOOK_UP(ffi_hallpass_rustbuffer_free);

    if (ffi_hallpass_uniffi_contract_version_() == 0) return failed("it has no version of the contract");

    RustCallStatus status = {0};
    uint64_t clock = uniffi_hallpass_fn_constructor_shiftedclock_new_(&status);
    if (status.code != 0 || clock == 0) return failed("it makes no object");
    // Takes over the handle.
    uniffi_hallpass_fn_method_shiftedclock_advance_(clock, 60000, &status);
    if (status.code != 0) return failed("the object does not work");

    RustBuffer nothing = {0};
    uniffi_hallpass_fn_constructor_session_open_(nothing, &status);
    if (status.code != UNEXPECTED) return failed("a panic is not caught");
    printf("a panic came back as: %.*s\n", (int)status.errorBuf.len, (const char *)status.errorBuf.data);
    RustBuffer message = status.errorBuf;
    status = (RustCallStatus){0};
    ffi_hallpass_rustbuffer_free_(message, &status);
    return status.code;
}
