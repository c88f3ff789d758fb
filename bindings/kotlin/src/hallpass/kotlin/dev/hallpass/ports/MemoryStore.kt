package dev.hallpass.ports

import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicLong

/** A store that ends with the process: for tests and previews. Sessions that share one see each other's entries. */
public class MemoryStore : SecureStore {
    private val entries = ConcurrentHashMap<String, String>()

    override val identity: String = "memory:${made.incrementAndGet()}"

    override suspend fun load(name: String): String? = entries[name]

    override suspend fun save(name: String, value: String) {
        entries[name] = value
    }

    override suspend fun delete(name: String) {
        entries.remove(name)
    }

    override suspend fun list(): List<String> = entries.keys.toList()

    private companion object {
        val made = AtomicLong()
    }
}
