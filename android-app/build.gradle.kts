plugins {
    alias(libs.plugins.android.application) apply false
    alias(libs.plugins.android.library) apply false
}

buildscript {
    dependencies {
        // AGP 9 compiles Kotlin itself, with the compiler that is named here.
        classpath(libs.kotlin.gradle.plugin)
    }
}
