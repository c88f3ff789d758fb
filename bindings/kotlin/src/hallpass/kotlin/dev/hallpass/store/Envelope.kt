package dev.hallpass.store

import java.security.GeneralSecurityException
import javax.crypto.Cipher
import javax.crypto.SecretKey
import javax.crypto.spec.GCMParameterSpec

/**
 * A sealed entry: `version (1 byte, 1) | iv (12 bytes) | ciphertext and tag`, AES-256-GCM (NIST SP 800-38D), with the
 * entry's name as additional authenticated data: an entry that was moved to another name does not open.
 *
 * The IV is made by the key's provider for each seal, and never by the caller.
 */
internal object Envelope {
    private const val VERSION: Byte = 1
    private const val IV_BYTES = 12
    private const val TAG_BITS = 128
    private const val HEADER_BYTES = 1 + IV_BYTES
    private const val TRANSFORMATION = "AES/GCM/NoPadding"

    fun seal(plain: ByteArray, name: String, key: SecretKey): ByteArray {
        val cipher = Cipher.getInstance(TRANSFORMATION)
        cipher.init(Cipher.ENCRYPT_MODE, key)
        val iv = cipher.iv
        check(iv != null && iv.size == IV_BYTES) { "the provider made no IV of $IV_BYTES bytes" }
        cipher.updateAAD(name.encodeToByteArray())
        return byteArrayOf(VERSION) + iv + cipher.doFinal(plain)
    }

    fun open(sealed: ByteArray, name: String, key: SecretKey): ByteArray {
        if (sealed.isEmpty()) throw DamagedEnvelope("it is empty")
        if (sealed[0] > VERSION || sealed[0] < 0) throw UnknownEnvelope(sealed[0])
        if (sealed[0] != VERSION || sealed.size < HEADER_BYTES + TAG_BITS / 8) throw DamagedEnvelope("it is cut off")
        val cipher = Cipher.getInstance(TRANSFORMATION)
        cipher.init(Cipher.DECRYPT_MODE, key, GCMParameterSpec(TAG_BITS, sealed, 1, IV_BYTES))
        cipher.updateAAD(name.encodeToByteArray())
        return cipher.doFinal(sealed, HEADER_BYTES, sealed.size - HEADER_BYTES)
    }
}

/** The bytes are no envelope of any version. */
internal class DamagedEnvelope(what: String) : GeneralSecurityException("the entry is damaged: $what")

/** A newer version of this library has written it. It is left as it is. */
internal class UnknownEnvelope(version: Byte) : GeneralSecurityException("the entry has the unknown version $version")

/** There is an entry, and no key that could have sealed it. */
internal class NoKey : GeneralSecurityException("the key is gone")
