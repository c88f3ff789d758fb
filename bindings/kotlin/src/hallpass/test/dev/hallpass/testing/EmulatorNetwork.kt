package dev.hallpass.testing

import dev.hallpass.ports.HttpHeader
import dev.hallpass.ports.HttpRequest
import dev.hallpass.ports.HttpResponse
import dev.hallpass.ports.Transport
import kotlinx.coroutines.future.await
import java.io.IOException
import java.net.InetAddress
import java.net.InetSocketAddress
import java.net.Proxy
import java.net.ProxySelector
import java.net.SocketAddress
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest.BodyPublishers
import java.net.http.HttpResponse.BodyHandlers
import java.time.Duration

/**
 * The network as an Android emulator sees it: `10.0.2.2` leads to the loopback interface of the machine that it runs on, and
 * a request says that it was meant for `10.0.2.2`. The server is taken for a proxy, which is a way to say both.
 */
object EmulatorNetwork : ProxySelector() {
    override fun select(uri: URI): List<Proxy> {
        if (uri.host != "10.0.2.2") return listOf(Proxy.NO_PROXY)
        return listOf(Proxy(Proxy.Type.HTTP, InetSocketAddress(InetAddress.getLoopbackAddress(), uri.port)))
    }

    override fun connectFailed(uri: URI, address: SocketAddress, error: IOException) = Unit
}

/** Sends requests with the JVM's client over [network]. */
class JvmTransport(network: ProxySelector) : Transport {
    private val client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).connectTimeout(Duration.ofSeconds(5))
        .proxy(network).build()

    override suspend fun send(request: HttpRequest): HttpResponse {
        val body = if (request.body.isEmpty()) BodyPublishers.noBody() else BodyPublishers.ofByteArray(request.body)
        val whole = java.net.http.HttpRequest.newBuilder(URI(request.url)).method(request.method, body).timeout(Duration.ofSeconds(10))
        for (header in request.headers) whole.header(header.name, header.value)
        val answer = client.sendAsync(whole.build(), BodyHandlers.ofByteArray()).await()
        val headers = answer.headers().map().flatMap { (name, values) -> values.map { HttpHeader(name, it) } }
        return HttpResponse(answer.statusCode(), headers, answer.body())
    }
}
