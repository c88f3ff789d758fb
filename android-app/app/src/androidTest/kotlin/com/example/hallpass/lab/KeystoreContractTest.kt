package com.example.hallpass.lab

import android.os.Build
import androidx.test.platform.app.InstrumentationRegistry
import dev.hallpass.android.KeystoreStore
import dev.hallpass.ports.StoreException
import kotlinx.coroutines.runBlocking
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import java.io.File
import java.security.KeyStore

/** The store over a real Keystore: what the fake one of the unit tests can only claim. */
class KeystoreContractTest {
    private val context = InstrumentationRegistry.getInstrumentation().targetContext
    private val store = KeystoreStore(context, NAME)
    private val folder = File(context.noBackupFilesDir, NAME)
    private val keystore = KeyStore.getInstance("AndroidKeyStore").apply { load(null) }

    @After
    fun clear() {
        folder.deleteRecursively()
        // The first key, and those that took its place.
        keystore.aliases().toList().filter { it.startsWith("$NAME.store") }.forEach(keystore::deleteEntry)
    }

    @Test
    fun valueSaved_loadsAgain_andIsNotToBeReadInTheFile() = runBlocking {
        store.save("entry", "a secret ü")
        assertEquals("a secret ü", KeystoreStore(context, NAME).load("entry"))
        assertFalse(File(folder, "entry").readBytes().decodeToString().contains("secret"))
        store.delete("entry")
        assertNull(store.load("entry"))
    }

    /** Since API 31 a missing key is certain; up to 30 the same answer may come from a Keystore that is dead, and passes. */
    @Test
    fun keyDeleted_entryIsInvalidatedOrFails_andTheNextValueIsSavedUnderANewKey() = runBlocking {
        store.save("entry", "value")
        keystore.deleteEntry("$NAME.store")
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) {
            assertThrows(StoreException.Invalidated::class.java) { runBlocking { store.load("entry") } }
            assertNull(store.load("entry"))
        } else {
            repeat(2) { assertThrows(StoreException.Failed::class.java) { runBlocking { store.load("entry") } } }
        }
        store.save("entry", "next")
        assertEquals("next", store.load("entry"))
        assertEquals("next", KeystoreStore(context, NAME).load("entry"))
        assertFalse("no key takes the place of one that may come back", keystore.containsAlias("$NAME.store"))
        assertTrue(keystore.containsAlias("$NAME.store.2"))
    }

    @Test
    fun keyThatLives_staysWhileAnEntryIsSavedAgain() = runBlocking {
        store.save("entry", "value")
        store.save("entry", "next")
        assertEquals(listOf("$NAME.store"), keystore.aliases().toList().filter { it.startsWith("$NAME.store") })
    }

    @Test
    fun bytesChanged_entryIsInvalidated() = runBlocking {
        store.save("entry", "value")
        val file = File(folder, "entry")
        file.writeBytes(file.readBytes().also { it[it.size - 1] = (it.last() + 1).toByte() })
        assertThrows(StoreException.Invalidated::class.java) { runBlocking { store.load("entry") } }
        Unit
    }

    private companion object {
        const val NAME = "contract-test"
    }
}
