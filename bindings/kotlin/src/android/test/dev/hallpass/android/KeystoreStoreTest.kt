package dev.hallpass.android

import android.content.Context
import android.security.KeyStoreException
import android.security.keystore.BackendBusyException
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.UserNotAuthenticatedException
import dev.hallpass.ports.StoreException
import dev.hallpass.store.Fault
import dev.hallpass.store.Retries
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
import javax.crypto.spec.SecretKeySpec
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** The store over a fake Keystore that throws on cue, and over the framework's own AtomicFile. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35])
class KeystoreStoreTest {
    private val context: Context = RuntimeEnvironment.getApplication()
    private val folder = File(context.noBackupFilesDir, "hallpass")
    private val entry = File(folder, NAME)
    private val aside = File(folder, ".$NAME")
    private lateinit var keystore: FakeKeystore
    private val store by lazy { started() }

    /** How long the stores have waited for the Keystore, without anybody waiting. */
    private var waited = Duration.ZERO

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
        assertEquals(listOf<Byte>(2, 0, 1), file.take(3))
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
    fun `key store that is busy for less than two seconds, is asked again`() = runBlocking {
        store.save(NAME, "value")
        repeat(4) { keystore.failures += ProviderException("Keystore operation failed") }
        assertEquals("value", store.load(NAME))
        assertTrue("$waited", waited in 500.milliseconds..2.seconds)
    }

    @Test
    fun `key store that says how long it is busy, is asked again after that`() = runBlocking {
        store.save(NAME, "value")
        keystore.failures += BackendBusyException(70L)
        assertEquals("value", store.load(NAME))
        assertEquals(70.milliseconds, waited)
    }

    @Test
    fun `each fault that lasts, on each version of Android, means what the table says and destroys nothing`() = runBlocking {
        store.save(NAME, "value")
        val sealed = entry.readBytes()
        for (level in listOf(26, 28, 30, 31, 33, 35)) {
            for (code in KeystoreFaultsTest.CODES.keys) {
                val outage = UnrecoverableKeyException("Failed to obtain information about key").apply { initCause(KeyStoreException(code, "")) }
                val expected = expected(KeystoreFaults(level).judge(outage))
                keystore.outage = outage
                waited = Duration.ZERO
                assertEquals("API $level, $code", expected, failure<StoreException> { started(level).load(NAME) }::class)
                if (expected != StoreException.Locked::class) assertEquals("API $level, $code", 2.seconds, waited)
                // While everything fails, nothing is saved, and what is there stays.
                failure<StoreException> { started(level).save(NAME, "next") }
                val kept = if (expected == StoreException.Invalidated::class) aside else entry
                assertArrayEquals("API $level, $code", sealed, kept.readBytes())
                keystore.outage = null
                assertEquals("API $level, $code: the next start", "value", started(level).load(NAME))
            }
        }
        assertEquals(1, keystore.keys.size)
    }

    @Test
    fun `anything else that is thrown, destroys nothing`() = runBlocking {
        store.save(NAME, "value")
        val before = entry.readBytes()
        for (fault in listOf(InvalidKeyException("no reason"), IllegalStateException("anything"))) {
            keystore.outage = fault
            failure<StoreException.Failed> { store.load(NAME) }
            failure<StoreException.Failed> { store.save(NAME, "next") }
            keystore.outage = null
            assertArrayEquals("$fault", before, entry.readBytes())
            assertEquals("value", store.load(NAME))
        }
    }

    @Test
    fun `key gone for good, reported once, the key stays and a new value goes under a new one`() = runBlocking {
        val faults = listOf(
            KeyPermanentlyInvalidatedException(),
            ProviderException(KeyPermanentlyInvalidatedException()),
            InvalidKeyException(KeyStoreException(VALUE_CORRUPTED, "corrupted")),
            ProviderException(KeyStoreException(KEY_NOT_FOUND, "gone")),
        )
        for ((round, fault) in faults.withIndex()) {
            store.save(NAME, "value")
            val sealed = entry.readBytes()
            keystore.broken["hallpass.store" + if (round == 0) "" else ".${round + 1}"] = fault
            failure<StoreException.Invalidated> { store.load(NAME) }
            assertArrayEquals("$fault: set aside, not destroyed", sealed, aside.readBytes())
            assertNull(store.load(NAME))
            assertNull("not reported again", started().load(NAME))
            store.save(NAME, "again")
            assertEquals("again", store.load(NAME))
            assertEquals("again", started().load(NAME))
            assertEquals("no key is deleted", round + 2, keystore.keys.size)
        }
        store.delete(NAME)
        assertFalse(aside.exists())
    }

