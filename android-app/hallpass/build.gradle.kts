// The library for Android: the same source folders as Maven's modules in ../../bindings/kotlin, in one AAR. Maven checks
// the explicit API; here the generated code is in the same module and has none.
plugins {
    alias(libs.plugins.android.library)
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
        // `cargo xtask android` leaves the core here, one folder for each ABI.
        jniLibs.srcDir(rootDir.resolve("../target/android"))
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
}

dependencies {
    api(libs.coroutines.core)
    implementation(variantOf(libs.jna) { artifactType("aar") })
}
