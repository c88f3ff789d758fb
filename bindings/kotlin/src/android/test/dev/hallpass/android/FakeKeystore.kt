package dev.hallpass.android

import java.io.InputStream
import java.io.OutputStream
import java.security.AlgorithmParameters
import java.security.Key
import java.security.KeyPair
import java.security.KeyPairGenerator
import java.security.KeyPairGeneratorSpi
import java.security.KeyStoreSpi
import java.security.Provider
import java.security.PublicKey
import java.security.SecureRandom
import java.security.Security
import java.security.cert.Certificate
import java.security.spec.AlgorithmParameterSpec
import java.util.Collections
import java.util.Date
import java.util.Enumeration
import javax.crypto.Cipher
import javax.crypto.CipherSpi
import javax.crypto.KeyGeneratorSpi
import javax.crypto.SecretKey
import javax.crypto.spec.GCMParameterSpec
import javax.crypto.spec.SecretKeySpec

/**
 * The Android Keystore as a Java provider: keys that do not show their bytes, ciphers that make their own IVs, and, on cue,
 * each exception that the real one throws. It is installed for as long as it is not closed.
 */
internal class FakeKeystore : AutoCloseable {
    val keys = HashMap<String, KeystoreAes>()

    /** The pairs of keys, with whether each was made in the StrongBox. */
    val pairs = HashMap<String, FakePair>()

    /** What the next operations with the keystore or a cipher throw, one after another. */
    val failures = ArrayDeque<Exception>()

    /** What every operation throws for as long as it is there. */
    var outage: Exception? = null

    /** What each operation with the key of this alias throws, for good. */
    val broken = HashMap<String, Exception>()

    /** What the next keys cannot be made for; `null` for one that can. */
    val unmade = ArrayDeque<Exception?>()

    /** Answers `null` for a key that is there, this often: as Android up to API 30 does when its daemon is dead. */
    var denials = 0

    /** Whether `getCertificate` finds anything. */
    var certificatesAreReadable = true

    /** Whether what the StrongBox makes can be used. */
    var strongBoxWorks = true
    private val provider = FakeProvider(this)

    init {
        Security.insertProviderAt(provider, 1)
        current = this
    }

    fun failOnCue(alias: String? = null) {
        outage?.let { throw it }
        broken[alias]?.let { throw it }
        failures.removeFirstOrNull()?.let { throw it }
    }

    fun failToMake() {
        outage?.let { throw it }
        unmade.removeFirstOrNull()?.let { throw it }
    }

    override fun close() {
        Security.removeProvider(provider.name)
        current = null
    }

    companion object {
        @Volatile
        var current: FakeKeystore? = null

        fun installed(): FakeKeystore = checkNotNull(current) { "no keystore is installed" }
    }
}

/** A handle: what it opens is known to the keystore alone. */
internal class KeystoreAes(val bytes: SecretKeySpec) : SecretKey {
    override fun getAlgorithm() = "AES"

    override fun getFormat(): String? = null

    override fun getEncoded(): ByteArray? = null
}

@Suppress("DEPRECATION")
private class FakeProvider(keystore: FakeKeystore) : Provider("AndroidKeyStore", 1.0, "a fake of the Android Keystore") {
    init {
        check(keystore.keys.isEmpty())
        put("KeyStore.AndroidKeyStore", FakeKeyStoreSpi::class.java.name)
        put("KeyGenerator.AES", FakeKeyGenerator::class.java.name)
        put("Cipher.AES/GCM/NoPadding", FakeGcm::class.java.name)
        put("Cipher.AES/GCM/NoPadding SupportedKeyClasses", KeystoreAes::class.java.name)
        put("KeyPairGenerator.EC", FakeKeyPairGenerator::class.java.name)
    }
}

internal class FakeKeyGenerator : KeyGeneratorSpi() {
    private var alias = ""

    override fun engineInit(parameters: AlgorithmParameterSpec, random: SecureRandom?) {
        val specification = parameters as android.security.keystore.KeyGenParameterSpec
        check(specification.keySize == 256 && !specification.isUserAuthenticationRequired)
        check(specification.blockModes.toList() == listOf("GCM") && specification.isRandomizedEncryptionRequired)
        alias = specification.keystoreAlias
    }

    override fun engineInit(random: SecureRandom?) = error("it takes a specification")

    override fun engineInit(keySize: Int, random: SecureRandom?) = error("it takes a specification")

    override fun engineGenerateKey(): SecretKey {
        FakeKeystore.installed().failToMake()
        check(alias !in FakeKeystore.installed().keys) { "a living key is overwritten" }
        val bytes = ByteArray(32).also(SecureRandom()::nextBytes)
        return KeystoreAes(SecretKeySpec(bytes, "AES")).also { FakeKeystore.installed().keys[alias] = it }
    }
}

/** A pair of keys of the Keystore. */
internal class FakePair(val pair: KeyPair, val isInStrongBox: Boolean)

/** No provider knows how to sign with it. */
internal object UselessKey : java.security.PrivateKey {
    private fun readResolve(): Any = UselessKey

    override fun getAlgorithm() = "EC"

    override fun getFormat(): String? = null

    override fun getEncoded(): ByteArray? = null
}

internal class FakeKeyPairGenerator : KeyPairGeneratorSpi() {
    // The next provider's; asked for without one, it would be this.
    private val generator = KeyPairGenerator.getInstance("EC", Security.getProviders("KeyPairGenerator.EC").first { it !is FakeProvider })
    private var specification: android.security.keystore.KeyGenParameterSpec? = null

