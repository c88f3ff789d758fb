package dev.hallpass.android

import android.security.keystore.StrongBoxUnavailableException
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config
import java.math.BigInteger
import java.security.ProviderException
import java.security.PublicKey
import java.security.Signature

/** The signing key over a fake Keystore that throws on cue. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35])
class KeystoreSignerTest {
    private val keystore = FakeKeystore()
    private val signer = KeystoreSigner("signer")
    private val data = "to be signed".encodeToByteArray()

    @After
    fun remove() = keystore.close()

    @Test
    fun `device with a StrongBox, the key is made there once and what it signs is verified`() {
        val key = signer.publicKey()
        assertTrue(verifies(key, signer.sign(data)))
        assertTrue(keystore.pairs.getValue("signer").isInStrongBox)
        assertEquals(key, KeystoreSigner("signer").publicKey())
    }

    @Test
    fun `no StrongBox, or one that fails, the key is made in the TEE`() {
        for (fault in listOf(StrongBoxUnavailableException(), ProviderException("Failed to generate key pair"))) {
            keystore.failures += fault
            val key = signer.publicKey()
            assertTrue("$fault", verifies(key, signer.sign(data)) && !keystore.pairs.getValue("signer").isInStrongBox)
            signer.delete()
        }
    }

    @Test
    fun `Keystore that makes no key at all, its exception is passed on`() {
        repeat(2) { keystore.failures += ProviderException("Failed to generate key pair") }
        assertThrows(ProviderException::class.java) { signer.publicKey() }
        assertTrue(keystore.pairs.isEmpty())
    }

    @Test
    fun `signs before it was asked for its key, the key is made, and after a deletion there is another`() {
        val signature = signer.sign(data)
        val first = signer.publicKey()
        assertTrue(verifies(first, signature))
        signer.delete()
        assertNotEquals(first, signer.publicKey())
    }

    /** By a verifier of Java's, which wants the two numbers as DER. */
    private fun verifies(key: PublicKey, signature: ByteArray): Boolean {
        assertEquals(64, signature.size)
        val numbers = listOf(signature.copyOf(32), signature.copyOfRange(32, 64)).map { BigInteger(1, it).toByteArray() }
        val content = numbers.map { byteArrayOf(2, it.size.toByte()) + it }.reduce(ByteArray::plus)
        return Signature.getInstance("SHA256withECDSA").run {
            initVerify(key)
            update(data)
            verify(byteArrayOf(0x30, content.size.toByte()) + content)
        }
    }
}
