package dev.hallpass.android

import android.security.keystore.StrongBoxUnavailableException
import android.security.keystore.UserNotAuthenticatedException
import dev.hallpass.ports.SignerException
import kotlinx.coroutines.runBlocking
import org.junit.After
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Assert.fail
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

/** The signing key over a fake Keystore that throws on cue. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35])
class KeystoreSignerTest {
    private val keystore = FakeKeystore()
    private val signer = KeystoreSigner(alias = "signer")
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
    fun `no StrongBox, or one that fails, the key is made in the TEE`() = runBlocking {
        for (fault in listOf(StrongBoxUnavailableException(), ProviderException("Failed to generate key pair"))) {
            keystore.failures += fault
            val point = signer.publicKey()
            assertTrue("$fault", verifies(point, message, signer.sign(message)) && !keystore.pairs.getValue("signer").isInStrongBox)
            signer.delete()
        }
    }

    @Test
    fun `Keystore that makes no key at all, has failed and later makes one`() = runBlocking {
        repeat(2) { keystore.failures += ProviderException("Failed to generate key pair") }
        failure<SignerException.Failed> { signer.publicKey() }
        assertTrue(keystore.pairs.isEmpty())
        assertEquals(65, signer.publicKey().size)
    }

    @Test
    fun `no key, nothing is signed and a deleted one does not come back`() = runBlocking {
        failure<SignerException.Invalidated> { signer.sign(message) }
        signer.delete()
        val before = signer.publicKey()
        repeat(2) { signer.delete() }
        failure<SignerException.Invalidated> { signer.sign(message) }
        assertFalse(before.contentEquals(signer.publicKey()))
    }

    @Test
    fun `what the Keystore throws, is told apart and destroys nothing`() = runBlocking {
        val point = signer.publicKey()
        keystore.failures += UserNotAuthenticatedException()
        failure<SignerException.Locked> { signer.sign(message) }
        keystore.failures += UnrecoverableKeyException("gone")
        failure<SignerException.Invalidated> { signer.sign(message) }
        for (unclear in listOf(ProviderException("the daemon died"), IllegalStateException("?"))) {
            keystore.failures += unclear
            failure<SignerException.Failed> { signer.sign(message) }
        }
        assertArrayEquals(point, signer.publicKey())
        assertTrue(verifies(point, message, signer.sign(message)))
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

    private inline fun <reified E : SignerException> failure(work: () -> Unit) {
        try {
            work()
        } catch (error: SignerException) {
            assertTrue("$error", error is E)
            return
        }
        fail("no ${E::class.simpleName}")
    }
}
