package dev.hallpass.android

import android.security.KeyStoreException
import android.security.keystore.StrongBoxUnavailableException
import android.security.keystore.UserNotAuthenticatedException
import dev.hallpass.ports.SignerException
import dev.hallpass.store.Fault
import dev.hallpass.store.Retries
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.runBlocking
import org.junit.After
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config
import java.math.BigInteger
import java.security.KeyFactory
import java.security.ProviderException
import java.security.Signature
import java.security.UnrecoverableKeyException
import java.security.interfaces.ECPublicKey
import java.security.spec.ECPoint
import java.security.spec.ECPublicKeySpec
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/** The signing key over a fake Keystore that throws on cue. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35])
class KeystoreSignerTest {
    private val keystore = FakeKeystore()
    private val signer = signer()
    private var waited = Duration.ZERO
    private val message = "to be signed".encodeToByteArray()

    @After
    fun remove() = keystore.close()

    @Test
    fun `device with a StrongBox, the key is made there once and what anybody signs with it is verified`() = runBlocking {
        val point = signer.publicKey()
        assertTrue(keystore.pairs.getValue("signer").isInStrongBox)
        assertArrayEquals(point, KeystoreSigner(alias = "signer").publicKey())
        // Often enough for numbers that begin with a zero, or with a bit that Java puts one before.
        repeat(50) { round ->
            val message = "message $round".encodeToByteArray()
            assertTrue(verifies(point, message, KeystoreSigner(alias = "signer").sign(message)))
        }
    }

    @Test
    fun `two accounts, have keys of their own and a logout of one leaves the other's`() = runBlocking {
        val home = KeystoreSigner()
        val work = KeystoreSigner("work")
        assertTrue(home.identity != work.identity)
        for (same in listOf(KeystoreSigner("default"), KeystoreSigner(alias = "hallpass.signer"))) {
            assertEquals(home.identity, same.identity)
        }
        val key = home.publicKey()
        assertFalse(key.contentEquals(work.publicKey()))
        work.delete()
        assertArrayEquals(key, home.publicKey())
    }

    @Test
    fun `no StrongBox, or one that makes no key, the key is made in the TEE`() = runBlocking {
        for (fault in listOf(StrongBoxUnavailableException(), ProviderException("Failed to generate key pair"))) {
            keystore.failAtSecondKey(fault)
            val point = signer.publicKey()
            assertTrue("$fault", verifies(point, message, signer.sign(message)) && !keystore.pairs.getValue("signer").isInStrongBox)
            signer.delete()
        }
    }

    @Test
    fun `StrongBox whose key cannot be used, is found out before anything depends on it`() = runBlocking {
        keystore.strongBoxWorks = false
        val point = signer.publicKey()
        assertFalse(keystore.pairs.getValue("signer").isInStrongBox)
        assertTrue(verifies(point, message, signer.sign(message)))
    }

    @Test
    fun `Keystore that makes no key at all, has failed and later makes one`() = runBlocking {
        keystore.outage = ProviderException("Failed to generate key pair")
        failure<SignerException.Failed> { signer.publicKey() }
        assertTrue(keystore.pairs.isEmpty())
        keystore.outage = null
        assertEquals(65, signer.publicKey().size)
        assertEquals("the probe is gone", setOf("signer"), keystore.pairs.keys)
    }

    @Test
    fun `no key, nothing is signed and a deleted one does not come back`() = runBlocking {
        failure<SignerException.Invalidated> { signer.sign(message) }
        assertEquals("asked again before that is believed", 2.seconds, waited)
        failure<SignerException.Failed> { signer(30).sign(message) }
        signer.delete()
        val before = signer.publicKey()
        repeat(2) { signer.delete() }
        failure<SignerException.Invalidated> { signer.sign(message) }
        assertFalse(before.contentEquals(signer.publicKey()))
    }

    @Test
    fun `Keystore in trouble for a while, no living key is overwritten and the same key signs afterwards`() = runBlocking {
        val point = signer.publicKey()
        for (level in listOf(26, 30, 33, 35)) {
            for (code in KeystoreFaultsTest.CODES.keys) {
                keystore.outage = UnrecoverableKeyException("Failed to obtain information about key").apply { initCause(KeyStoreException(code, "")) }
                val expected = when (KeystoreFaults(level).judge(checkNotNull(keystore.outage))) {
                    Fault.Locked -> SignerException.Locked::class
                    Fault.KeyGone -> SignerException.Invalidated::class
                    Fault.Passing, Fault.Damaged, Fault.Unknown -> SignerException.Failed::class
                }
                assertEquals("API $level, $code", expected, failure<SignerException> { signer(level).publicKey() }::class)
                assertEquals("API $level, $code", expected, failure<SignerException> { signer(level).sign(message) }::class)
                keystore.outage = null
                assertArrayEquals("API $level, $code", point, signer(level).publicKey())
            }
        }
        assertTrue(verifies(point, message, signer.sign(message)))
    }

    @Test
    fun `daemon that is dead and says that there is no key, no living key is overwritten`() = runBlocking {
        val point = signer.publicKey()
        keystore.denials = 1
        assertArrayEquals(point, signer(30).publicKey())
        assertEquals(setOf("signer"), keystore.pairs.keys)
    }

    @Test
    fun `certificate that cannot be read, is no reason to make another key`() = runBlocking {
        val point = signer.publicKey()
        keystore.certificatesAreReadable = false
        failure<SignerException.Failed> { signer.publicKey() }
        keystore.certificatesAreReadable = true
        assertArrayEquals(point, signer.publicKey())
    }

    @Test
    fun `key used again, wrong for the time being, is told apart and destroys nothing`() = runBlocking {
        val point = signer.publicKey()
        keystore.failures += UserNotAuthenticatedException()
        failure<SignerException.Locked> { signer.sign(message) }
        keystore.failures += UnrecoverableKeyException("gone")
        assertTrue(verifies(point, message, signer.sign(message)))
        keystore.failures += IllegalStateException("?")
        failure<SignerException.Failed> { signer.sign(message) }
        assertArrayEquals(point, signer.publicKey())
    }

    private fun signer(level: Int = 35): KeystoreSigner {
        val faults = KeystoreFaults(level)
        return KeystoreSigner("signer", Dispatchers.IO, faults, Retries(faults) { waited += it })
    }

    /** The first is the probe. */
    private fun FakeKeystore.failAtSecondKey(error: Exception) {
        unmade += null
        unmade += error
    }

    /** By a verifier of Java's, with the key as the point says. */
    private fun verifies(point: ByteArray, message: ByteArray, signature: ByteArray): Boolean {
        assertEquals(65 to 64, point.size to signature.size)
        val parameters = (keystore.pairs.values.single().pair.public as ECPublicKey).params
        val (x, y) = listOf(point.copyOfRange(1, 33), point.copyOfRange(33, 65)).map { BigInteger(1, it) }
        val key = KeyFactory.getInstance("EC").generatePublic(ECPublicKeySpec(ECPoint(x, y), parameters))
        return Signature.getInstance("SHA256withECDSAinP1363Format").run {
            initVerify(key)
            update(message)
            verify(signature)
        }
    }
}
