package com.example.hallpass.lab

import android.app.Activity
import android.view.View

/** The view [id] of the layout that this activity shows. */
internal fun <V : View> Activity.view(id: Int): V = checkNotNull(findViewById<V>(id)) { "the layout has no such view" }
