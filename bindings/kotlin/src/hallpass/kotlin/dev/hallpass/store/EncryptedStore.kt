package dev.hallpass.store

import dev.hallpass.ports.SecureStore
import dev.hallpass.ports.StoreException
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlinx.coroutines.withContext
import java.io.IOException
import java.util.concurrent.ConcurrentHashMap
import javax.crypto.SecretKey

/**
 * A store of encrypted files under keys that never leave their keeper: what `KeystoreStore` is on Android, without
 * anything of Android's, so that it is tested on any JVM.
 *
 * What goes wrong is told apart (see [Fault]), and the key is asked again over two seconds before that is believed.
 * - Nothing is deleted on a read, and no key is ever deleted or made anew in the place of another.
 * - An entry that can never be read again is set aside. Each new store, so each start of the app, tries it once more while
 *   nothing else was saved under its name, and brings it back when it can be read.
 * - A value is saved although the present key cannot be used: under a new key with the next number. What was sealed under
 *   the earlier ones stays readable as soon as they work again.
 *
 * Everything runs under one mutex for all stores of one identity in this process.
 *
 * @param identity names the folder and the keys
 * @param keys keeps the keys
 * @param folder keeps the files
 * @param faults knows the platform's own exceptions
 * @param dispatcher where the blocking work is done
 * @param retries asks the keeper again
 */
