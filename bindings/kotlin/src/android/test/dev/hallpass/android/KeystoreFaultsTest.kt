package dev.hallpass.android

import android.security.KeyStoreException
import android.security.keystore.BackendBusyException
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.UserNotAuthenticatedException
import dev.hallpass.store.Fault
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config
import java.security.InvalidKeyException
import java.security.ProviderException
import java.security.UnrecoverableKeyException
import kotlin.time.Duration.Companion.milliseconds

/** AOSP's codes and exceptions, through the framework's own classes, as each version of Android lets an app see them. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35])
class KeystoreFaultsTest {
    @Test
    fun `code of the daemon, in each exception that Android wraps it in, means what its table says`() {
        for (level in LEVELS) {
            for ((code, fault) in CODES) {
                val expected = if (level >= FIRST_WITH_CODES) fault else Fault.Passing
                // Before the class was public, no app saw one that was not wrapped.
                for (error in wrapped(KeyStoreException(code, "on cue")).drop(if (level >= FIRST_WITH_CODES) 0 else 1)) {
                    assertEquals("API $level, code $code, $error", expected, KeystoreFaults(level).judge(error))
                }
            }
        }
    }

    @Test
    fun `exception that says it itself, means the same on each version`() {
        for (level in LEVELS) {
            val faults = KeystoreFaults(level)
            for (error in wrapped(KeyPermanentlyInvalidatedException())) assertEquals("$level $error", Fault.KeyGone, faults.judge(error))
            for (error in wrapped(UserNotAuthenticatedException())) assertEquals("$level $error", Fault.Locked, faults.judge(error))
            assertEquals(Fault.Locked, faults.judge(DeviceLocked()))
        }
    }

    @Test
    fun `wrapper without a cause, is no verdict`() {
        for (level in LEVELS) {
            for (error in listOf(
                UnrecoverableKeyException("Failed to obtain information about key"), InvalidKeyException("Keystore operation failed"),
                ProviderException("Keystore operation failed"), BackendBusyException(50L),
            )) {
                assertEquals("API $level, $error", Fault.Passing, KeystoreFaults(level).judge(error))
            }
        }
    }

    @Test
    fun `no key, counts since API 31, because a dead daemon said so before`() {
        val expected = mapOf(26 to Fault.Passing, 28 to Fault.Passing, 30 to Fault.Passing, 31 to Fault.KeyGone, 33 to Fault.KeyGone, 35 to Fault.KeyGone)
        assertEquals(expected, LEVELS.associateWith { KeystoreFaults(it).missingKey })
    }

    @Test
    fun `backend that is busy, says how long to wait`() {
        assertEquals(50.milliseconds, KeystoreFaults(35).backOff(BackendBusyException(50L)))
        assertNull(KeystoreFaults(30).backOff(ProviderException("Keystore operation failed")))
    }

    private fun wrapped(error: Exception): List<Exception> = listOf(
        error,
        UnrecoverableKeyException("Failed to obtain information about key").apply { initCause(error) },
        InvalidKeyException("Keystore operation failed", error),
        ProviderException(InvalidKeyException("Keystore operation failed", error)),
    )

    companion object {
        private val LEVELS = listOf(26, 28, 30, 31, 33, 35)

        /** `KeyStoreException` is public since then. */
        private const val FIRST_WITH_CODES = 33

        /** `ResponseCode` (above 0) and KeyMint's `ErrorCode` (below), with what each means for what the key has sealed. */
        internal val CODES: Map<Int, Fault> =
            mapOf(7 to Fault.KeyGone, 8 to Fault.KeyGone, 17 to Fault.KeyGone) +
                listOf(2, -26, -72).associateWith { Fault.Locked } +
                (
                    // UNINITIALIZED, SYSTEM_ERROR, PERMISSION_DENIED, and what else the daemon says.
                    listOf(1, 3, 4, 5, 6, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 21) +
                        // TOO_MANY_OPERATIONS, INVALID_KEY_BLOB, MEMORY_ALLOCATION_FAILED, SECURE_HW_BUSY, KEY_REQUIRES_UPGRADE and others.
                        listOf(-1, -3, -28, -29, -30, -31, -32, -33, -38, -41, -48, -49, -54, -62, -64, -65, -100, -1000)
                    ).associateWith { Fault.Passing }
    }
}
