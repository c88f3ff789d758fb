package dev.hallpass.android

import android.util.AtomicFile
import dev.hallpass.store.EntryFolder
import java.io.File
import java.io.FileNotFoundException
import java.io.IOException

/**
 * A folder with an [AtomicFile] for each entry. Names of entries are names of files as they are (see the core's
 * `EntryName`); what is set aside has a dot in front, which no entry has.
 */
internal class AtomicFolder(private val folder: () -> File, private val isUnlocked: () -> Boolean) : EntryFolder {
    override fun read(name: String): ByteArray? = content(file(name))

    override fun write(name: String, content: ByteArray) {
        val file = AtomicFile(file(name))
        val stream = file.startWrite()
        try {
            stream.write(content)
            file.finishWrite(stream)
        } catch (failed: IOException) {
            file.failWrite(stream)
            throw failed
        }
        // finishWrite logs what it could not do, and returns all the same.
        if (!file.readFully().contentEquals(content)) throw IOException("the entry was not written")
    }

    override fun delete(name: String) {
        AtomicFile(file(name)).delete()
        aside(name).delete()
        if (file(name).exists()) throw IOException("the entry was not deleted")
    }

    override fun setAside(name: String) {
        if (!file(name).renameTo(aside(name))) throw IOException("the entry was not set aside")
    }

    override fun readAside(name: String): ByteArray? = content(aside(name))

    override fun bringBack(name: String) {
        if (!aside(name).renameTo(file(name))) throw IOException("the entry was not brought back")
    }

    override fun names(): List<String> = files().filterNot { it.startsWith(".") }

    override fun namesAside(): List<String> = files().filter { it.startsWith(".") && !it.endsWith(".lock") }.map { it.drop(1) }

    private fun files(): List<String> = unlocked().list().orEmpty().filterNot { it.endsWith(".new") || it.endsWith(".bak") }

    private fun content(file: File): ByteArray? =
        try {
            AtomicFile(file).readFully()
        } catch (absent: FileNotFoundException) {
            // It is also what a file that may not be opened throws.
            if (file.exists()) throw absent else null
        }

    private fun file(name: String): File {
        require(name.isNotEmpty() && !name.startsWith(".") && '/' !in name) { "not the name of an entry" }
        return File(unlocked(), name)
    }

    private fun aside(name: String) = File(unlocked(), ".$name")

    private fun unlocked(): File = if (isUnlocked()) folder() else throw DeviceLocked()
}

/** The device has not been unlocked since it started: the app's files are not there yet. */
internal class DeviceLocked : IOException("the device was not unlocked since it started")
