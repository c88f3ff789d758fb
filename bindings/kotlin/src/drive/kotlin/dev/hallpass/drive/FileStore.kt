package dev.hallpass.drive

import dev.hallpass.ports.SecureStore
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import java.io.File
import java.nio.ByteBuffer
import java.nio.channels.FileChannel
import java.nio.file.Files
import java.nio.file.StandardCopyOption.ATOMIC_MOVE
import java.nio.file.StandardCopyOption.REPLACE_EXISTING
import java.nio.file.StandardOpenOption.READ
import java.nio.file.StandardOpenOption.WRITE

/** Plain text in a folder that several processes may share: for tests, and nothing else. */
internal class FileStore(path: String) : SecureStore {
    private val folder = File(path).apply { mkdirs() }.canonicalFile
    override val identity: String = "file:$folder"

    override suspend fun load(name: String): String? = blocking { File(folder, name).takeIf(File::exists)?.readText() }

    /** Made durable before and after the move, so that whoever comes after the power has failed sees the old value or the new one. */
    override suspend fun save(name: String, value: String): Unit = blocking {
        val next = File.createTempFile(".next", "", folder)
        FileChannel.open(next.toPath(), WRITE).use { file ->
            file.write(ByteBuffer.wrap(value.encodeToByteArray()))
            file.force(true)
        }
        Files.move(next.toPath(), File(folder, name).toPath(), ATOMIC_MOVE, REPLACE_EXISTING)
        FileChannel.open(folder.toPath(), READ).use { names -> names.force(true) }
    }

    override suspend fun delete(name: String): Unit = blocking { Files.deleteIfExists(File(folder, name).toPath()) }

    override suspend fun list(): List<String> = blocking { folder.list().orEmpty().filterNot { it.startsWith(".") } }

    private suspend fun <T> blocking(work: () -> T): T = withContext(Dispatchers.IO) { work() }
}
