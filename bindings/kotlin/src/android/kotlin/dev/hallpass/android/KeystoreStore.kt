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
 * The secure store of Android: AES-256-GCM under a key in the Android Keystore, in files that no backup and no transfer to
 * another device takes along.
 *
 * The key is not bound to the user's authentication, so that tokens can be renewed in the background; [BiometricGate] is
 * what asks for a finger. Trouble of the Keystore is told apart, and the key is asked again over two seconds before that is
 * believed: what may pass destroys nothing, and what can never be read again is set aside and reported as
 * [dev.hallpass.ports.StoreException.Invalidated]. A key that comes back brings its entries back at the next start, and a key
 * that never works again stands in nobody's way: the next login is sealed under a new one.
 */
public class KeystoreStore internal constructor(store: EncryptedStore) : SecureStore by store {
    /**
     * Opens the store.
     *
     * @param context any; the application's is kept
     * @param name tells several stores of one app apart: a name for a folder and for a key
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
