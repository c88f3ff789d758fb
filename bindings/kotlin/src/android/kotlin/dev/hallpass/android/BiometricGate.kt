package dev.hallpass.android

import android.annotation.TargetApi
import android.app.Activity
import android.hardware.biometrics.BiometricManager.Authenticators.BIOMETRIC_STRONG
import android.hardware.biometrics.BiometricManager.Authenticators.DEVICE_CREDENTIAL
import android.hardware.biometrics.BiometricPrompt
import android.os.Build
import android.os.CancellationSignal
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.KeyProperties
import kotlinx.coroutines.suspendCancellableCoroutine
import java.security.GeneralSecurityException
import java.security.ProviderException
import javax.crypto.Cipher
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey
import kotlin.coroutines.resume

/**
 * Asks the user for a finger, a face or, where the policy allows it, the screen lock, before something that matters.
 *
 * The prompt unlocks a key of the Keystore that works for nobody else, and that key is then used: an app that was tampered
 * with cannot simply report a success. A finger that is enrolled later makes the key unusable, which is [Outcome.EnrolmentChanged].
 *
 * @param alias the name of the key
 * @param fallback what serves besides a strong biometric
 */
public class BiometricGate(
    private val alias: String = "hallpass.gate",
    private val fallback: Fallback = Fallback.None,
) {
    /** What serves besides a strong biometric (class 3). */
    public enum class Fallback {
        /** Nothing. */
        None,

        /** The screen lock, from API 30 on; below it cannot unlock a key, and nothing serves. */
        ScreenLock,
    }

    /** What came of it. */
    public enum class Outcome {
        /** The user is there. */
        Confirmed,

        /** The user, or somebody else's screen, closed the prompt. */
        Cancelled,

        /** Too many wrong tries: later, or after the device was unlocked. */
        LockedOut,

        /** A finger or face was enrolled since the last time. Whether to trust it is the app's decision; the next call asks it. */
        EnrolmentChanged,

        /** No hardware, nothing enrolled, or below API 28. */
        Unavailable,
    }

    /**
     * Shows the prompt over [activity] with [title], and [cancel] on the button that closes it. Call it on the main thread;
     * cancelling it closes the prompt.
     */
    public suspend fun confirm(activity: Activity, title: String, cancel: String): Outcome =
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.P) Outcome.Unavailable
        else Prompt(alias, takesScreenLock()).confirm(activity, title, cancel)

    private fun takesScreenLock() = fallback == Fallback.ScreenLock && Build.VERSION.SDK_INT >= Build.VERSION_CODES.R

    /** A class of its own, so that devices before API 28 never load what they do not have. */
    @TargetApi(Build.VERSION_CODES.P)
    private class Prompt(private val alias: String, private val takesScreenLock: Boolean) {
        suspend fun confirm(activity: Activity, title: String, cancel: String): Outcome {
            val cipher = try {
                Cipher.getInstance("AES/GCM/NoPadding").apply { init(Cipher.ENCRYPT_MODE, key()) }
            } catch (changed: KeyPermanentlyInvalidatedException) {
                keystore().deleteEntry(alias)
                return Outcome.EnrolmentChanged
            } catch (none: GeneralSecurityException) {
                // A key that needs a finger cannot be made where none is enrolled.
                return Outcome.Unavailable
            } catch (none: ProviderException) {
                return Outcome.Unavailable
            }
            return ask(activity, title, cancel, cipher)
        }

        private suspend fun ask(activity: Activity, title: String, cancel: String, cipher: Cipher): Outcome =
            suspendCancellableCoroutine { continuation ->
                val signal = CancellationSignal()
                continuation.invokeOnCancellation { signal.cancel() }
                val answer = { outcome: Outcome -> if (continuation.isActive) continuation.resume(outcome) }
                val prompt = BiometricPrompt.Builder(activity).setTitle(title).apply {
                    if (takesScreenLock) allowScreenLock(this) else setNegativeButton(cancel, activity.mainExecutor) { _, _ -> answer(Outcome.Cancelled) }
                }.build()
                prompt.authenticate(BiometricPrompt.CryptoObject(cipher), signal, activity.mainExecutor, Callback(answer))
            }

        private fun key(): SecretKey = keystore().getKey(alias, null) as SecretKey? ?: run {
            val parameters = KeyGenParameterSpec.Builder(alias, KeyProperties.PURPOSE_ENCRYPT)
                .setBlockModes(KeyProperties.BLOCK_MODE_GCM)
                .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_NONE)
                .setUserAuthenticationRequired(true)
                .setInvalidatedByBiometricEnrollment(true)
                .apply { if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) forEachUse(this) }
                .build()
            KeyGenerator.getInstance(KeyProperties.KEY_ALGORITHM_AES, ANDROID_KEYSTORE).run {
                init(parameters)
                generateKey()
            }
        }

        @TargetApi(Build.VERSION_CODES.R)
        private fun forEachUse(parameters: KeyGenParameterSpec.Builder) {
            val lock = if (takesScreenLock) KeyProperties.AUTH_DEVICE_CREDENTIAL else 0
            parameters.setUserAuthenticationParameters(0, KeyProperties.AUTH_BIOMETRIC_STRONG or lock)
        }

        @TargetApi(Build.VERSION_CODES.R)
        private fun allowScreenLock(prompt: BiometricPrompt.Builder) {
            prompt.setAllowedAuthenticators(BIOMETRIC_STRONG or DEVICE_CREDENTIAL)
        }
    }

    @TargetApi(Build.VERSION_CODES.P)
    private class Callback(private val answer: (Outcome) -> Unit) : BiometricPrompt.AuthenticationCallback() {
        override fun onAuthenticationSucceeded(result: BiometricPrompt.AuthenticationResult) {
            // The proof: the key works now, and only now.
            val isUnlocked = runCatching { result.cryptoObject?.cipher?.doFinal(ByteArray(1)) }.getOrNull() != null
            answer(if (isUnlocked) Outcome.Confirmed else Outcome.Unavailable)
        }

        override fun onAuthenticationError(code: Int, message: CharSequence?) = answer(
            when (code) {
                BiometricPrompt.BIOMETRIC_ERROR_LOCKOUT, BiometricPrompt.BIOMETRIC_ERROR_LOCKOUT_PERMANENT -> Outcome.LockedOut
                BiometricPrompt.BIOMETRIC_ERROR_HW_NOT_PRESENT, BiometricPrompt.BIOMETRIC_ERROR_HW_UNAVAILABLE,
                BiometricPrompt.BIOMETRIC_ERROR_NO_BIOMETRICS, BiometricPrompt.BIOMETRIC_ERROR_NO_DEVICE_CREDENTIAL,
                -> Outcome.Unavailable
                else -> Outcome.Cancelled
            },
        )
    }
}
