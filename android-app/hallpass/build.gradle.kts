// The library for Android: the same source folders as Maven's modules in ../../bindings/kotlin, in one AAR. Maven checks
// the explicit API; here the generated code is in the same module and has none.
import javax.inject.Inject
import org.gradle.process.ExecOperations

plugins {
    alias(libs.plugins.android.library)
}

/** The core for each processor, as `cargo xtask android` builds, links and inspects it with the NDK. */
abstract class NativeLibraries @Inject constructor(private val exec: ExecOperations, private val files: FileSystemOperations) : DefaultTask() {
    /** What the library is made of: when nothing of it has changed, nothing is built. */
    @get:InputFiles
    @get:PathSensitive(PathSensitivity.RELATIVE)
    abstract val sources: ConfigurableFileCollection

    @get:Input
    abstract val abis: ListProperty<String>

    @get:Internal
    abstract val checkout: DirectoryProperty

    /** A folder for each processor. */
    @get:OutputDirectory
    abstract val libraries: DirectoryProperty

    @TaskAction
    fun build() {
        val targets = abis.get().map { abi -> checkNotNull(TARGETS[abi]) { "the core knows no processor $abi" } }
        exec.exec {
            workingDir(checkout)
            commandLine(listOf("cargo", "xtask", "android") + targets)
        }
        files.sync {
            from(checkout.dir("target/android")) { include(abis.get().map { "$it/*.so" }) }
            into(libraries)
        }
    }

    private companion object {
        val TARGETS = mapOf(
            "arm64-v8a" to "aarch64-linux-android",
            "armeabi-v7a" to "armv7-linux-androideabi",
            "x86_64" to "x86_64-linux-android",
        )
    }
}

val kotlinSources = rootDir.resolve("../bindings/kotlin/src")

android {
    namespace = "dev.hallpass.android"
    compileSdk = 36

    defaultConfig {
        minSdk = 26
        consumerProguardFiles(kotlinSources.resolve("android/consumer-rules.pro"))
    }

    sourceSets["main"].apply {
        manifest.srcFile(kotlinSources.resolve("android/AndroidManifest.xml"))
        kotlin.srcDirs(listOf("ffi", "hallpass", "android").map { kotlinSources.resolve("$it/kotlin") })
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
}

val nativeLibraries = tasks.register<NativeLibraries>("nativeLibraries") {
    checkout.set(rootDir.resolve(".."))
    abis.set(providers.gradleProperty("hallpass.abis").map { it.split(",") })
    sources.from(listOf("Cargo.toml", "Cargo.lock").map { rootDir.resolve("../$it") })
    for (folder in listOf("core", "bindings/src", "bindings/xtask")) {
        sources.from(fileTree(rootDir.resolve("../$folder")) { include("**/*.rs", "**/*.toml") })
    }
}

androidComponents {
    onVariants { variant ->
        variant.sources.jniLibs?.addGeneratedSourceDirectory(nativeLibraries, NativeLibraries::libraries)
    }
}

dependencies {
    api(libs.coroutines.core)
    implementation(variantOf(libs.jna) { artifactType("aar") })
}
