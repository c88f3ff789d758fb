package dev.hallpass.drive

import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.booleanOrNull
import kotlinx.serialization.json.doubleOrNull
import kotlinx.serialization.json.longOrNull

/** Why a request makes no sense to the driver. */
internal class Refusal(val code: String, override val message: String) : Exception(message)

/** The members of a request, read strictly: one that is missing, unknown or of another type is named. */
internal class Members(private val of: String, private val members: JsonObject) {
    private val read = mutableSetOf<String>()

    fun string(name: String): String = optionalString(name) ?: missing(name)

    fun optionalString(name: String): String? = typed(name, "a string") { (it as? JsonPrimitive)?.takeIf { it.isString }?.content }

    fun optionalSeconds(name: String): Long? = optionalCount(name)

    fun optionalCount(name: String): Long? =
        typed(name, "a whole number that is not negative") { it.number()?.longOrNull?.takeIf { seconds -> seconds >= 0 } }

    fun seconds(name: String): Double = typed(name, "a number") { it.number()?.doubleOrNull } ?: missing(name)

    fun optionalBoolean(name: String): Boolean? =
        typed(name, "true or false") { (it as? JsonPrimitive)?.takeIf { value -> !value.isString }?.booleanOrNull }

    fun strings(name: String): List<String> = typed(name, "a list of strings") { list ->
        (list as? JsonArray)?.map { (it as? JsonPrimitive)?.takeIf { value -> value.isString }?.content ?: return@typed null }
    }.orEmpty()

    fun texts(name: String): Map<String, String> = typed(name, "an object of strings") { map ->
        (map as? JsonObject)?.mapValues { (_, it) -> (it as? JsonPrimitive)?.takeIf { value -> value.isString }?.content ?: return@typed null }
    }.orEmpty()

    fun optionalObject(name: String): Members? = typed(name, "an object") { (it as? JsonObject)?.let { Members("$of: `$name`", it) } }

    /** To be called when everything was read. */
    fun end() {
        val unknown = members.keys - read
        if (unknown.isNotEmpty()) refuse("unknown member `${unknown.first()}`")
    }

    fun refuse(why: String): Nothing = throw Refusal("not_a_request", "`$of`: $why")

    private fun missing(name: String): Nothing = refuse("missing member `$name`")

    private fun <T : Any> typed(name: String, type: String, convert: (JsonElement) -> T?): T? {
        read += name
        val value = members[name]
        if (value == null || value is JsonNull) return null
        return convert(value) ?: refuse("`$name` has to be $type")
    }

    private fun JsonElement.number() = (this as? JsonPrimitive)?.takeIf { !it.isString }
}
