package dev.hallpass.store

import java.security.GeneralSecurityException
import javax.crypto.Cipher
import javax.crypto.SecretKey
import javax.crypto.spec.GCMParameterSpec

/**
 * A sealed entry, AES-256-GCM (NIST SP 800-38D), with the entry's name as additional authenticated data: an entry that was
 * moved to another name does not open.
 *
 * - Version 1: `1 (1 byte) | iv (12 bytes) | ciphertext and tag`, under the key with the number 1. It is read and not written.
 * - Version 2: `2 (1 byte) | number of the key (2 bytes, big-endian) | iv (12 bytes) | ciphertext and tag`. The three bytes
 *   before the IV are authenticated too, before the name.
 *
 * The IV is made by the key's provider for each seal, and never by the caller.
 */
internal object Envelope {
    private const val FIRST: Byte = 1
    private const val SECOND: Byte = 2
    private const val IV_BYTES = 12
    private const val TAG_BITS = 128
    private const val TRANSFORMATION = "AES/GCM/NoPadding"

    /** The numbers that a key can have. */
    val KEYS = 1..0xFFFF

    fun seal(plain: ByteArray, name: String, number: Int, key: SecretKey): ByteArray {
        require(number in KEYS) { "no number of a key" }
        val header = byteArrayOf(SECOND, (number shr Byte.SIZE_BITS).toByte(), number.toByte())
        val cipher = Cipher.getInstance(TRANSFORMATION)
        cipher.init(Cipher.ENCRYPT_MODE, key)
        val iv = cipher.iv
        check(iv != null && iv.size == IV_BYTES) { "the provider made no IV of $IV_BYTES bytes" }
        cipher.updateAAD(header + name.encodeToByteArray())
        return header + iv + cipher.doFinal(plain)
    }

    /** The number of the key that [sealed] is under. */
    fun keyNumber(sealed: ByteArray): Int {
        val header = headerBytes(sealed)
        if (sealed.size < header + IV_BYTES + TAG_BITS / Byte.SIZE_BITS) throw DamagedEnvelope("it is cut off")
        if (header == 1) return 1
        val number = (sealed[1].toUByte().toInt() shl Byte.SIZE_BITS) or sealed[2].toUByte().toInt()
        return if (number in KEYS) number else throw DamagedEnvelope("its key has no number")
    }

    fun open(sealed: ByteArray, name: String, key: SecretKey): ByteArray {
        val header = headerBytes(sealed)
        val cipher = Cipher.getInstance(TRANSFORMATION)
        cipher.init(Cipher.DECRYPT_MODE, key, GCMParameterSpec(TAG_BITS, sealed, header, IV_BYTES))
        if (header > 1) cipher.updateAAD(sealed, 0, header)
        cipher.updateAAD(name.encodeToByteArray())
        return cipher.doFinal(sealed, header + IV_BYTES, sealed.size - header - IV_BYTES)
    }

    private fun headerBytes(sealed: ByteArray): Int = when (val version = sealed.firstOrNull()) {
        null -> throw DamagedEnvelope("it is empty")
        FIRST -> 1
        SECOND -> 3
        else -> throw if (version > SECOND) UnknownEnvelope(version) else DamagedEnvelope("it has no version")
    }
}

/** The bytes are no envelope of any version. */
internal class DamagedEnvelope(what: String) : GeneralSecurityException("the entry is damaged: $what")

/** A newer version of this library has written it. It is left as it is. */
internal class UnknownEnvelope(version: Byte) : GeneralSecurityException("the entry has the unknown version $version")

/** There is an entry, and the keeper says that there is no key that could have sealed it. */
internal class NoKey : GeneralSecurityException("there is no key for the entry")
