// The add-on for OkHttp: the same source folder as Maven's module in ../../bindings/kotlin.
plugins {
    alias(libs.plugins.android.library)
}

android {
    namespace = "dev.hallpass.okhttp"
    compileSdk = 36

    defaultConfig {
        minSdk = 26
    }

    sourceSets["main"].kotlin.srcDir(rootDir.resolve("../bindings/kotlin/src/okhttp/kotlin"))

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
}

dependencies {
    api(project(":hallpass"))
    api(libs.okhttp)
}
