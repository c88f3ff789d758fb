// Android Studio opens this folder. The library is built from its sources in the same checkout; nothing is published.
pluginManagement {
    repositories {
        google()
        mavenCentral()
        gradlePluginPortal()
    }
}

dependencyResolutionManagement {
    repositoriesMode = RepositoriesMode.FAIL_ON_PROJECT_REPOS
    repositories {
        google()
        mavenCentral()
    }
}

rootProject.name = "hallpass-lab"
include(":app", ":hallpass", ":hallpass-okhttp")
