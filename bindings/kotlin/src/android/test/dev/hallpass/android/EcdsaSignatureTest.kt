package dev.hallpass.android

import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import java.security.KeyPairGenerator
import java.security.Signature
import java.security.spec.ECGenParameterSpec

class EcdsaSignatureTest {
    @Test
    fun `signatures of many shapes, verify in the shape of a JWS`() {
        val keys = KeyPairGenerator.getInstance("EC").apply { initialize(ECGenParameterSpec("secp256r1")) }.generateKeyPair()
        val lengths = mutableSetOf<Int>()
        repeat(400) { round ->
            val data = "data $round".encodeToByteArray()
            val der = Signature.getInstance("SHA256withECDSA").run {
                initSign(keys.private)
                update(data)
                sign()
            }
            lengths += der.size
            val jose = EcdsaSignature.toJose(der)
            assertEquals(64, jose.size)
            val verified = Signature.getInstance("SHA256withECDSAinP1363Format").run {
                initVerify(keys.public)
                update(data)
                verify(jose)
            }
            assertTrue(verified)
        }
        assertTrue("numbers with and without a sign byte: $lengths", lengths.size >= 3)
    }

    @Test
    fun `bytes that are no signature, are refused`() {
        for (bytes in listOf(ByteArray(0), ByteArray(9), ByteArray(70), byteArrayOf(0x30, 7, 2, 1, 1, 2, 9, 1, 1))) {
            assertThrows(IllegalArgumentException::class.java) { EcdsaSignature.toJose(bytes) }
        }
    }
}
