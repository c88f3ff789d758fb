package dev.hallpass.android

import android.annotation.TargetApi
import android.os.Build
import android.security.KeyStoreException
import android.security.keystore.BackendBusyException
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.UserNotAuthenticatedException
import dev.hallpass.store.Fault
import dev.hallpass.store.FaultFinder
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds

/**
 * What the exceptions of the Android Keystore mean, by AOSP's own tables (`KeyStoreException`, `ResponseCode`; the same from
 * API 33 to 35). A key is gone by `KeyPermanentlyInvalidatedException` and by the daemon's codes 7 (KEY_NOT_FOUND), 8
 * (VALUE_CORRUPTED) and 17 (KEY_PERMANENTLY_INVALIDATED); every other failure passes. Below API 33 the codes are not public.
 */
internal class KeystoreFaults(private val apiLevel: Int = Build.VERSION.SDK_INT) : FaultFinder {
    override fun find(error: Throwable): Fault? = when (error) {
        // Both are children of InvalidKeyException, which says nothing.
        is KeyPermanentlyInvalidatedException -> Fault.KeyGone
        is UserNotAuthenticatedException, is DeviceLocked -> Fault.Locked
        else -> if (apiLevel >= Build.VERSION_CODES.TIRAMISU) Numbered.find(error) else null
    }

    /**
     * Up to API 30 `getKey` answers `null` also when the daemon is dead: it asks `contains`, which takes each failure for a
     * no. Since API 31 only KEY_NOT_FOUND is `null`.
     */
    override val missingKey: Fault get() = if (apiLevel >= Build.VERSION_CODES.S) Fault.KeyGone else Fault.Passing

    override fun backOff(error: Throwable): Duration? = if (apiLevel >= Build.VERSION_CODES.S) Busy.backOff(error) else null

    /** From API 33 on the Keystore says in public what is the matter. A class of its own, so that older ones never load it. */
    @TargetApi(Build.VERSION_CODES.TIRAMISU)
    private object Numbered {
        fun find(error: Throwable): Fault? {
            if (error !is KeyStoreException) return null
            return when (error.numericErrorCode) {
                // The daemon's 2 (LOCKED), -26 (KEY_USER_NOT_AUTHENTICATED) and -72 (DEVICE_LOCKED).
                KeyStoreException.ERROR_USER_AUTHENTICATION_REQUIRED -> Fault.Locked
                // The daemon's 7 and 17, and its 8, and no others.
                KeyStoreException.ERROR_KEY_DOES_NOT_EXIST, KeyStoreException.ERROR_KEY_CORRUPTED -> Fault.KeyGone
                else -> Fault.Passing
            }
        }
    }

    /** A class of its own, as [Numbered]. */
    @TargetApi(Build.VERSION_CODES.S)
    private object Busy {
        fun backOff(error: Throwable): Duration? = (error as? BackendBusyException)?.backOffHintMillis?.milliseconds
    }
}
