package dev.hallpass.android

import android.security.keystore.KeyPermanentlyInvalidatedException
import dev.hallpass.android.BiometricGate.Fallback
import dev.hallpass.android.BiometricGate.Outcome
import dev.hallpass.store.KeyKeeper
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config
import java.security.InvalidAlgorithmParameterException
import java.security.KeyException
import java.security.ProviderException
import java.security.UnrecoverableKeyException
import javax.crypto.Cipher
import javax.crypto.SecretKey
import javax.crypto.spec.SecretKeySpec
import kotlin.time.Duration.Companion.seconds

/** What the gate decides, over a key and a prompt that do as they are told. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35])
class PresenceTest {
    private val key = FakeKey()
    private val asked = mutableListOf<Cipher>()
    private var answer: (Cipher) -> PromptAnswer = { PromptAnswer.Unlocked(it) }

    @Test
    fun `user recognised and the key works, confirmed, and the key is made once`() {
        assertEquals(Outcome.Confirmed, confirm())
        assertEquals(Outcome.Confirmed, confirm())
        assertEquals(1, key.made)
    }

    @Test
    fun `prompt that says yes without a key that works, is not believed`() {
        answer = { PromptAnswer.Unlocked(null) }
        assertEquals(Outcome.Failed, confirm())
        answer = { PromptAnswer.Unlocked(Cipher.getInstance("AES/GCM/NoPadding")) }
        assertEquals(Outcome.Failed, confirm())
    }

    @Test
    fun `button pressed, cancelled`() {
        answer = { PromptAnswer.Closed }
        assertEquals(Outcome.Cancelled, confirm())
    }

    @Test
    fun `each code of the prompt, has one meaning, and no unknown one lets anybody in`() {
        val meanings = mapOf(
            Outcome.Cancelled to listOf(3, 5, 10),
            Outcome.LockedOut to listOf(7, 9),
            Outcome.Unavailable to listOf(11, 12, 14, 15),
            Outcome.Failed to listOf(1, 2, 4, 8, 99, -1),
        )
        for ((outcome, codes) in meanings) {
            for (code in codes) {
                answer = { PromptAnswer.Refused(code) }
                assertEquals("$code", outcome, confirm())
            }
        }
    }

    @Test
    fun `nothing enrolled, no key can be made, unavailable and nobody is asked`() {
        for (refusal in listOf(InvalidAlgorithmParameterException("none enrolled"), IllegalStateException("none enrolled"))) {
            key.failures += refusal
            assertEquals(Outcome.Unavailable, confirm())
        }
        assertTrue(asked.isEmpty())
    }

    @Test
    fun `finger enrolled since, told once, and the next call asks under a new key`() {
        val changed = KeyPermanentlyInvalidatedException()
        for (fault in listOf(changed, ProviderException(changed))) {
            confirm()
            val before = key.made
            key.failures += fault
            assertEquals("$fault", Outcome.EnrolmentChanged, confirm())
            assertEquals("$fault", Outcome.Confirmed, confirm())
            assertEquals("$fault", before + 1, key.made)
        }
    }

    @Test
    fun `Keystore busy once, asked again, and busy for longer is failed and the key stays`() {
        confirm()
        key.failures += ProviderException("Keystore operation failed")
        assertEquals(Outcome.Confirmed, confirm())
        repeat(2) { key.failures += ProviderException("Keystore operation failed") }
        assertEquals(Outcome.Failed, confirm())
        repeat(2) { key.failures += UnrecoverableKeyException("Failed to obtain information about key") }
        assertEquals(Outcome.Failed, confirm())
        repeat(2) { key.failures += KeyException("anything") }
        assertEquals(Outcome.Failed, confirm())
        assertEquals(1, key.made)
    }

    @Test
    fun `screen lock as a fallback, serves from API 30 on and under a key of its own`() {
        assertFalse(Fallback.ScreenLock.takesScreenLock(29))
        assertTrue(Fallback.ScreenLock.takesScreenLock(30))
        assertFalse(Fallback.None.takesScreenLock(35))
        val gate = BiometricGate(fallback = Fallback.ScreenLock)
        assertNotEquals(gate.keyName(takesScreenLock = true), gate.keyName(takesScreenLock = false))
    }

    private fun confirm(): Outcome = runBlocking {
        val prompt = PresencePrompt { cipher ->
            asked += cipher
            answer(cipher)
        }
        withTimeout(10.seconds) { Presence(key, prompt).confirm() }
    }
}

/** A key that throws on cue. */
private class FakeKey : KeyKeeper {
    val failures = ArrayDeque<Exception>()
    var made = 0
    private var key: SecretKey? = null

    override fun existing(): SecretKey? {
        // What creating throws, it throws only there.
        val isOfCreation = failures.firstOrNull().let { it is InvalidAlgorithmParameterException || it is IllegalStateException }
        if (!isOfCreation) failures.removeFirstOrNull()?.let { throw it }
        return key
    }

    override fun create(): SecretKey {
        failures.removeFirstOrNull()?.let { throw it }
        made++
        return SecretKeySpec(ByteArray(32), "AES").also { key = it }
    }

    override fun delete() {
        key = null
    }
}
