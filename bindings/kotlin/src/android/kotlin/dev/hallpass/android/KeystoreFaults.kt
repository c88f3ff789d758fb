package dev.hallpass.android

import android.annotation.TargetApi
import android.os.Build
import android.security.KeyStoreException
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.UserNotAuthenticatedException
import dev.hallpass.store.Fault
import dev.hallpass.store.FaultFinder

/** What the exceptions of the Android Keystore mean. */
internal object KeystoreFaults : FaultFinder {
    override fun find(error: Throwable): Fault? = when (error) {
        // Both are children of InvalidKeyException, which says nothing.
        is KeyPermanentlyInvalidatedException -> Fault.KeyGone
        is UserNotAuthenticatedException, is DeviceLocked -> Fault.Locked
        else -> if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU) Numbered.find(error) else null
    }

    /** From API 33 on the Keystore says in public what is the matter. A class of its own, so that older ones never load it. */
    @TargetApi(Build.VERSION_CODES.TIRAMISU)
    private object Numbered {
        fun find(error: Throwable): Fault? {
            if (error !is KeyStoreException) return null
            return when (error.numericErrorCode) {
                KeyStoreException.ERROR_USER_AUTHENTICATION_REQUIRED -> Fault.Locked
                KeyStoreException.ERROR_KEY_DOES_NOT_EXIST, KeyStoreException.ERROR_KEY_CORRUPTED -> Fault.KeyGone
                else -> if (error.isTransientFailure) Fault.Passing else null
            }
        }
    }
}
