package dev.hallpass.android

import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties
import dev.hallpass.store.KeyKeeper
import java.security.KeyStore
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey

/**
 * One AES-256 key of the Android Keystore, which makes the IVs itself. It stays in the TEE: StrongBox is too slow for
 * data, and on many devices too unreliable to hang a session on.
 */
internal class KeystoreKey(private val alias: String) : KeyKeeper {
    override fun existing(): SecretKey? = keystore().getKey(alias, null) as SecretKey?

    override fun create(): SecretKey {
        val purposes = KeyProperties.PURPOSE_ENCRYPT or KeyProperties.PURPOSE_DECRYPT
        val parameters = KeyGenParameterSpec.Builder(alias, purposes)
            .setBlockModes(KeyProperties.BLOCK_MODE_GCM)
            .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_NONE)
            .setKeySize(KEY_BITS)
            .build()
        return KeyGenerator.getInstance(KeyProperties.KEY_ALGORITHM_AES, ANDROID_KEYSTORE).run {
            init(parameters)
            generateKey()
        }
    }

    override fun delete() = keystore().run { if (containsAlias(alias)) deleteEntry(alias) }

    private companion object {
        const val KEY_BITS = 256
    }
}

internal const val ANDROID_KEYSTORE = "AndroidKeyStore"

internal fun keystore(): KeyStore = KeyStore.getInstance(ANDROID_KEYSTORE).apply { load(null) }
