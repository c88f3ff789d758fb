package dev.hallpass.store

import dev.hallpass.ports.SecureStore
import dev.hallpass.ports.StoreException
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.delay
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlinx.coroutines.withContext
import java.io.IOException
import java.util.concurrent.ConcurrentHashMap
import javax.crypto.SecretKey
import kotlin.random.Random
import kotlin.time.Duration.Companion.milliseconds

/**
 * A store of encrypted files under a key that never leaves its keeper: what `KeystoreStore` is on Android, without
 * anything of Android's, so that it is tested on any JVM.
 *
 * What goes wrong is told apart (see [Fault]): a fault that may pass destroys nothing, and what can never be read again is
 * set aside, not deleted. Everything runs under one mutex for all stores of one identity in this process.
 *
 * @param identity names the folder and the key
 * @param keeper keeps the key
 * @param folder keeps the files
 * @param faults knows the platform's own exceptions
 * @param dispatcher where the blocking work is done
 */
public class EncryptedStore(
    override val identity: String,
    private val keeper: KeyKeeper,
    private val folder: EntryFolder,
    private val faults: FaultFinder,
    private val dispatcher: CoroutineDispatcher = Dispatchers.IO,
) : SecureStore {
    private val mutex = mutexes.computeIfAbsent(identity) { Mutex() }

    override suspend fun load(name: String): String? = alone {
        try {
            val sealed = folder.read(name) ?: return@alone null
            patiently {
                val key = keeper.existing() ?: throw NoKey()
                val plain = Envelope.open(sealed, name, key)
                try {
                    plain.decodeToString(throwOnInvalidSequence = true)
                } finally {
                    plain.fill(0)
                }
            }
        } catch (@Suppress("TooGenericExceptionCaught") error: Exception) {
            throw afterFailedLoad(name, error)
        }
    }

    override suspend fun save(name: String, value: String): Unit = alone {
        val plain = value.encodeToByteArray()
        try {
            folder.write(name, sealed(plain, name))
        } catch (@Suppress("TooGenericExceptionCaught") error: Exception) {
            throw failure(error)
        } finally {
            plain.fill(0)
        }
    }

    override suspend fun delete(name: String): Unit = alone {
        try {
            folder.delete(name)
        } catch (error: IOException) {
            throw failure(error)
        }
    }

    override suspend fun list(): List<String> = alone {
        try {
            folder.names()
        } catch (error: IOException) {
            throw failure(error)
        }
    }

    /** A dead key has nothing left to protect: what it sealed is unreadable, so a new value goes under a new key. */
    private suspend fun sealed(plain: ByteArray, name: String): ByteArray =
        try {
            patiently { Envelope.seal(plain, name, keeper.existing() ?: keeper.create()) }
        } catch (@Suppress("TooGenericExceptionCaught") error: Exception) {
            if (fault(error) != Fault.KeyGone) throw error
            keeper.delete()
            Envelope.seal(plain, name, keeper.create())
        }

    private fun afterFailedLoad(name: String, error: Exception): StoreException {
        val fault = fault(error)
        try {
            if (fault == Fault.KeyGone) keeper.delete()
            if (fault == Fault.KeyGone || fault == Fault.Damaged) folder.setAside(name)
        } catch (@Suppress("TooGenericExceptionCaught") another: Exception) {
            // Next time, then: the entry is still there, and is found unreadable again.
            error.addSuppressed(another)
        }
        return failure(error)
    }

    private fun failure(error: Exception): StoreException = when (fault(error)) {
        Fault.Locked -> StoreException.Locked(error)
        Fault.Passing, Fault.Unknown -> StoreException.Failed(error)
        Fault.KeyGone, Fault.Damaged -> StoreException.Invalidated(error)
    }

    private fun fault(error: Exception): Fault = faults.judge(error)

    /** A keeper that is busy is asked once more. */
    private suspend fun <T> patiently(work: () -> T): T =
        try {
            work()
        } catch (@Suppress("TooGenericExceptionCaught") error: Exception) {
            if (fault(error) != Fault.Passing) throw error
            delay(Random.nextInt(RETRY_MILLISECONDS).milliseconds)
            work()
        }

    private suspend fun <T> alone(work: suspend () -> T): T = withContext(dispatcher) { mutex.withLock { work() } }

    private companion object {
        const val RETRY_MILLISECONDS = 40
        val mutexes = ConcurrentHashMap<String, Mutex>()
    }
}

/** Keeps one AES-256 key; whatever it throws is for [FaultFinder.judge]. */
public interface KeyKeeper {
    /** The key, or `null` when there is none. */
    public fun existing(): SecretKey?

    /** Makes the key, in place of one that may be there. */
    public fun create(): SecretKey

    /** Deletes the key; it is no error when there is none. */
    public fun delete()
}

/** Keeps one file for each entry. A file is replaced whole and is durable when [write] returns. */
public interface EntryFolder {
    /** What was written last for [name]; `null` when nothing was. */
    @Throws(IOException::class)
    public fun read(name: String): ByteArray?

    /** Writes [content] for [name]. */
    @Throws(IOException::class)
    public fun write(name: String, content: ByteArray)

    /** Deletes what was written for [name], and what was set aside of it. */
    @Throws(IOException::class)
    public fun delete(name: String)

    /** Moves what was written for [name] to where [read] and [names] do not find it. */
    @Throws(IOException::class)
    public fun setAside(name: String)

    /** The names that [read] finds something for. */
    @Throws(IOException::class)
    public fun names(): List<String>
}
