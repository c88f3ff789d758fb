package com.example.hallpass.lab

import android.content.Intent
import android.content.pm.ActivityInfo
import android.content.pm.PackageManager
import android.net.Uri
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config
import org.w3c.dom.Element
import java.io.File
import javax.xml.parsers.DocumentBuilderFactory

/** The manifest and the resources, as aapt2 has linked them and the framework reads them. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35], application = FakeLabApplication::class)
class ManifestTest {
    private val context = RuntimeEnvironment.getApplication()
    private val packages = context.packageManager

    @Test
    fun `activities that other apps may start, are the launcher's and the redirect's`() {
        val info = packages.getPackageInfo(context.packageName, PackageManager.GET_ACTIVITIES)
        val exported = checkNotNull(info.activities).filter(ActivityInfo::exported).map { it.name }.toSet()
        assertEquals(setOf("com.example.hallpass.lab.MainActivity", "dev.hallpass.android.RedirectActivity"), exported)
    }

    @Test
    fun `redirect URI of the property file, leads to the redirect activity`() {
        val uri = Uri.parse((context as LabApplication).settings[LabSettings.REDIRECT_URI] + "?code=c&state=s")
        val link = Intent(Intent.ACTION_VIEW, uri).addCategory(Intent.CATEGORY_BROWSABLE)
        val found = packages.queryIntentActivities(link, PackageManager.MATCH_DEFAULT_ONLY).map { it.activityInfo.name }
        assertEquals(listOf("dev.hallpass.android.RedirectActivity"), found)
    }

    @Test
    fun `permissions asked for, are the network's and the prompt's`() {
        val info = packages.getPackageInfo(context.packageName, PackageManager.GET_PERMISSIONS)
        assertEquals(setOf("android.permission.INTERNET", "android.permission.USE_BIOMETRIC"), info.requestedPermissions?.toSet())
    }

    @Test
    fun `backup and transfer, leave the folder of the tokens out`() {
        val rules = xml("data_extraction_rules")
        for (part in listOf("cloud-backup", "device-transfer")) {
            val excluded = rules.child(part).children("exclude").map { it.getAttribute("domain") to it.getAttribute("path") }
            assertTrue(part, "root" to "no_backup" in excluded)
        }
        assertTrue(xml("full_backup_content").children("exclude").any { it.getAttribute("path") == "no_backup" })
        val application = manifest().child("application")
        assertEquals("@xml/data_extraction_rules", application.android("dataExtractionRules"))
        assertEquals("@xml/full_backup_content", application.android("fullBackupContent"))
    }

    @Test
    fun `cleartext, is permitted to the developer's own machine only`() {
        val config = xml("network_security_config")
        assertEquals("false", config.child("base-config").getAttribute("cleartextTrafficPermitted"))
        val hosts = config.child("domain-config").children("domain").map { it.textContent }.toSet()
        assertEquals(setOf("localhost", "127.0.0.1", "10.0.2.2"), hosts)
        // As it comes, the app talks to the machine that its emulator runs on.
        val settings = (context as LabApplication).settings
        for (key in listOf(LabSettings.ISSUER, LabSettings.API_URL)) assertEquals(key, "10.0.2.2", Uri.parse(settings[key]).host)
        assertTrue(settings.config().dangerAllowLoopbackHttp)
        assertFalse(settings.with(mapOf(LabSettings.ISSUER to "https://op.example/")).config().dangerAllowLoopbackHttp)
        assertEquals("@xml/network_security_config", manifest().child("application").android("networkSecurityConfig"))
    }

    @Test
    fun `manifest of the library, has what the app's repeats`() {
        val library = parse(File(System.getProperty("hallpass.checkout"), "bindings/kotlin/src/android/AndroidManifest.xml"))
        val app = manifest()
        for (activity in library.child("application").children("activity")) {
            val same = app.child("application").children("activity").single { it.android("name") == activity.android("name") }
            for (attribute in listOf("exported", "launchMode", "noHistory", "configChanges", "theme")) {
                assertEquals(attribute, activity.android(attribute), same.android(attribute))
            }
        }
        assertEquals(library.child("queries").children("intent").size, app.child("queries").children("intent").size)
    }

    private fun manifest() = parse(File(System.getProperty("lab.manifest")))

    private fun xml(name: String) =
        parse(File(System.getProperty("hallpass.checkout"), "android-app/app/src/main/res/xml/$name.xml"))

    private fun parse(file: File): Element =
        DocumentBuilderFactory.newInstance().apply { isNamespaceAware = true }.newDocumentBuilder().parse(file).documentElement

    private fun Element.children(name: String): List<Element> =
        (0 until childNodes.length).map { childNodes.item(it) }.filterIsInstance<Element>().filter { it.tagName == name }

    private fun Element.child(name: String): Element = children(name).single()

    private fun Element.android(name: String): String = getAttributeNS("http://schemas.android.com/apk/res/android", name)
}
