package dev.hallpass.android

import android.annotation.TargetApi
import android.os.Build
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties
import android.security.keystore.StrongBoxUnavailableException
import dev.hallpass.ports.KeySigner
import dev.hallpass.ports.SignerException
import dev.hallpass.store.Fault
import dev.hallpass.store.Retries
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import java.math.BigInteger
import java.security.GeneralSecurityException
import java.security.KeyPairGenerator
import java.security.KeyStoreException
import java.security.PrivateKey
import java.security.ProviderException
import java.security.PublicKey
import java.security.Signature
import java.security.SignatureException
import java.security.interfaces.ECPublicKey
import java.security.spec.ECGenParameterSpec

/**
 * A P-256 key of the Android Keystore that signs and never leaves it: in the StrongBox where the device has one that works, in
 * the TEE otherwise. Give it to [HallpassAndroid.session] with [dev.hallpass.Config.dpop].
 *
 * It is not bound to the user's authentication, so that tokens can be renewed in the background. A key that exists is never
 * overwritten, whatever the Keystore reports about it. An error counts only if it persists for two seconds.
 */
public class KeystoreSigner internal constructor(
    private val alias: String,
    private val dispatcher: CoroutineDispatcher,
    private val faults: KeystoreFaults,
    private val retries: Retries,
) : KeySigner {
    /**
     * Names the key; it is created when the core first needs it.
     *
     * @param account the account of its session; each account has its own key
     * @param alias the name of the key, which no other account has
     * @param dispatcher where the blocking work is done
     */
    public constructor(
        account: String? = null,
        alias: String = aliasOf(account),
        dispatcher: CoroutineDispatcher = Dispatchers.IO,
    ) : this(alias, dispatcher, KeystoreFaults(), Retries(KeystoreFaults()))

    /** The Keystore and the alias: two signers with one alias are one key. */
    override val identity: String = "$ANDROID_KEYSTORE:$alias"

    override suspend fun publicKey(): ByteArray = told {
        EcdsaKey.toSec1(retries.run { existing() } ?: retries.run { created() })
    }

    override suspend fun sign(message: ByteArray): ByteArray = told {
        retries.run { EcdsaSignature.toJose(signature(message, keystore().getKey(alias, null) as PrivateKey? ?: throw NoSigningKey())) }
    }

    override suspend fun delete(): Unit = told { keystore().run { if (containsAlias(alias)) deleteEntry(alias) } }

    /** The key first, because it throws: `getCertificate` answers `null` to each error of the Keystore. */
    private fun existing(): ECPublicKey? {
        if (keystore().getKey(alias, null) == null) return null
        val certificate = keystore().getCertificate(alias) ?: throw KeyStoreException("the key is there, and its certificate is not")
        return certificate.publicKey as ECPublicKey
    }

    /**
     * Makes the key, when it is certain that there is none: a key that is made overwrites one of the same name, and `null` may
     * have been the answer of a Keystore that was dead. When it makes another key, it lives, and its `null` counts.
     */
    private fun created(): ECPublicKey {
        val probe = "$alias.probe"
        generate(parameters(probe).build())
        val found = existing()
        keystore().deleteEntry(probe)
        if (found != null) return found
        val made = if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.P) StrongBox.create(alias) else generate(parameters(alias).build())
        return made as ECPublicKey
    }

    /** The Keystore blocks, and tells what is the matter in many ways. */
    private suspend fun <T> told(work: suspend () -> T): T = withContext(dispatcher) {
        try {
            work()
        } catch (cancelled: CancellationException) {
            throw cancelled
        } catch (@Suppress("TooGenericExceptionCaught") error: Exception) {
            throw when (if (error is NoSigningKey) faults.missingKey else faults.judge(error)) {
                Fault.Locked -> SignerException.Locked(error)
                Fault.KeyGone -> SignerException.Invalidated(error)
                Fault.Passing, Fault.Damaged, Fault.Unknown -> SignerException.Failed(error)
            }
        }
    }

    /** The Keystore says that it has no such key. */
    private class NoSigningKey : GeneralSecurityException("there is no signing key")

    /** Its exception is not known before API 28: a class of its own, so that older ones never load it. */
    @TargetApi(Build.VERSION_CODES.P)
    private object StrongBox {
        fun create(alias: String): PublicKey =
            try {
                proven(alias, generate(parameters(alias).setIsStrongBoxBacked(true).build()))
            } catch (none: StrongBoxUnavailableException) {
                generate(parameters(alias).build())
            } catch (broken: ProviderException) {
                // Some say that they have one, and fail in all sorts of ways: when the key is made, or when it is used.
                generate(parameters(alias).build())
            } catch (broken: GeneralSecurityException) {
                generate(parameters(alias).build())
            }

        /** Nothing depends on the key yet, and later there is no way back. */
        private fun proven(alias: String, publicKey: PublicKey): PublicKey {
            var isProven = false
            try {
                val message = alias.encodeToByteArray()
                val verifier = Signature.getInstance(ALGORITHM)
                verifier.initVerify(publicKey)
                verifier.update(message)
                isProven = verifier.verify(signature(message, keystore().getKey(alias, null) as PrivateKey))
                if (!isProven) throw SignatureException("the StrongBox signs what does not verify")
            } finally {
                // Nobody is to find it later and trust it.
                if (!isProven) keystore().deleteEntry(alias)
            }
            return publicKey
        }
    }
}