    @Test
    fun `key that comes back, brings the entry back at the next start`() = runBlocking {
        store.save(NAME, "value")
        keystore.outage = KeyPermanentlyInvalidatedException()
        failure<StoreException.Invalidated> { store.load(NAME) }
        assertNull(started().load(NAME))
        keystore.outage = UserNotAuthenticatedException()
        failure<StoreException.Locked> { started().load(NAME) }
        keystore.outage = null
        assertEquals("value", started().load(NAME))
        assertEquals("value", store.load(NAME))
        assertFalse(aside.exists())
    }

    @Test
    fun `key that is never usable again, a value is saved under a new key and the others wait for theirs`() = runBlocking {
        store.save("other", "other value")
        store.save(NAME, "value")
        keystore.broken["hallpass.store"] = InvalidKeyException(KeyStoreException(INVALID_KEY_BLOB, "Invalid key blob"))
        failure<StoreException.Failed> { store.load(NAME) }
        store.save(NAME, "next")
        assertEquals("next", started().load(NAME))
        assertTrue("what it replaced is kept", aside.exists())
        failure<StoreException.Failed> { store.load("other") }
        // As after a logout: nothing is sealed, and the first key is as unusable as before.
        store.delete(NAME)
        store.delete("other")
        store.save(NAME, "after a logout")
        assertEquals("after a logout", started().load(NAME))
        keystore.broken.clear()
        assertEquals(2, keystore.keys.size)
    }

    @Test
    fun `daemon that is dead and says that there is no key, up to API 30, changes nothing`() = runBlocking {
        store.save(NAME, "value")
        val before = entry.readBytes()
        keystore.denials = 100
        failure<StoreException.Failed> { started(30).load(NAME) }
        assertArrayEquals(before, entry.readBytes())
        keystore.denials = 0
        assertEquals("value", started(30).load(NAME))
        assertEquals(1, keystore.keys.size)
    }

    @Test
    fun `key store that says for a moment that a key is gone, is not believed`() = runBlocking {
        store.save(NAME, "value")
        repeat(3) { keystore.failures += KeyPermanentlyInvalidatedException() }
        assertEquals("value", store.load(NAME))
        assertEquals(1, keystore.keys.size)
    }

    @Test
    fun `entry without its key, as after a restored backup, is invalidated`() = runBlocking {
        store.save(NAME, "value")
        keystore.keys.clear()
        failure<StoreException.Invalidated> { store.load(NAME) }
        assertNull(store.load(NAME))
    }

    @Test
    fun `entry of version 1, as the first release wrote it, loads, and is written as version 2`() = runBlocking {
        keystore.keys["hallpass.store"] = KeystoreAes(SecretKeySpec(ByteArray(32) { it.toByte() }, "AES"))
        folder.mkdirs()
        entry.writeBytes(hex(VERSION_1))
        assertEquals("a secret ü", store.load(NAME))
        store.save(NAME, "next")
        assertEquals(listOf<Byte>(2, 0, 1), entry.readBytes().take(3))
        assertEquals("next", store.load(NAME))
    }

    @Test
    fun `entry of version 2, as this release writes it, loads`() = runBlocking {
        keystore.keys["hallpass.store.258"] = KeystoreAes(SecretKeySpec(ByteArray(32) { it.toByte() }, "AES"))
        folder.mkdirs()
        entry.writeBytes(hex(VERSION_2))
        assertEquals("a secret ü", store.load(NAME))
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
        val newer = entry.readBytes().also { it[0] = 3 }
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

    /** The store of an app that starts, on a device with this version of Android. */
    private fun started(level: Int = 35): KeystoreStore {
        val faults = KeystoreFaults(level)
        return KeystoreStore(keystoreStore(context, faults = faults, retries = Retries(faults) { waited += it }))
    }

    private fun expected(fault: Fault) = when (fault) {
        Fault.Locked -> StoreException.Locked::class
        Fault.KeyGone, Fault.Damaged -> StoreException.Invalidated::class
        Fault.Passing, Fault.Unknown -> StoreException.Failed::class
    }

    private fun hex(text: String): ByteArray = text.chunked(2).map { it.toInt(16).toByte() }.toByteArray()

    private companion object {
        // The keystore daemon's own codes, from which the public ones are made.
        const val KEY_NOT_FOUND = 7
        const val VALUE_CORRUPTED = 8
        const val INVALID_KEY_BLOB = -33

        const val NAME = "session.0f1e.ada+work@example.com"

        // "a secret ü" under the key 00 01 .. 1f, with the IV 0f 0e .. 04, made by another implementation of AES-GCM.
        const val VERSION_1 = "010f0e0d0c0b0a090807060504c510c23938a5cadacb1c0d353fcd38def8abf59caf3c52651479e0"

        /** The key has the number 258. */
        const val VERSION_2 = "0201020f0e0d0c0b0a090807060504c510c23938a5cadacb1c0de380a64a6d2930d6003ab3d775beeed6"
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
