package dev.hallpass.android

import android.content.Context
import android.os.UserManager
import dev.hallpass.ports.SecureStore
import dev.hallpass.store.EncryptedStore
import dev.hallpass.store.Retries
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import java.io.File

/**
 * The secure store of Android: AES-256-GCM with a key in the Android Keystore, in files that neither a backup nor a transfer
 * to another device copies.
 *
 * The key is not bound to the user's authentication, so that tokens can be renewed in the background; [BiometricGate] asks
 * the user. Errors of the Keystore are distinguished, and an error counts only if it persists for two seconds. A temporary
 * error destroys nothing. Entries that can never be read again are set aside and reported as
 * [dev.hallpass.ports.StoreException.Invalidated]. If the key works again, so do its entries at the next start. If it never
 * does, the next login is encrypted with a new key.
 */
public class KeystoreStore internal constructor(store: EncryptedStore) : SecureStore by store {
    /**
     * Opens the store.
     *
     * @param context any; the application's is kept
     * @param name distinguishes several stores of one app: a name for a folder and for a key
     * @param dispatcher where the blocking work is done
     */
    public constructor(
        context: Context,
        name: String = "hallpass",
        dispatcher: CoroutineDispatcher = Dispatchers.IO,
    ) : this(keystoreStore(context, name, dispatcher))
}

internal fun keystoreStore(
    context: Context,
    name: String = "hallpass",
    dispatcher: CoroutineDispatcher = Dispatchers.IO,
    faults: KeystoreFaults = KeystoreFaults(),
    retries: Retries = Retries(faults),
): EncryptedStore {
    require(name.isNotEmpty() && name.all { it.isLetterOrDigit() || it == '-' || it == '_' }) { "not a name: $name" }
    val application = context.applicationContext ?: context
    val users = application.getSystemService(UserManager::class.java)
    val folder = AtomicFolder(
        // Asked for when it is used: before the first unlock there is none.
        folder = { File(application.noBackupFilesDir, name) },
        isUnlocked = { users?.isUserUnlocked != false },
    )
    return EncryptedStore("${application.packageName}/$name", KeystoreKeys("$name.store"), folder, faults, dispatcher, retries)
}
