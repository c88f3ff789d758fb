package dev.hallpass.android

import android.annotation.TargetApi
import android.app.Activity
import android.hardware.biometrics.BiometricManager.Authenticators.BIOMETRIC_STRONG
import android.hardware.biometrics.BiometricManager.Authenticators.DEVICE_CREDENTIAL
import android.hardware.biometrics.BiometricPrompt
import android.os.Build
import android.os.CancellationSignal
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties
import dev.hallpass.store.KeyKeeper
import kotlinx.coroutines.suspendCancellableCoroutine
import javax.crypto.Cipher
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey
import kotlin.coroutines.resume

/**
 * Asks the user for a fingerprint, a face or, if the policy allows it, the screen lock, before an important action.
 *
 * The prompt unlocks a key of the Keystore, which is then used: so a manipulated app cannot simply report success. With
 * [Fallback.None], enrolling another finger or face makes the key unusable, which is [Outcome.EnrolmentChanged]. With a
 * screen lock as fallback it does not: who knows the screen lock can unlock the key anyway.
 *
 * @param alias the name of the key; the fallback is added to it, so that each policy has its own key
 * @param fallback what is accepted besides a strong biometric
 */
public class BiometricGate(
    private val alias: String = "hallpass.gate",
    private val fallback: Fallback = Fallback.None,
) {
    /** What is accepted besides a strong biometric (class 3). */
    public enum class Fallback {
        /** Nothing. */
        None,

        /** The screen lock, from API 30 on; below, it cannot unlock a key and is not accepted. */
        ScreenLock,
    }

    /** The result. Only [Confirmed] means that the user is present. */
    public enum class Outcome {
        /** The user is present. */
        Confirmed,

        /** The user or another screen closed the prompt, or there was no answer. */
        Cancelled,

        /** Too many wrong tries: try later, or after the device was unlocked. */
        LockedOut,

        /**
         * A finger or face was enrolled, or the screen lock removed, since the last time. Whether to trust it is the app's
         * decision; the next call asks it.
         */
        EnrolmentChanged,

        /** No hardware, nothing enrolled, or below API 28. Trying again does not help until the user changes that. */
        Unavailable,

        /** The sensor or the Keystore does not work now. It says nothing about the user; try again. */
        Failed,
    }

    /**
     * Shows the prompt over [activity] with [title], and [cancel] on the button that closes it. Call it on the main thread;
     * cancelling it closes the prompt.
     */
    public suspend fun confirm(activity: Activity, title: String, cancel: String): Outcome {
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.P) return Outcome.Unavailable
        val takesScreenLock = fallback.takesScreenLock(Build.VERSION.SDK_INT)
        val prompt = SystemPrompt(activity, title, cancel, takesScreenLock)
        return Presence(GateKey(keyName(takesScreenLock), takesScreenLock), prompt).confirm()
    }

    /** What a device can do. */
    public companion object {
        /** Whether devices of this API level have a prompt that unlocks a key: from API 28 on. The prompt says what is enrolled. */
        public val isSupported: Boolean get() = isSupportedBy(Build.VERSION.SDK_INT)

        internal fun isSupportedBy(apiLevel: Int): Boolean = apiLevel >= Build.VERSION_CODES.P
    }

    internal fun keyName(takesScreenLock: Boolean): String = if (takesScreenLock) "$alias.lock" else "$alias.strong"
}

/** Whether the screen lock serves on a device of this API level. */
internal fun BiometricGate.Fallback.takesScreenLock(apiLevel: Int): Boolean =
    this == BiometricGate.Fallback.ScreenLock && apiLevel >= Build.VERSION_CODES.R

/** A key that works once for each time that the user was there. */
private class GateKey(private val alias: String, private val takesScreenLock: Boolean) : KeyKeeper {
    override fun existing(): SecretKey? = keystore().getKey(alias, null) as SecretKey?

    override fun create(): SecretKey {
        val parameters = KeyGenParameterSpec.Builder(alias, KeyProperties.PURPOSE_ENCRYPT)
            .setBlockModes(KeyProperties.BLOCK_MODE_GCM)
            .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_NONE)
            .setUserAuthenticationRequired(true)
            .setInvalidatedByBiometricEnrollment(true)
            .apply { if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) forEachUse(this) }
            .build()
        return KeyGenerator.getInstance(KeyProperties.KEY_ALGORITHM_AES, ANDROID_KEYSTORE).run {
            init(parameters)
            generateKey()
        }
    }

    override fun delete() = keystore().run { if (containsAlias(alias)) deleteEntry(alias) }

    @TargetApi(Build.VERSION_CODES.R)
    private fun forEachUse(parameters: KeyGenParameterSpec.Builder) {
        val lock = if (takesScreenLock) KeyProperties.AUTH_DEVICE_CREDENTIAL else 0
        parameters.setUserAuthenticationParameters(0, KeyProperties.AUTH_BIOMETRIC_STRONG or lock)
    }
}

/** The system's own prompt. */
@TargetApi(Build.VERSION_CODES.P)
private class SystemPrompt(
    private val activity: Activity,
    private val title: String,
    private val cancel: String,
    private val takesScreenLock: Boolean,
) : PresencePrompt {
    override suspend fun ask(cipher: Cipher): PromptAnswer = suspendCancellableCoroutine { continuation ->
        val signal = CancellationSignal()
        continuation.invokeOnCancellation { signal.cancel() }
        val answer = { answer: PromptAnswer -> if (continuation.isActive) continuation.resume(answer) }
        val builder = BiometricPrompt.Builder(activity).setTitle(title)
        if (takesScreenLock) {
            allowScreenLock(builder)
        } else {
            builder.setNegativeButton(cancel, activity.mainExecutor) { _, _ -> answer(PromptAnswer.Closed) }
        }
        builder.build().authenticate(BiometricPrompt.CryptoObject(cipher), signal, activity.mainExecutor, Callback(answer))
    }

    @TargetApi(Build.VERSION_CODES.R)
    private fun allowScreenLock(prompt: BiometricPrompt.Builder) {
        prompt.setAllowedAuthenticators(BIOMETRIC_STRONG or DEVICE_CREDENTIAL)
    }

    private class Callback(private val answer: (PromptAnswer) -> Unit) : BiometricPrompt.AuthenticationCallback() {
        override fun onAuthenticationSucceeded(result: BiometricPrompt.AuthenticationResult) =
            answer(PromptAnswer.Unlocked(result.cryptoObject?.cipher))

        override fun onAuthenticationError(code: Int, message: CharSequence?) = answer(PromptAnswer.Refused(code))
    }
}
