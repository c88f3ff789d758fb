package dev.hallpass.android

import android.content.Context
import android.os.UserManager
import dev.hallpass.ports.SecureStore
import dev.hallpass.store.EncryptedStore
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import java.io.File

/**
 * The secure store of Android: AES-256-GCM under a key in the Android Keystore, in files that no backup and no transfer to
 * another device takes along.
 *
 * The key is not bound to the user's authentication, so that tokens can be renewed in the background; [BiometricGate] is
 * what asks for a finger. Trouble of the Keystore is told apart: what may pass destroys nothing, and what can never be
 * read again is set aside and reported as [dev.hallpass.ports.StoreException.Invalidated].
 *
 * One process of the app may use it at a time.
 *
 * @param context any; the application's is kept
 * @param name tells several stores of one app apart: a name for a folder and for a key
 */
public class KeystoreStore(
    context: Context,
    name: String = "hallpass",
    dispatcher: CoroutineDispatcher = Dispatchers.IO,
) : SecureStore by store(context.applicationContext ?: context, name, dispatcher)

private fun store(context: Context, name: String, dispatcher: CoroutineDispatcher): EncryptedStore {
    require(name.isNotEmpty() && name.all { it.isLetterOrDigit() || it == '-' || it == '_' }) { "not a name: $name" }
    val users = context.getSystemService(UserManager::class.java)
    val folder = AtomicFolder(
        // Asked for when it is used: before the first unlock there is none.
        folder = { File(context.noBackupFilesDir, name) },
        isUnlocked = { users?.isUserUnlocked != false },
    )
    return EncryptedStore("${context.packageName}/$name", KeystoreKey("$name.store"), folder, KeystoreFaults, dispatcher)
}
