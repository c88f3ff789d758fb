package dev.hallpass.android

import android.content.ComponentName
import android.content.Context
import android.content.Intent
import android.content.ServiceConnection
import android.os.Handler
import android.os.IBinder
import android.os.Looper
import android.os.Parcel
import android.os.RemoteException
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/** Keeps a browser's process warm for a while, by its Custom Tabs service. */
internal class BrowserWarmth(private val context: Context, private val limit: Duration = 30.seconds) {
    private val connection = object : ServiceConnection {
        override fun onServiceConnected(name: ComponentName?, service: IBinder?) {
            if (service != null) warmUp(service)
        }

        override fun onServiceDisconnected(name: ComponentName?) = Unit
    }

    fun keep(browser: String) {
        val service = Intent(InstalledBrowsers.ACTION_CUSTOM_TABS).setPackage(browser)
        val isBound = try {
            context.bindService(service, connection, Context.BIND_AUTO_CREATE or Context.BIND_WAIVE_PRIORITY)
        } catch (@Suppress("SwallowedException") notForUs: SecurityException) {
            false
        }
        if (isBound) {
            Handler(Looper.getMainLooper()).postDelayed({ context.unbindService(connection) }, limit.inWholeMilliseconds)
        } else {
            // What was refused has to be let go of all the same.
            runCatching { context.unbindService(connection) }
        }
    }

    /** `ICustomTabsService.warmup(long flags)`, its first function. A browser that does not answer is no worse than a cold one. */
    private fun warmUp(service: IBinder) {
        val (data, reply) = Parcel.obtain() to Parcel.obtain()
        try {
            data.writeInterfaceToken(INTERFACE)
            data.writeLong(0)
            service.transact(WARM_UP, data, reply, IBinder.FLAG_ONEWAY)
        } catch (@Suppress("SwallowedException") gone: RemoteException) {
            // As above.
        } finally {
            data.recycle()
            reply.recycle()
        }
    }

    private companion object {
        const val INTERFACE = "android.support.customtabs.ICustomTabsService"
        const val WARM_UP = IBinder.FIRST_CALL_TRANSACTION + 1
    }
}