public class EncryptedStore(
    override val identity: String,
    private val keys: KeyRing,
    private val folder: EntryFolder,
    private val faults: FaultFinder,
    private val dispatcher: CoroutineDispatcher = Dispatchers.IO,
    private val retries: Retries = Retries(faults),
) : SecureStore {
    private val mutex = mutexes.computeIfAbsent(identity) { Mutex() }

    /** The entries that were set aside, and that this store does not try again. Guarded by [mutex]. */
    private val given = HashSet<String>()

    override suspend fun load(name: String): String? = alone {
        val sealed = inFolder { folder.read(name) } ?: return@alone loadedFromAside(name)
        try {
            retries.run { opened(sealed, name) }
        } catch (cancelled: CancellationException) {
            throw cancelled
        } catch (@Suppress("TooGenericExceptionCaught") error: Exception) {
            throw afterFailedLoad(name, error)
        }
    }

    override suspend fun save(name: String, value: String): Unit = alone {
        val plain = value.encodeToByteArray()
        try {
            val sealed = sealed(plain, name)
            if (isUnderAnotherKey(name, sealed)) folder.setAside(name)
            folder.write(name, sealed)
        } catch (cancelled: CancellationException) {
            throw cancelled
        } catch (@Suppress("TooGenericExceptionCaught") error: Exception) {
            // Nothing that was saved is gone by this.
            throw if (faults.judge(error) == Fault.Locked) StoreException.Locked(error) else StoreException.Failed(error)
        } finally {
            plain.fill(0)
        }
    }

    override suspend fun delete(name: String): Unit = alone { inFolder { folder.delete(name) } }

    override suspend fun list(): List<String> = alone { inFolder { folder.names() } }

    private fun opened(sealed: ByteArray, name: String): String {
        val plain = Envelope.open(sealed, name, keys.existing(Envelope.keyNumber(sealed)) ?: throw NoKey())
        return try {
            plain.decodeToString(throwOnInvalidSequence = true)
        } finally {
            plain.fill(0)
        }
    }

    /** What was set aside at an earlier start may be readable by now. It is asked for once, since it was reported already. */
    private fun loadedFromAside(name: String): String? {
        if (name in given) return null
        val sealed = inFolder { folder.readAside(name) }
        if (sealed != null) {
            try {
                return opened(sealed, name).also { folder.bringBack(name) }
            } catch (@Suppress("TooGenericExceptionCaught") error: Exception) {
                if (faults.judge(error) == Fault.Locked) throw StoreException.Locked(error)
            }
        }
        given += name
        return null
    }

    private fun afterFailedLoad(name: String, error: Exception): StoreException {
        val fault = faults.judge(error)
        if (fault == Fault.KeyGone || fault == Fault.Damaged) {
            try {
                folder.setAside(name)
                given += name
            } catch (another: IOException) {
                // Next time, then: the entry is still there, and is found unreadable again.
                error.addSuppressed(another)
            }
        }
        return failure(error)
    }

    /**
     * Seals under the key that was used last, or, when that one cannot be used, under the next one: a value that arrived is
     * worth more than a key that may come back.
     */
    private suspend fun sealed(plain: ByteArray, name: String): ByteArray {
        val latest = latestKey()
        val present = latest ?: Envelope.KEYS.first
        return try {
            retries.run {
                // Where nothing is sealed, the first key is made. Where something is, a missing key may be a dead keeper.
                val key = keys.existing(present) ?: if (latest == null) keys.create(present) else throw NoKey()
                Envelope.seal(plain, name, present, key)
            }
        } catch (cancelled: CancellationException) {
            throw cancelled
        } catch (@Suppress("TooGenericExceptionCaught") error: Exception) {
            if (faults.judge(error) == Fault.Locked) throw error
            sealedAnew(plain, name, present, error)
        }
    }

    private fun sealedAnew(plain: ByteArray, name: String, present: Int, error: Exception): ByteArray {
        for (next in present + 1..minOf(present + NEW_KEYS, Envelope.KEYS.last)) {
            try {
                // One that is there already is left from an entry that was deleted, and serves.
                return Envelope.seal(plain, name, next, keys.existing(next) ?: keys.create(next))
            } catch (@Suppress("TooGenericExceptionCaught") another: Exception) {
                error.addSuppressed(another)
            }
        }
        throw error
    }

    /** The highest number of a key that anything is sealed under. */
    private fun latestKey(): Int? =
        (folder.names().map(folder::read) + folder.namesAside().map(folder::readAside)).filterNotNull().mapNotNull(::keyNumber).maxOrNull()

    private fun isUnderAnotherKey(name: String, sealed: ByteArray): Boolean {
        val before = folder.read(name)?.let(::keyNumber) ?: return false
        return before != keyNumber(sealed)
    }

    private fun keyNumber(sealed: ByteArray): Int? =
        try {
            Envelope.keyNumber(sealed)
        } catch (damaged: DamagedEnvelope) {
            null
        } catch (newer: UnknownEnvelope) {
            null
        }

    private fun failure(error: Exception): StoreException = when (faults.judge(error)) {
        Fault.Locked -> StoreException.Locked(error)
        Fault.Passing, Fault.Unknown -> StoreException.Failed(error)
        Fault.KeyGone, Fault.Damaged -> StoreException.Invalidated(error)
    }

    private fun <T> inFolder(work: () -> T): T =
        try {
            work()
        } catch (error: IOException) {
            throw failure(error)
        }

    private suspend fun <T> alone(work: suspend () -> T): T = withContext(dispatcher) { mutex.withLock { work() } }

    private companion object {
        /** How many new keys are tried: the first ones may be as unusable as the present one. */
        const val NEW_KEYS = 3
        val mutexes = ConcurrentHashMap<String, Mutex>()
    }
}

/** Keeps the AES-256 keys of one store, each under a number from 1 on; whatever it throws is for [FaultFinder.judge]. */
public interface KeyRing {
    /** The key with this [number], or `null` when there is none. */
    public fun existing(number: Int): SecretKey?

    /** Makes the key with this [number]. Called only where nothing is sealed under it. */
    public fun create(number: Int): SecretKey
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

    /** Moves what was written for [name] to where only [readAside] and [namesAside] find it. */
    @Throws(IOException::class)
    public fun setAside(name: String)

    /** What was set aside for [name] last; `null` when nothing was. */
    @Throws(IOException::class)
    public fun readAside(name: String): ByteArray?

    /** Moves what was set aside for [name] to where [read] finds it. */
    @Throws(IOException::class)
    public fun bringBack(name: String)

    /** The names that [read] finds something for. */
    @Throws(IOException::class)
    public fun names(): List<String>

    /** The names that [readAside] finds something for. */
    @Throws(IOException::class)
    public fun namesAside(): List<String>
}
