package com.example.hallpass.lab

import android.content.Intent
import androidx.test.platform.app.InstrumentationRegistry
import androidx.test.uiautomator.By
import androidx.test.uiautomator.UiDevice
import androidx.test.uiautomator.UiObject2
import androidx.test.uiautomator.Until
import org.junit.Assert.assertNotNull
import org.junit.Before
import org.junit.Test
import java.util.regex.Pattern

/**
 * The exercise on the emulator, with its browser, against `lab serve` on the emulator's host. That Chrome shows no page of its own
 * first is seen to by `.github/workflows/android-emulator.sh`.
 */
class ExerciseTest {
    private val instrumentation = InstrumentationRegistry.getInstrumentation()
    private val device = UiDevice.getInstance(instrumentation)
    private val context = instrumentation.targetContext

    @Before
    fun start() {
        open()
        press("Log Out")
    }

    @Test
    fun exercise_fromLoginToLogout() {
        press("Refresh Token")
        see("No Refresh Token found")
        signIn()
        see("Signed in as Ada Lovelace")
        press("Call API")
        see("The API answered 200")
        press("Refresh Token")
        see("The access token was renewed")
        press("Log Out")
        see("Nobody is signed in")
    }

    private fun signIn() {
        press("Log In")
        typePassword()
    }

    private fun typePassword() {
        find(By.clazz("android.widget.EditText"))
        val fields = device.findObjects(By.clazz("android.widget.EditText"))
        fields.first { it.resourceName?.endsWith("username") == true }.text = "ada@example.com"
        fields.first { it.resourceName?.endsWith("password") == true }.text = "correct horse"
        find(By.text("Continue")).click()
    }

    private fun open() {
        val launch = checkNotNull(context.packageManager.getLaunchIntentForPackage(context.packageName))
        context.startActivity(launch.addFlags(Intent.FLAG_ACTIVITY_NEW_TASK or Intent.FLAG_ACTIVITY_CLEAR_TASK))
        find(By.pkg(context.packageName))
    }

    private fun press(button: String) = find(By.text(Pattern.compile(button, Pattern.CASE_INSENSITIVE)).clickable(true)).click()

    private fun see(text: String) = assertNotNull(text, device.wait(Until.findObject(By.textContains(text)), LIMIT))

    private fun find(what: androidx.test.uiautomator.BySelector): UiObject2 =
        checkNotNull(device.wait(Until.findObject(what), LIMIT)) { "$what is not on the screen" }

    private companion object {
        const val LIMIT = 20_000L
    }
}
