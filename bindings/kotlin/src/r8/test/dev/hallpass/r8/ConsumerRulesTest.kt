package dev.hallpass.r8

import com.android.tools.r8.ClassFileResourceProvider
import com.android.tools.r8.CompilationMode
import com.android.tools.r8.Diagnostic
import com.android.tools.r8.DiagnosticsHandler
import com.android.tools.r8.JdkClassFileProvider
import com.android.tools.r8.OutputMode
import com.android.tools.r8.ProgramResource
import com.android.tools.r8.R8
import com.android.tools.r8.R8Command
import com.android.tools.r8.origin.Origin
import dev.hallpass.testing.Tenant
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Test
import java.io.File
import java.nio.file.Path
import java.util.concurrent.TimeUnit
import java.util.zip.ZipFile

/** The rules for R8 that come with the library are enough, and are needed. */
class ConsumerRulesTest {
    private val rules = File(System.getProperty("hallpass.checkout"), "bindings/kotlin/src/android/consumer-rules.pro")
    private val output = File(System.getProperty("r8.output")).apply { mkdirs() }
    private val classPath = System.getProperty("java.class.path").split(File.pathSeparator).map(::File)

    @Test
    fun `app shrunk with the rules of the library, logs in, calls, renews and logs out`() {
        val shrunk = shrink("with-rules", rules.readLines())
        assertEquals(0 to listOf("Ada Lovelace", "200", "Renewed", "true", "logged_out"), run(shrunk))
    }

    @Test
    fun `app shrunk without them, does not run`() {
        // What is missing is missing without optimizing, which takes a minute.
        assertNotEquals(0, run(shrink("without-rules", emptyList(), CompilationMode.DEBUG)).first)
    }

    @Test
    fun `library for Android, shrinks to what a phone loads without a class that is missing`() {
        val archive = File(output, "android.zip")
        val command = builder("ffi/target/classes", "hallpass/target/classes", "android/target/classes")
            .addLibraryFiles(Path.of(System.getProperty("r8.framework")))
            .addLibraryResourceProvider(JavaOfAndroid(jdk))
            .addProguardConfiguration(rules.readLines() + PUBLIC_ON_ANDROID, Origin.unknown())
            // What is missing is found without optimizing, which takes a minute.
            .setMode(CompilationMode.DEBUG)
            .setMinApiLevel(MIN_API)
            .setOutput(archive.toPath(), OutputMode.DexIndexed)
        R8.run(command.build())
        ZipFile(archive).use { assertNotNull(it.getEntry("classes.dex")) }
    }

    /** The app, with the new names and, unless [mode] says otherwise, the optimizations that a release has. */
    private fun shrink(name: String, rules: List<String>, mode: CompilationMode = CompilationMode.RELEASE): File {
        val archive = File(output, "$name.jar")
        val main = "-keep class dev.hallpass.r8.ShrunkAppKt { public static void main(java.lang.String[]); }"
        val command = builder("ffi/target/classes", "hallpass/target/classes", "r8/target/classes")
            .addLibraryResourceProvider(jdk)
            .addProguardConfiguration(rules + main, Origin.unknown())
            .setMode(mode)
            .setOutput(archive.toPath(), OutputMode.ClassFile)
        R8.run(command.build())
        return archive
    }

    /** For the classes of these modules, and the jars that each app has. R8 finds the jars' own rules in them. */
    private fun builder(vararg modules: String): R8Command.Builder {
        val programs = classPath.filter { file -> (modules.toList() + JARS).any { it in file.path } }
            .flatMap { if (it.isDirectory) it.walk().filter { file -> file.extension == "class" }.toList() else listOf(it) }
            // It controls the tenant, and needs what no app needs.
            .filterNot { it.name.startsWith("Tenant") }
        return R8Command.builder(Quiet).addProgramFiles(programs.map(File::toPath))
    }

    /** Runs the app in a JVM of its own; returns how it ended and what it printed. */
    private fun run(app: File): Pair<Int, List<String>> = Tenant.start().use { tenant ->
        val java = File(System.getProperty("java.home"), "bin/java").path
        val library = "-Djna.library.path=${System.getProperty("jna.library.path")}"
        val printed = File(output, "${app.nameWithoutExtension}.log")
        val process = ProcessBuilder(java, library, "-cp", app.path, "dev.hallpass.r8.ShrunkAppKt", tenant.issuer, tenant.api)
            .redirectOutput(printed).redirectError(File(output, "${app.nameWithoutExtension}.err")).start()
        if (!process.waitFor(60, TimeUnit.SECONDS)) process.destroyForcibly().waitFor()
        process.exitValue() to printed.readLines()
    }

    /** Errors end a run; what else there is to say is about rules that match nothing. */
    private object Quiet : DiagnosticsHandler {
        override fun info(info: Diagnostic) = Unit

        override fun warning(warning: Diagnostic) = Unit
    }

    /** What Android has of Java's own classes: not the desktop's. */
    private class JavaOfAndroid(private val jdk: ClassFileResourceProvider) : ClassFileResourceProvider {
        private val classes = jdk.classDescriptors.filterNot { it.startsWith("Ljava/awt/") || it.startsWith("Ljavax/swing/") }.toSet()

        override fun getClassDescriptors(): Set<String> = classes

        override fun getProgramResource(descriptor: String): ProgramResource? =
            if (descriptor in classes) jdk.getProgramResource(descriptor) else null
    }

    private companion object {
        val JARS = listOf("kotlin-stdlib", "kotlinx-coroutines-core", "jna-", "annotations-")
        const val MIN_API = 26

        /** What aapt2 writes for an app's manifest, and what an app calls. */
        val PUBLIC_ON_ANDROID = listOf(
            "-keep class dev.hallpass.android.LoginActivity { <init>(); }",
            "-keep class dev.hallpass.android.RedirectActivity { <init>(); }",
            "-keep class dev.hallpass.android.HallpassAndroid { public *; }",
            "-keep class dev.hallpass.android.BiometricGate { public *; }",
            "-keep class dev.hallpass.android.KeystoreSigner { public *; }",
        )
        val jdk: ClassFileResourceProvider = JdkClassFileProvider.fromJdkHome(Path.of(System.getProperty("java.home")))
    }
}
