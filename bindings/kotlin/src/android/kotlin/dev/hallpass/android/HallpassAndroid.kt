package dev.hallpass.android

import android.content.Context
import android.os.Build
import android.os.SystemClock
import android.security.NetworkSecurityPolicy
import android.util.Log
import dev.hallpass.Config
import dev.hallpass.HallpassException
import dev.hallpass.HallpassLog
import dev.hallpass.Session
import dev.hallpass.SessionState
import dev.hallpass.net.UrlConnectionTransport
import dev.hallpass.ports.Browser
import dev.hallpass.ports.Elapsed
import dev.hallpass.ports.KeySigner
import dev.hallpass.ports.SecureStore
import dev.hallpass.ports.Transport
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.combine
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch
import java.io.File

/** Sessions with what Android has: the Keystore, the platform's HTTP stack, the user's browser. */
public object HallpassAndroid {
    /**
     * Opens a session; an app does so once, in `Application.onCreate`. The first call loads the native library, some tens
     * of milliseconds.
     *
     * `Application.onCreate` runs in each process of an app. Processes that open the same account share its stored session and
     * take turns at renewing it, with locked files in `noBackupFilesDir`.
     *
     * If the process ended while the browser was open, the redirect that arrives later finishes the login, and
     * [Session.states] shows it. If that fails, [onLateLoginFailed] is called on a thread of `Dispatchers.Default`; after a
     * temporary failure, such as no network, [Session.restored] and [Session.reload] try again. A redirect that belongs to no
     * login is no failure and changes nothing.
     *
     * @param context any; the application's is kept
     * @param account which of several accounts of this device
     * @param signer the key that tokens are bound to with [Config.dpop], such as a [KeystoreSigner] of this account; `null`
     *   is one in software, kept in [store]
     * @throws HallpassException.Misconfigured naming what is missing or wrong
     */
    public fun session(
        context: Context,
        config: Config,
        account: String? = null,
        store: SecureStore = KeystoreStore(context),
        transport: Transport = UrlConnectionTransport(userAgent = USER_AGENT, permitsCleartext = ::isCleartextPermitted),
        browser: Browser = SystemBrowser(context),
        signer: KeySigner? = null,
        onLateLoginFailed: (HallpassException) -> Unit = {},
    ): Session {
        val leases = File((context.applicationContext ?: context).noBackupFilesDir, LEASES)
        val session = Session.open(config, store, transport, browser, account, leases.path, BOOT_TIME, signer = signer)
        return ResumingSession(session, onLateLoginFailed)
    }

    /**
     * Sends the core's log to Logcat, under the tag `Hallpass`: what happens to sessions, with codes and without secrets.
     *
     * @throws HallpassException.Internal when the system gives no thread
     */
    public fun logToLogcat(level: HallpassLog.Level = HallpassLog.Level.Info) {
        HallpassLog.send(level) { line ->
            when (line.level) {
                HallpassLog.Level.Warning -> Log.w(TAG, line.message)
                HallpassLog.Level.Info -> Log.i(TAG, line.message)
                HallpassLog.Level.Debug -> Log.d(TAG, line.message)
            }
        }
    }

    private const val TAG = "Hallpass"

    /** By the Network Security Config of the app. */
    private fun isCleartextPermitted(host: String): Boolean = NetworkSecurityPolicy.getInstance().isCleartextTrafficPermitted(host)

    /** Not the platform's own, which names the device's model. */
    internal val USER_AGENT: String = "Hallpass/$VERSION (Android ${Build.VERSION.RELEASE})"
    private const val VERSION = "0.1.0"

    /** Where the processes of the app take turns. */
    private const val LEASES = "hallpass.leases"

    /** Goes on while the device sleeps, and nobody can set it. */
    private val BOOT_TIME = Elapsed { SystemClock.elapsedRealtimeNanos() }
}

/** A session that takes redirects which nobody waits for any more: the process died while the browser was open. */
private class ResumingSession(
    private val session: Session,
    private val onFailed: (HallpassException) -> Unit,
) : Session by session {
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)

    /** Counts the moments at which a redirect that is kept is worth another try. */
    private val tries = MutableStateFlow(0)

    init {
        scope.launch {
            combine(Visits.late, tries) { callback, _ -> callback }.collect { callback -> if (callback != null) resumeLate(callback) }
        }
    }

    override suspend fun restored(): SessionState = session.restored().also { tryAgain() }

    override suspend fun reload(): SessionState = session.reload().also { tryAgain() }

    private fun tryAgain() = tries.update { it + 1 }

    /** Anybody can send a link: whatever it makes the session throw, it does not end the app. */
    private suspend fun resumeLate(callback: String) {
        try {
            session.resume(callback)
        } catch (cancelled: CancellationException) {
            throw cancelled
        } catch (error: HallpassException) {
            if (error.isAboutTheLink()) return
            onFailed(error)
            // The code may not have been used yet.
            if (error.isRetryable) return
        } catch (@Suppress("TooGenericExceptionCaught") error: Exception) {
            onFailed(HallpassException.Internal("the late redirect could not be used", "late_redirect").apply { initCause(error) })
        }
        Visits.taken(callback)
    }

    /** Not the redirect that is waited for, or one for another session of this app: it stays inert. */
    private fun HallpassException.isAboutTheLink() = this is HallpassException.Untrusted && code.startsWith("callback_")

    override fun close() {
        scope.cancel()
        session.close()
    }
}
