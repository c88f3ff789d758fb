package dev.hallpass.android

import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties
import dev.hallpass.store.KeyRing
import java.security.KeyStore
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey

/**
 * AES-256 keys of the Android Keystore, which makes the IVs itself. They stay in the TEE: StrongBox is too slow for data, and
 * on many devices too unreliable to hang a session on.
 *
 * @param alias the name of the first key; a later one has its number after it
 */
internal class KeystoreKeys(private val alias: String) : KeyRing {
    override fun existing(number: Int): SecretKey? = keystore().getKey(alias(number), null) as SecretKey?

    override fun create(number: Int): SecretKey {
        val purposes = KeyProperties.PURPOSE_ENCRYPT or KeyProperties.PURPOSE_DECRYPT
        val parameters = KeyGenParameterSpec.Builder(alias(number), purposes)
            .setBlockModes(KeyProperties.BLOCK_MODE_GCM)
            .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_NONE)
            .setKeySize(KEY_BITS)
            .build()
        return KeyGenerator.getInstance(KeyProperties.KEY_ALGORITHM_AES, ANDROID_KEYSTORE).run {
            init(parameters)
            generateKey()
        }
    }

    private fun alias(number: Int) = if (number == 1) alias else "$alias.$number"

    private companion object {
        const val KEY_BITS = 256
    }
}

internal const val ANDROID_KEYSTORE = "AndroidKeyStore"

internal fun keystore(): KeyStore = KeyStore.getInstance(ANDROID_KEYSTORE).apply { load(null) }
