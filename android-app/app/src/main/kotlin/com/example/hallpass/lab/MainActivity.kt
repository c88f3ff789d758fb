package com.example.hallpass.lab

import android.app.Activity
import android.content.ClipData
import android.content.ClipboardManager
import android.content.Intent
import android.os.Bundle
import android.view.Menu
import android.view.MenuItem
import android.view.View
import android.widget.Button
import android.widget.TextView
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.delay
import kotlinx.coroutines.isActive
import kotlinx.coroutines.launch
import kotlin.time.Clock
import kotlin.time.Duration.Companion.seconds

/** The exercise: four buttons, and what came of them. */
class MainActivity : Activity() {
    private var scope = CoroutineScope(SupervisorJob())
    private val presenter get() = (application as LabApplication).presenter

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.main)
        button(R.id.log_in).setOnClickListener { presenter.logIn() }
        button(R.id.call_api).setOnClickListener { presenter.callApi() }
        button(R.id.refresh_token).setOnClickListener { presenter.refreshToken() }
        button(R.id.log_out).setOnClickListener { presenter.logOut() }
        button(R.id.copy_log).setOnClickListener { copyLog() }
        savedInstanceState?.getStringArrayList(LOG)?.let { presenter.restoreLog(it) }
    }

    override fun onStart() {
        super.onStart()
        scope = CoroutineScope(SupervisorJob() + Dispatchers.Main.immediate)
        scope.launch { presenter.states.collect(::show) }
        presenter.reload()
        scope.launch {
            while (isActive) {
                showTimeLeft(presenter.states.value)
                delay(1.seconds)
            }
        }
    }

    override fun onStop() {
        scope.cancel()
        super.onStop()
    }

    override fun onSaveInstanceState(outState: Bundle) {
        super.onSaveInstanceState(outState)
        outState.putStringArrayList(LOG, ArrayList(presenter.states.value.log))
    }

    override fun onCreateOptionsMenu(menu: Menu): Boolean {
        menuInflater.inflate(R.menu.main, menu)
        return true
    }

    override fun onOptionsItemSelected(item: MenuItem): Boolean {
        if (item.itemId != R.id.settings) return super.onOptionsItemSelected(item)
        startActivity(Intent(this, SettingsActivity::class.java))
        return true
    }

    private fun show(state: UiState) {
        text(R.id.user).text = when {
            state.problem != null -> state.problem
            state.isRestoring -> getString(R.string.restoring)
            state.isSignedIn -> getString(R.string.signed_in_as, state.user)
            state.user != null -> getString(R.string.was_signed_in_as, state.user)
            else -> getString(R.string.signed_out)
        }
        text(R.id.obstacle).apply {
            text = state.obstacle?.let { getString(words(it)) }.orEmpty()
            visibility = if (state.obstacle == null) View.GONE else View.VISIBLE
        }
        button(R.id.log_in).setText(if (state.user != null && !state.isSignedIn) R.string.log_in_again else R.string.log_in)
        val canPress = state.problem == null && !state.busy
        for (id in listOf(R.id.log_in, R.id.call_api, R.id.refresh_token, R.id.log_out)) button(id).isEnabled = canPress
        view<View>(R.id.progress).visibility = if (state.busy) View.VISIBLE else View.INVISIBLE
        text(R.id.expenses).text = state.expenses.joinToString("\n") { "${it.date}  ${it.description}  ${it.value}" }
            .ifEmpty { getString(R.string.no_expenses) }
        text(R.id.log).text = state.log.joinToString("\n").ifEmpty { getString(R.string.no_log) }
        showTimeLeft(state)
    }

    private fun showTimeLeft(state: UiState) {
        val left = state.timeLeft(Clock.System.now())
        text(R.id.expiry).text = when {
            left == null -> ""
            left.inWholeSeconds == 0L -> getString(R.string.token_expired)
            else -> getString(R.string.token_expires_in, left.inWholeSeconds.seconds.toString())
        }
    }

    private fun words(obstacle: Obstacle): Int = when (obstacle) {
        Obstacle.Locked -> R.string.locked
        Obstacle.Unreadable -> R.string.unreadable
        Obstacle.Expired -> R.string.expired
        Obstacle.Refused -> R.string.refused
    }

    private fun copyLog() {
        val log = presenter.states.value.log.joinToString("\n")
        getSystemService(ClipboardManager::class.java)?.setPrimaryClip(ClipData.newPlainText(getString(R.string.log), log))
    }

    private fun button(id: Int): Button = view(id)

    private fun text(id: Int): TextView = view(id)

    private companion object {
        const val LOG = "log"
    }
}
