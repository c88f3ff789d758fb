package com.example.hallpass.lab

import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import java.io.File

/**
 * What the resources take from the platform is there on the oldest version that reads them: an identifier that is not means
 * something else there, and nothing says so. Gradle's lint looks for the same (`NewApi`).
 */
class ResourceLevelsTest {
    private val resources = File(System.getProperty("hallpass.checkout"), "android-app/app/src/main/res")

    @Test
    fun `name of the platform, is as old as the folder that it stands in`() {
        val newer = uses().filter { (name, folder) -> LEVELS.getValue(name) > level(folder) }
        assertEquals(emptyList<Pair<String, String>>(), newer)
    }

    @Test
    fun `table of levels, has each name that is used and no other`() {
        assertEquals(uses().map { it.first }.toSortedSet(), LEVELS.keys.toSortedSet())
        assertTrue(uses().any { (name, folder) -> name == "accessibilityHeading" && level(folder) == 28 })
    }

    /** Each name of the platform, with the folder whose files say it. */
    private fun uses(): List<Pair<String, String>> = resources.walk().filter { it.extension == "xml" }.flatMap { file ->
        NAME.findAll(file.readText()).map { use -> use.groupValues.drop(1).first { it.isNotEmpty() } to file.parentFile.name }
    }.toList()

    /** From the folder's name, such as `values-v28`. */
    private fun level(folder: String): Int = Regex("-v(\\d+)").find(folder)?.groupValues?.get(1)?.toInt() ?: OLDEST

    private companion object {
        const val OLDEST = 26

        /** A resource, an item of a style, or an attribute. */
        val NAME = Regex("""@android:(\w+/[\w.]+)|name="android:(\w+)"|\bandroid:(\w+)=""")

        /** Since which API level each is there, by the platform's reference. */
        val LEVELS = mapOf(
            "style/TextAppearance.DeviceDefault.Large" to 14,
            "style/TextAppearance.DeviceDefault.Medium" to 14,
            "style/Theme.DeviceDefault" to 14,
            "style/Theme.DeviceDefault.Light" to 14,
            "style/Widget.DeviceDefault.Button.Borderless" to 14,
            "style/Widget.DeviceDefault.Button.Colored" to 24,
            "style/Widget.DeviceDefault.ProgressBar.Horizontal" to 14,
            "accessibilityHeading" to 28,
            "accessibilityLiveRegion" to 19,
            "contentDescription" to 4,
            "fillColor" to 21,
            "fitsSystemWindows" to 14,
            "importantForAutofill" to 26,
            "labelFor" to 17,
            "pathData" to 21,
            "showAsAction" to 11,
            "textIsSelectable" to 11,
            "viewportHeight" to 21,
            "viewportWidth" to 21,
            "windowLightStatusBar" to 23,
        ) + listOf(
            "baselineAligned", "gravity", "height", "id", "indeterminate", "inputType", "layout_height", "layout_marginTop", "layout_weight",
            "layout_width", "minHeight", "orientation", "padding", "text", "textAppearance", "title", "typeface", "visibility", "width",
        ).associateWith { if (it == "inputType") 3 else 1 }
    }
}
