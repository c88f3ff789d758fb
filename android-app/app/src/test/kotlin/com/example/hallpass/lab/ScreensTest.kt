package com.example.hallpass.lab

import android.app.Activity
import android.content.ClipboardManager
import android.graphics.Bitmap
import android.graphics.Canvas
import android.os.Bundle
import android.view.View
import android.widget.Button
import android.widget.EditText
import android.widget.TextView
import dev.hallpass.LoginReason
import dev.hallpass.SessionState
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode
import org.robolectric.shadows.ShadowLooper
import java.io.File

/** The screens, with the framework's own views, drawn by its own renderer. Pictures of them are left in target/screens. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35], application = FakeLabApplication::class, qualifiers = "w400dp-h800dp-xhdpi")
@GraphicsMode(GraphicsMode.Mode.NATIVE)
class ScreensTest {
    private val lab get() = RuntimeEnvironment.getApplication() as FakeLabApplication

    @Test
    fun `first start, no one is signed in and all four buttons work`() = withMain {
        assertEquals("No one is signed in.", text(R.id.user))
        for (id in BUTTONS) assertTrue(get().view<View>(id).isEnabled)
        press(R.id.refresh_token)
        assertTrue(text(R.id.log).contains("No Refresh Token found"))
        picture("signed-out")
    }

    @Test
    fun `signed in with expenses, shown with the time that is left`() = withMain {
        press(R.id.log_in)
        press(R.id.call_api)
        assertEquals("Signed in as Ada Lovelace", text(R.id.user))
        assertTrue(text(R.id.expenses).contains("Pizza for a coding dojo"))
        assertTrue(text(R.id.expiry), text(R.id.expiry).startsWith("The access token expires in 4"))
        picture("signed-in")
    }

    @Test
    @Config(qualifiers = "+night")
    fun `by night, the same in dark`() = withMain {
        press(R.id.log_in)
        press(R.id.call_api)
        val drawn = picture("signed-in-night")
        assertTrue("dark", android.graphics.Color.luminance(drawn.getPixel(20, drawn.height - 20)) < 0.2)
    }

    @Test
    fun `login required, the user, the reason and the way back are shown`() = withMain {
        press(R.id.log_in)
        val fake = lab.sessions.last()
        fake.states.value = SessionState.LoginRequired(checkNotNull(fake.user), LoginReason.Refused)
        shadowOf(get().mainLooper).idle()
        assertEquals("Signed in before as Ada Lovelace", text(R.id.user))
        assertEquals("The server does not renew your session. Log in again, or wait.", text(R.id.obstacle))
        assertEquals("Log In Again", text(R.id.log_in))
        picture("login-required")
        press(R.id.log_in)
        assertEquals("Signed in as Ada Lovelace", text(R.id.user))
        assertEquals(View.GONE, get().view<View>(R.id.obstacle).visibility)
        assertEquals("Log In", text(R.id.log_in))
    }

    @Test
    fun `app comes to the foreground, the session is read again`() = withMain {
        val before = lab.sessions.last().reloads
        pause().stop().restart().resume()
        shadowOf(get().mainLooper).idle()
        assertEquals(before + 1, lab.sessions.last().reloads)
    }

    @Test
    fun `activity made anew after a rotation, the state is there`() {
        val controller = main()
        controller.press(R.id.log_in)
        controller.press(R.id.call_api)
        val log = controller.text(R.id.log)
        RuntimeEnvironment.setQualifiers("+land")
        controller.recreate()
        assertEquals("Signed in as Ada Lovelace", controller.text(R.id.user))
        assertEquals(log, controller.text(R.id.log))
        controller.picture("signed-in-land")
    }

    @Test
    fun `process ended in the background, the log comes back with the activity`() {
        val kept = Bundle()
        val controller = main()
        controller.press(R.id.refresh_token)
        controller.pause().stop().saveInstanceState(kept).destroy()
        // What the next process has: a new presenter, and the bundle.
        lab.settings = lab.settings
        val next = Robolectric.buildActivity(MainActivity::class.java).setup(kept)
        assertTrue(next.text(R.id.log).contains("No Refresh Token found"))
    }

    @Test
    fun `log copied, it is on the clipboard`() = withMain {
        press(R.id.refresh_token)
        press(R.id.copy_log)
        val clip = get().getSystemService(ClipboardManager::class.java)?.primaryClip
        assertTrue(checkNotNull(clip).getItemAt(0).text.contains("No Refresh Token found"))
    }

    @Test
    fun `settings with a placeholder, are refused and with values the session is opened anew`() {
        val controller = Robolectric.buildActivity(SettingsActivity::class.java).setup()
        assertEquals("http://10.0.2.2:3000/", controller.text(R.id.issuer))
        controller.picture("settings")
        val field = controller.get().view<EditText>(R.id.client_id)
        field.setText("YOUR_CLIENT_ID")
        controller.press(R.id.save)
        assertTrue(controller.text(R.id.problem).contains("client_id"))
        assertFalse(controller.get().isFinishing)
        field.setText("another")
        controller.press(R.id.save)
        assertTrue(controller.get().isFinishing)
        assertEquals("another", lab.settings[LabSettings.CLIENT_ID])
        assertTrue(lab.sessions.first().closed && !lab.sessions.last().closed)
    }

    @Test
    fun `whatever can be pressed, has a label and is large enough for a finger`() = withMain {
        val density = get().resources.displayMetrics.density
        picture("signed-out")
        for (id in BUTTONS + R.id.copy_log) {
            val button = get().view<Button>(id)
            assertTrue(!button.contentDescription.isNullOrBlank() || button.text.isNotBlank())
            assertTrue("${button.text}: ${button.height / density} dp", button.height >= 48 * density - 1)
        }
    }

    @Test
    fun `no text on a screen, is cut off`() = withMain {
        press(R.id.log_in)
        press(R.id.call_api)
        picture("signed-in")
        for (view in texts(get().window.decorView)) {
            val needed = view.layout.height + view.compoundPaddingTop + view.compoundPaddingBottom
            assertTrue("${view.text}: ${view.height} of $needed", view.height >= needed)
        }
    }

    private fun texts(view: View): List<TextView> = when (view) {
        is TextView -> if (view.layout == null || view.text.isEmpty()) emptyList() else listOf(view)
        is android.view.ViewGroup -> (0 until view.childCount).flatMap { texts(view.getChildAt(it)) }
        else -> emptyList()
    }

    private fun withMain(body: ActivityController<MainActivity>.() -> Unit) = main().body()

    private fun main(): ActivityController<MainActivity> = Robolectric.buildActivity(MainActivity::class.java).setup()

    private fun ActivityController<*>.press(id: Int) {
        get().view<View>(id).performClick()
        shadowOf(get().mainLooper).idle()
    }

    private fun ActivityController<*>.text(id: Int): String = get().view<TextView>(id).text.toString()

    private fun <A : Activity> ActivityController<A>.picture(name: String): Bitmap {
        ShadowLooper.idleMainLooper()
        val metrics = get().resources.displayMetrics
        val view = get().window.decorView
        view.measure(exactly(metrics.widthPixels), exactly(metrics.heightPixels))
        view.layout(0, 0, metrics.widthPixels, metrics.heightPixels)
        val bitmap = Bitmap.createBitmap(metrics.widthPixels, metrics.heightPixels, Bitmap.Config.ARGB_8888)
        view.draw(Canvas(bitmap))
        val folder = File(System.getProperty("lab.screens") ?: "build/screens").apply { mkdirs() }
        File(folder, "$name.png").outputStream().use { bitmap.compress(Bitmap.CompressFormat.PNG, 100, it) }
        return bitmap
    }

    private fun exactly(pixels: Int) = View.MeasureSpec.makeMeasureSpec(pixels, View.MeasureSpec.EXACTLY)

    private companion object {
        val BUTTONS = listOf(R.id.log_in, R.id.call_api, R.id.refresh_token, R.id.log_out)
    }
}
