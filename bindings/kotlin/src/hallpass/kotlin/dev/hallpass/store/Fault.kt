package dev.hallpass.store

import java.security.GeneralSecurityException
import java.security.ProviderException
import javax.crypto.AEADBadTagException
import javax.crypto.BadPaddingException
import kotlin.time.Duration

/** What a failure of key or file means for the data. */
public enum class Fault {
    /** The device is locked: later it will do. Nothing is touched. */
    Locked,

    /** The key cannot be used now, for whatever reason: the same may succeed later. Nothing is touched. */
    Passing,

    /** The key is gone. Believed only when it stays so (see [EncryptedStore]); entries are then set aside. */
    KeyGone,

    /** This entry is damaged: it is set aside; the key stays. */
    Damaged,

    /** Anything else, such as a full disk, or an entry of a newer version. Nothing is touched. */
    Unknown,
}

/** Knows the exceptions that only the platform has. */
public fun interface FaultFinder {
    /**
     * What [error] means, or `null` when it is none of the platform's own. Causes are asked about separately. An exception
     * that wraps others is no verdict.
     */
    public fun find(error: Throwable): Fault?

    /** What it means when the keeper says that there is no key, though an entry was sealed under it. */
    public val missingKey: Fault get() = Fault.KeyGone

    /** How long the platform asks to wait before the next try, if [error] says so. */
    public fun backOff(error: Throwable): Duration? = null

    /**
     * What [error] means, with its causes and Java's own exceptions. The platform's word counts most, wherever it stands in
     * the chain of causes: its exceptions are children of Java's general ones, and come wrapped in others. Only what is known
     * to be permanent is taken for permanent; every other failure of a key passes.
     */
    public fun judge(error: Throwable): Fault {
        val chain = causes(error)
        chain.firstNotNullOfOrNull(::find)?.let { return it }
        if (chain.any { it is NoKey }) return missingKey
        return chain.firstNotNullOfOrNull(::javaFault) ?: Fault.Unknown
    }

    /** The finders there are. */
    public companion object {
        /** A platform without exceptions of its own. */
        public val NONE: FaultFinder = FaultFinder { null }
    }
}

/** The error and its causes, outermost first. */
internal fun causes(error: Throwable): List<Throwable> = generateSequence(error) { it.cause }.take(MOST_CAUSES).toList()

private fun javaFault(error: Throwable): Fault? = when (error) {
    is DamagedEnvelope, is AEADBadTagException, is BadPaddingException, is CharacterCodingException -> Fault.Damaged
    is UnknownEnvelope -> Fault.Unknown
    // Among them UnrecoverableKeyException, which Android wraps around almost every error of its key store.
    is GeneralSecurityException, is ProviderException -> Fault.Passing
    else -> null
}

private const val MOST_CAUSES = 16
