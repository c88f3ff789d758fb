package dev.hallpass.android

import android.hardware.biometrics.BiometricPrompt
import dev.hallpass.android.BiometricGate.Outcome
import dev.hallpass.store.Fault
import dev.hallpass.store.FaultFinder
import dev.hallpass.store.KeyKeeper
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import java.security.GeneralSecurityException
import java.security.InvalidAlgorithmParameterException
import javax.crypto.Cipher

/**
 * What [BiometricGate] decides: what is asked for in which order, and what each answer of the Keystore and of the prompt
 * means. The device is behind two interfaces, so that each answer is tried in a test.
 *
 * @param key keeps the key that only the user's presence unlocks
 */
internal class Presence(
    private val key: KeyKeeper,
    private val prompt: PresencePrompt,
    private val faults: FaultFinder = KeystoreFaults(),
    private val dispatcher: CoroutineDispatcher = Dispatchers.IO,
) {
    suspend fun confirm(): Outcome {
        // The Keystore is another process, and slow at making a key.
        val cipher = withContext(dispatcher) { runCatching { patiently(::cipher) } }.getOrElse { return whyThereIsNone(it) }
        return when (val answer = prompt.ask(cipher)) {
            is PromptAnswer.Unlocked -> if (works(answer.cipher)) Outcome.Confirmed else Outcome.Failed
            is PromptAnswer.Closed -> Outcome.Cancelled
            is PromptAnswer.Refused -> meaning(answer.code)
        }
    }

    private fun cipher(): Cipher =
        Cipher.getInstance("AES/GCM/NoPadding").apply { init(Cipher.ENCRYPT_MODE, key.existing() ?: created()) }

    /** A key that asks for a finger cannot be made where none is enrolled, and the Keystore says so in one of two ways. */
    private fun created() =
        try {
            key.create()
        } catch (refused: InvalidAlgorithmParameterException) {
            throw NothingEnrolled(refused)
        } catch (refused: IllegalStateException) {
            throw NothingEnrolled(refused)
        }

    private suspend fun whyThereIsNone(error: Throwable): Outcome {
        if (error is NothingEnrolled) return Outcome.Unavailable
        return when (faults.judge(error)) {
            Fault.KeyGone -> {
                withContext(dispatcher) { runCatching(key::delete) }
                Outcome.EnrolmentChanged
            }
            // None of these says anything about the user, and none is a reason to do without asking.
            Fault.Locked, Fault.Passing, Fault.Damaged, Fault.Unknown -> Outcome.Failed
        }
    }

    /** A Keystore that is busy is asked once more. */
    private fun <T> patiently(work: () -> T): T =
        try {
            work()
        } catch (@Suppress("TooGenericExceptionCaught") error: Exception) {
            if (error is NothingEnrolled || faults.judge(error) != Fault.Passing) throw error
            work()
        }

    /** The proof: the key works now, and only now. A prompt that was made to say yes has no such cipher. */
    private suspend fun works(cipher: Cipher?): Boolean = withContext(dispatcher) {
        runCatching { cipher?.doFinal(ByteArray(1)) }.getOrNull() != null
    }

    private fun meaning(code: Int): Outcome = when (code) {
        BiometricPrompt.BIOMETRIC_ERROR_USER_CANCELED, BiometricPrompt.BIOMETRIC_ERROR_CANCELED,
        BiometricPrompt.BIOMETRIC_ERROR_TIMEOUT,
        -> Outcome.Cancelled
        BiometricPrompt.BIOMETRIC_ERROR_LOCKOUT, BiometricPrompt.BIOMETRIC_ERROR_LOCKOUT_PERMANENT -> Outcome.LockedOut
        BiometricPrompt.BIOMETRIC_ERROR_HW_NOT_PRESENT, BiometricPrompt.BIOMETRIC_ERROR_NO_BIOMETRICS,
        BiometricPrompt.BIOMETRIC_ERROR_NO_DEVICE_CREDENTIAL, SECURITY_UPDATE_REQUIRED,
        -> Outcome.Unavailable
        // The sensor is busy, dirty or broken, there is no room for its data, or the vendor has a word of its own.
        else -> Outcome.Failed
    }

    private class NothingEnrolled(cause: Exception) : GeneralSecurityException(cause)

    private companion object {
        /** `BiometricPrompt` has it since API 30, under a name that older frameworks' classes lack. */
        const val SECURITY_UPDATE_REQUIRED = 15
    }
}

/** Asks the user. */
internal fun interface PresencePrompt {
    /** Shows the prompt that unlocks [cipher], and returns how it ended. When it is cancelled, it closes the prompt. */
    suspend fun ask(cipher: Cipher): PromptAnswer
}

/** How a prompt ended. */
internal sealed interface PromptAnswer {
    /** The user was recognised; [cipher] is what the prompt hands back, and not believed until it works. */
    class Unlocked(val cipher: Cipher?) : PromptAnswer

    /** The user pressed the button that closes it. */
    data object Closed : PromptAnswer

    /** It ended with a [code] of `BiometricPrompt`. */
    class Refused(val code: Int) : PromptAnswer
}
