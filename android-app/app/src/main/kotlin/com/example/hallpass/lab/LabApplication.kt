package com.example.hallpass.lab

import android.app.Application
import android.content.Context
import dev.hallpass.Session
import dev.hallpass.android.HallpassAndroid
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import org.json.JSONArray
import java.util.Properties

/** Holds the session and its presenter for as long as the app runs. */
open class LabApplication : Application() {
    private var scope = CoroutineScope(SupervisorJob())
    private var session: Session? = null
    lateinit var presenter: LabPresenter
        private set

    override fun onCreate() {
        super.onCreate()
        open()
    }

    /** What is typed on the settings screen stands over the property file. */
    var settings: LabSettings
        get() {
            val properties = Properties().apply { assets.open("hallpass.properties").use(::load) }
            val typed = preferences().all.mapNotNull { (key, value) -> (value as? String)?.let { key to it } }.toMap()
            return LabSettings.of(properties).with(typed)
        }
        set(settings) {
            preferences().edit().apply { LabSettings.KEYS.forEach { putString(it, settings[it]) } }.apply()
            scope.cancel()
            session?.close()
            open()
        }

    /** A test has a session of its own. */
    protected open fun session(settings: LabSettings): Session =
        HallpassAndroid.session(this, settings.config(), onLateLoginFailed = { presenter.lateLoginFailed(it) })

    private fun open() {
        val settings = settings
        scope = CoroutineScope(SupervisorJob() + Dispatchers.Main.immediate)
        var problem = settings.problem
        session = if (problem != null) null else try {
            session(settings)
        } catch (error: dev.hallpass.HallpassException) {
            problem = error.message
            null
        }
        presenter = LabPresenter(session, problem, settings[LabSettings.API_URL], scope, ::expenses)
    }

    private fun preferences() = getSharedPreferences("settings", Context.MODE_PRIVATE)
}

/** The API's answer: an array of objects. What has another shape is shown as nothing. */
internal fun expenses(json: String): List<Expense> =
    try {
        JSONArray(json).run {
            (0 until length()).map { getJSONObject(it) }.map { Expense(it.optString("date"), it.optString("description"), it.optString("value")) }
        }
    } catch (malformed: org.json.JSONException) {
        emptyList()
    }
