package dev.hallpass.android

import android.content.Context
import android.security.KeyStoreException
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.UserNotAuthenticatedException
import dev.hallpass.ports.StoreException
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.runBlocking
import org.junit.After
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config
import java.io.File
import java.security.InvalidKeyException
import java.security.ProviderException
import java.security.UnrecoverableKeyException
import javax.crypto.AEADBadTagException

/** The store over a fake Keystore that throws on cue, and over the framework's own AtomicFile. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35])
class KeystoreStoreTest {
    private val context: Context = RuntimeEnvironment.getApplication()
    private val folder = File(context.noBackupFilesDir, "hallpass")
    private val entry = File(folder, NAME)
    private val aside = File(folder, ".$NAME")
    private lateinit var keystore: FakeKeystore
    private val store by lazy { KeystoreStore(context) }

    @Before
    fun install() {
        keystore = FakeKeystore()
        folder.deleteRecursively()
    }

    @After
    fun remove() = keystore.close()

    @Test
    fun `value saved, loads again in another store and is not to be read in the file`() = runBlocking {
        store.save(NAME, "a secret ü")
        assertEquals("a secret ü", KeystoreStore(context).load(NAME))
        assertEquals(listOf(NAME), store.list())
        val file = entry.readBytes()
        assertEquals(1.toByte(), file[0])
        assertFalse(file.decodeToString().contains("secret"))
        assertTrue(entry.path.contains("no_backup"))
    }

    @Test
    fun `same value saved twice, never has the same bytes`() = runBlocking {
        store.save(NAME, "value")
        val first = entry.readBytes()
        store.save(NAME, "value")
        assertFalse(first.contentEquals(entry.readBytes()))
    }

    @Test
    fun `entry never saved or deleted, is absent`() = runBlocking {
        assertNull(store.load(NAME))
        store.delete(NAME)
        store.save(NAME, "value")
        store.delete(NAME)
        assertNull(store.load(NAME))
        assertEquals(emptyList<String>(), store.list())
    }

    @Test
    fun `entry moved to another name, does not open there and is set aside`() = runBlocking {
        store.save(NAME, "value")
        entry.copyTo(File(folder, "other"))
        failure<StoreException.Invalidated> { store.load("other") }
        assertEquals("value", store.load(NAME))
        assertEquals(listOf(NAME), store.list())
    }

    @Test
    fun `key store that is busy once, is asked again`() = runBlocking {
        store.save(NAME, "value")
        keystore.failures += ProviderException("Keystore operation failed")
        assertEquals("value", store.load(NAME))
    }

    @Test
    fun `faults that may pass, destroy nothing`() = runBlocking {
        store.save(NAME, "value")
        val before = entry.readBytes()
        val busy = KeyStoreException(SYSTEM_ERROR, "busy")
        val faults = listOf(
            ProviderException("Keystore operation failed") to StoreException.Failed::class,
            ProviderException(KeyStoreException(SYSTEM_ERROR, "restarting")) to StoreException.Failed::class,
            InvalidKeyException("Keystore operation failed", busy) to StoreException.Failed::class,
            InvalidKeyException("no reason") to StoreException.Failed::class,
            IllegalStateException("anything") to StoreException.Failed::class,
            UserNotAuthenticatedException() to StoreException.Locked::class,
            InvalidKeyException(KeyStoreException(LOCKED, "locked")) to StoreException.Locked::class,
        )
        for ((fault, expected) in faults) {
            repeat(2) { keystore.failures += fault }
            assertEquals("$fault", expected, failure<StoreException> { store.load(NAME) }::class)
            repeat(2) { keystore.failures.addLast(fault) }
            assertEquals("$fault", expected, failure<StoreException> { store.save(NAME, "next") }::class)
            keystore.failures.clear()
            assertArrayEquals("$fault", before, entry.readBytes())
            assertEquals("value", store.load(NAME))
        }
        assertEquals(1, keystore.keys.size)
    }

    @Test
    fun `key gone for good, the entry is set aside, reported once, and a new value goes under a new key`() = runBlocking {
        val faults = listOf(
            KeyPermanentlyInvalidatedException(),
            ProviderException(KeyPermanentlyInvalidatedException()),
            UnrecoverableKeyException("Failed to obtain information about key"),
            InvalidKeyException(KeyStoreException(VALUE_CORRUPTED, "corrupted")),
            ProviderException(KeyStoreException(KEY_NOT_FOUND, "gone")),
        )
        for (fault in faults) {
            store.save(NAME, "value")
            val sealed = entry.readBytes()
            keystore.failures += fault
            failure<StoreException.Invalidated> { store.load(NAME) }
            assertTrue("$fault", keystore.keys.isEmpty())
            assertArrayEquals("$fault: set aside, not destroyed", sealed, aside.readBytes())
            assertNull(store.load(NAME))
            store.save(NAME, "again")
            assertEquals("again", store.load(NAME))
            store.delete(NAME)
            assertFalse(aside.exists())
        }
    }

    @Test
    fun `key gone while saving, the value in hand is saved under a new key`() = runBlocking {
        store.save(NAME, "value")
        keystore.failures += KeyPermanentlyInvalidatedException()
        store.save(NAME, "next")
        assertEquals("next", store.load(NAME))
    }

    @Test
    fun `entry without its key, as after a restored backup, is invalidated`() = runBlocking {
        store.save(NAME, "value")
        keystore.keys.clear()
        failure<StoreException.Invalidated> { store.load(NAME) }
        assertNull(store.load(NAME))
    }

    @Test
    fun `entry that is damaged in any way, is set aside and the key stays`() = runBlocking {
        store.save("other", "other value")
        store.save(NAME, "value")
        val sealed = entry.readBytes()
        val changed = sealed.clone().also { it[20] = (it[20] + 1).toByte() }
        val damaged = listOf(ByteArray(0), sealed.copyOf(20), sealed.copyOf(sealed.size - 1), changed, byteArrayOf(0) + sealed)
        for (content in damaged) {
            entry.writeBytes(content)
            failure<StoreException.Invalidated> { store.load(NAME) }
            assertFalse(entry.exists())
        }
        keystore.failures += listOf(AEADBadTagException("on cue"))
        entry.writeBytes(sealed)
        failure<StoreException.Invalidated> { store.load(NAME) }
        assertEquals("other value", store.load("other"))
    }

    @Test
    fun `entry of a newer version, is left as it is`() = runBlocking {
        store.save(NAME, "value")
        val newer = entry.readBytes().also { it[0] = 2 }
        entry.writeBytes(newer)
        failure<StoreException.Failed> { store.load(NAME) }
        assertArrayEquals(newer, entry.readBytes())
    }

    @Test
    fun `write that was cut off by the end of the process, leaves the value before`() = runBlocking {
        store.save(NAME, "value")
        File(folder, "$NAME.new").writeBytes(byteArrayOf(1, 2, 3))
        assertEquals("value", store.load(NAME))
        assertEquals(listOf(NAME), store.list())
    }

    @Test
    fun `many at once in several stores, each finds what was saved`() = runBlocking {
        (1..40).map { async { KeystoreStore(context).save("entry$it", "value$it") } }.awaitAll()
        val loaded = (1..40).map { async { KeystoreStore(context).load("entry$it") } }.awaitAll()
        assertEquals((1..40).map { "value$it" }, loaded)
        assertEquals(1, keystore.keys.size)
    }

    private companion object {
        // The keystore daemon's own codes, from which the public ones are made.
        const val LOCKED = 2
        const val SYSTEM_ERROR = 4
        const val KEY_NOT_FOUND = 7
        const val VALUE_CORRUPTED = 8

        const val NAME = "session.0f1e.ada+work@example.com"
    }
}

/** The [E] that [work] throws. */
internal suspend inline fun <reified E : Exception> failure(crossinline work: suspend () -> Unit): E {
    try {
        work()
    } catch (error: Exception) {
        return error as? E ?: throw AssertionError("another error", error)
    }
    throw AssertionError("no ${E::class.simpleName}")
}