    override fun initialize(parameters: AlgorithmParameterSpec, random: SecureRandom?) {
        val specification = parameters as android.security.keystore.KeyGenParameterSpec
        check(specification.purposes == android.security.keystore.KeyProperties.PURPOSE_SIGN && !specification.isUserAuthenticationRequired)
        check(specification.digests.toList() == listOf("SHA-256"))
        generator.initialize(specification.algorithmParameterSpec)
        this.specification = specification
    }

    override fun initialize(keySize: Int, random: SecureRandom?) = error("it takes a specification")

    override fun generateKeyPair(): KeyPair {
        FakeKeystore.installed().failToMake()
        val specification = checkNotNull(specification) { "not initialized" }
        check(specification.keystoreAlias !in FakeKeystore.installed().pairs) { "a living key is overwritten" }
        val made = generator.generateKeyPair()
        FakeKeystore.installed().pairs[specification.keystoreAlias] = FakePair(made, specification.isStrongBoxBacked)
        return made
    }
}

/** As the Keystore wraps a public key: of no authority. */
private class FakeCertificate(private val key: PublicKey) : Certificate("X.509") {
    override fun getPublicKey() = key

    override fun getEncoded() = ByteArray(0)

    override fun verify(key: PublicKey) = Unit

    override fun verify(key: PublicKey, provider: String) = Unit

    override fun toString() = "a certificate"
}

internal class FakeKeyStoreSpi : KeyStoreSpi() {
    private val keystore get() = FakeKeystore.installed()

    override fun engineLoad(stream: InputStream?, password: CharArray?) = Unit

    override fun engineGetKey(alias: String, password: CharArray?): Key? {
        keystore.failOnCue(alias)
        if (keystore.denials > 0) {
            keystore.denials--
            return null
        }
        val pair = keystore.pairs[alias]
        if (pair != null && pair.isInStrongBox && !keystore.strongBoxWorks) return UselessKey
        return keystore.keys[alias] ?: pair?.pair?.private
    }

    override fun engineContainsAlias(alias: String) = alias in keystore.keys || alias in keystore.pairs

    override fun engineDeleteEntry(alias: String) {
        keystore.keys.remove(alias)
        keystore.pairs.remove(alias)
    }

    override fun engineAliases(): Enumeration<String> = Collections.enumeration(keystore.keys.keys)

    override fun engineSize() = keystore.keys.size

    override fun engineIsKeyEntry(alias: String) = alias in keystore.keys

    override fun engineIsCertificateEntry(alias: String) = false

    override fun engineGetCertificateChain(alias: String): Array<Certificate>? = null

    override fun engineGetCertificate(alias: String): Certificate? =
        keystore.pairs[alias]?.takeIf { keystore.certificatesAreReadable && keystore.outage == null }?.let { FakeCertificate(it.pair.public) }

    override fun engineGetCreationDate(alias: String): Date? = null

    override fun engineGetCertificateAlias(certificate: Certificate): String? = null

    override fun engineSetKeyEntry(alias: String, key: Key, password: CharArray?, chain: Array<Certificate>?) = refuse()

    override fun engineSetKeyEntry(alias: String, key: ByteArray, chain: Array<Certificate>?) = refuse()

    override fun engineSetCertificateEntry(alias: String, certificate: Certificate) = refuse()

    override fun engineStore(stream: OutputStream, password: CharArray?) = refuse()

    private fun refuse(): Nothing = throw UnsupportedOperationException("nothing is brought in from outside")
}

internal class FakeGcm : CipherSpi() {
    private val cipher = Cipher.getInstance("AES/GCM/NoPadding", "SunJCE")

    override fun engineInit(mode: Int, key: Key, random: SecureRandom?) {
        FakeKeystore.installed().failOnCue()
        cipher.init(mode, (key as KeystoreAes).bytes)
    }

    override fun engineInit(mode: Int, key: Key, parameters: AlgorithmParameterSpec?, random: SecureRandom?) {
        FakeKeystore.installed().failOnCue()
        if (mode == Cipher.ENCRYPT_MODE) throw java.security.InvalidAlgorithmParameterException("caller-provided IV not permitted")
        cipher.init(mode, (key as KeystoreAes).bytes, parameters as GCMParameterSpec)
    }

    override fun engineInit(mode: Int, key: Key, parameters: AlgorithmParameters?, random: SecureRandom?) =
        throw UnsupportedOperationException("a GCMParameterSpec, please")

    override fun engineUpdateAAD(source: ByteArray, offset: Int, length: Int) = cipher.updateAAD(source, offset, length)

    override fun engineUpdate(input: ByteArray, offset: Int, length: Int): ByteArray? = cipher.update(input, offset, length)

    override fun engineUpdate(input: ByteArray, offset: Int, length: Int, output: ByteArray, at: Int) =
        cipher.update(input, offset, length, output, at)

    override fun engineDoFinal(input: ByteArray?, offset: Int, length: Int): ByteArray {
        FakeKeystore.installed().failOnCue()
        return if (input == null) cipher.doFinal() else cipher.doFinal(input, offset, length)
    }

    override fun engineDoFinal(input: ByteArray, offset: Int, length: Int, output: ByteArray, at: Int) =
        cipher.doFinal(input, offset, length, output, at)

    override fun engineGetIV(): ByteArray? = cipher.iv

    override fun engineGetParameters(): AlgorithmParameters? = cipher.parameters

    override fun engineGetBlockSize() = cipher.blockSize

    override fun engineGetOutputSize(length: Int) = cipher.getOutputSize(length)

    override fun engineSetMode(mode: String) = Unit

    override fun engineSetPadding(padding: String) = Unit
}
