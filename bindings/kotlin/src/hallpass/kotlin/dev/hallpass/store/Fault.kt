package dev.hallpass.store

import java.security.ProviderException
import java.security.UnrecoverableKeyException
import javax.crypto.AEADBadTagException
import javax.crypto.BadPaddingException

/** What a failure of key or file means for the data. */
public enum class Fault {
    /** The device is locked: later it will do. Nothing is touched. */
    Locked,

    /** The key's keeper is busy or has restarted: the same may succeed at once. Nothing is touched. */
    Passing,

    /** The key is gone for good, and with it what it sealed: entries are set aside, and the key is deleted. */
    KeyGone,

    /** This entry is damaged: it is set aside; the key stays. */
    Damaged,

    /** Anything else, such as a full disk, or an entry of a newer version. Nothing is touched. */
    Unknown,
}

/** Knows the exceptions that only the platform has. */
public fun interface FaultFinder {
    /** What [error] means, or `null` when it is none of the platform's own. Causes are asked about separately. */
    public fun find(error: Throwable): Fault?

    /**
     * What [error] means, with its causes and Java's own exceptions. The platform's word counts most, wherever it stands in
     * the chain of causes: its exceptions are children of Java's general ones, and come wrapped in others. Only what is known
     * to be permanent is taken for permanent.
     */
    public fun judge(error: Throwable): Fault {
        val chain = generateSequence(error) { it.cause }.take(MOST_CAUSES).toList()
        chain.firstNotNullOfOrNull(::find)?.let { return it }
        return chain.firstNotNullOfOrNull(::javaFault) ?: Fault.Unknown
    }

    /** The finders there are. */
    public companion object {
        /** A platform without exceptions of its own. */
        public val NONE: FaultFinder = FaultFinder { null }
    }
}

private fun javaFault(error: Throwable): Fault? = when (error) {
    is NoKey, is UnrecoverableKeyException -> Fault.KeyGone
    is DamagedEnvelope, is AEADBadTagException, is BadPaddingException, is CharacterCodingException -> Fault.Damaged
    is ProviderException -> Fault.Passing
    else -> null
}

private const val MOST_CAUSES = 16
