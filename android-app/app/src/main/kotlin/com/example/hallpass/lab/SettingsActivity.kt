package com.example.hallpass.lab

import android.app.Activity
import android.os.Bundle
import android.view.MenuItem
import android.widget.Button
import android.widget.EditText
import android.widget.TextView

/** The values of the property file, to be typed over. */
class SettingsActivity : Activity() {
    private val fields = mapOf(
        LabSettings.ISSUER to R.id.issuer,
        LabSettings.CLIENT_ID to R.id.client_id,
        LabSettings.AUDIENCE to R.id.audience,
        LabSettings.API_URL to R.id.api_url,
        LabSettings.REDIRECT_URI to R.id.redirect_uri,
    )

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.settings)
        actionBar?.setDisplayHomeAsUpEnabled(true)
        val lab = application as LabApplication
        // The views keep what was typed over a rotation by themselves.
        if (savedInstanceState == null) {
            for ((key, id) in fields) view<EditText>(id).setText(lab.settings[key])
        }
        view<Button>(R.id.save).setOnClickListener { save(lab) }
    }

    override fun onOptionsItemSelected(item: MenuItem): Boolean {
        if (item.itemId != android.R.id.home) return super.onOptionsItemSelected(item)
        finish()
        return true
    }

    private fun save(lab: LabApplication) {
        val settings = lab.settings.with(fields.mapValues { (_, id) -> view<EditText>(id).text.toString() })
        val problem = settings.problem
        if (problem != null) {
            view<TextView>(R.id.problem).text = problem
        } else {
            lab.settings = settings
            finish()
        }
    }
}