private fun signature(message: ByteArray, key: PrivateKey): ByteArray = Signature.getInstance(ALGORITHM).run {
    initSign(key)
    update(message)
    sign()
}

private const val ALGORITHM = "SHA256withECDSA"

private fun aliasOf(account: String?): String =
    if (account == null || account == "default") "hallpass.signer" else "hallpass.signer.$account"

private fun parameters(alias: String) = KeyGenParameterSpec.Builder(alias, KeyProperties.PURPOSE_SIGN)
    .setAlgorithmParameterSpec(ECGenParameterSpec("secp256r1"))
    .setDigests(KeyProperties.DIGEST_SHA256)

private fun generate(specification: KeyGenParameterSpec): PublicKey =
    KeyPairGenerator.getInstance(KeyProperties.KEY_ALGORITHM_EC, ANDROID_KEYSTORE).run {
        initialize(specification)
        generateKeyPair().public
    }

/** Public keys on P-256, from Java's shape to that of SEC 1 §2.3.3. */
internal object EcdsaKey {
    private const val COORDINATE = 32
    private const val UNCOMPRESSED: Byte = 4

    fun toSec1(key: ECPublicKey): ByteArray = byteArrayOf(UNCOMPRESSED) + fixed(key.w.affineX) + fixed(key.w.affineY)

    private fun fixed(number: BigInteger): ByteArray {
        // A sign byte before a first bit that is set; fewer bytes for a small number.
        val digits = number.toByteArray().takeLast(COORDINATE).toByteArray()
        return ByteArray(COORDINATE - digits.size) + digits
    }
}

/** ECDSA signatures over P-256, from Java's shape to that of a JWS. */
internal object EcdsaSignature {
    private const val HALF = 32

    /** From `SEQUENCE { r INTEGER, s INTEGER }` in DER (RFC 3279 §2.2.3); numbers of 32 bytes make it short enough for one-byte lengths. */
    fun toJose(der: ByteArray): ByteArray {
        require(der.size > 8 && der[0] == SEQUENCE && der[1].toInt() == der.size - 2) { "no signature" }
        val r = integer(der, 2)
        val s = integer(der, 4 + der[3])
        require(4 + der[3] + 2 + s.size == der.size) { "no signature" }
        return fixed(r) + fixed(s)
    }

    private fun integer(der: ByteArray, at: Int): ByteArray {
        require(at + 2 <= der.size && der[at] == INTEGER && at + 2 + der[at + 1] <= der.size && der[at + 1] > 0) { "no signature" }
        return der.copyOfRange(at + 2, at + 2 + der[at + 1])
    }

    private fun fixed(number: ByteArray): ByteArray {
        val digits = number.dropWhile { it == 0.toByte() }
        require(digits.size <= HALF) { "not of P-256" }
        return ByteArray(HALF - digits.size) + digits.toByteArray()
    }

    private const val SEQUENCE: Byte = 0x30
    private const val INTEGER: Byte = 2
}
