plugins {
    alias(libs.plugins.android.application)
}

android {
    namespace = "com.example.hallpass.lab"
    compileSdk = 36

    defaultConfig {
        applicationId = "com.example.hallpass.lab"
        minSdk = 26
        targetSdk = 36
        versionCode = 1
        versionName = "0.1.0"
        testInstrumentationRunner = "androidx.test.runner.AndroidJUnitRunner"
        // Those that the core is built for, and no other: JNA brings libraries for more processors, and an app that is installed
        // for one without the core ends as soon as it starts.
        ndk { abiFilters += providers.gradleProperty("hallpass.abis").get().split(",") }
    }

    // `-Phallpass.test=release` runs the instrumented tests against the app as it ships, shrunk.
    testBuildType = providers.gradleProperty("hallpass.test").getOrElse("debug")

    buildTypes {
        release {
            // For trials; a release for a store has a key of its own.
            signingConfig = signingConfigs.getByName("debug")
            isMinifyEnabled = true
            isShrinkResources = true
            proguardFiles(getDefaultProguardFile("proguard-android-optimize.txt"))
        }
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }

    testOptions {
        unitTests {
            isIncludeAndroidResources = true
            all {
                it.systemProperty("hallpass.checkout", rootDir.resolve("..").canonicalPath)
                it.systemProperty("lab.manifest", file("src/main/AndroidManifest.xml").path)
                it.systemProperty("lab.screens", layout.buildDirectory.dir("screens").get().asFile.path)
            }
        }
    }
}

dependencies {
    implementation(project(":hallpass"))
    implementation(libs.coroutines.android)

    testImplementation(libs.junit)
    testImplementation(libs.robolectric)
    testImplementation(libs.coroutines.test)

    androidTestImplementation(libs.junit)
    androidTestImplementation(libs.androidx.test.runner)
    androidTestImplementation(libs.androidx.test.uiautomator)
}
