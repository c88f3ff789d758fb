// An app that waits for redirects on a loopback port, as native apps do, and other pages on this machine.

import { once } from "node:events";
import { createServer } from "node:http";

export class App {
  #server;
  #pages = new Map();
  /// The URLs that were asked for, in order, without those that a browser asks for by itself.
  received = [];

  static async start() {
    const app = new App();
    app.#server = createServer((request, response) => app.#answer(request, response)).listen(0, "127.0.0.1");
    await once(app.#server, "listening");
    app.origin = `http://127.0.0.1:${app.#server.address().port}`;
    return app;
  }

  async stop() {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  get redirectUri() {
    return `${this.origin}/callback`;
  }

  /// Serves `html` from now on, and returns its URL.
  serve(path, html) {
    this.#pages.set(path, html);
    return `${this.origin}${path}`;
  }

  /// The parameters of the only redirect that came.
  get redirect() {
    if (this.received.length !== 1) throw new Error(`not one redirect came, but: ${this.received.join(" ")}`);
    return Object.fromEntries(new URL(this.received[0]).searchParams);
  }

  forget() {
    this.received = [];
    this.#pages.clear();
  }

  #answer(request, response) {
    if (request.url !== "/favicon.ico") this.received.push(`${this.origin}${request.url}`);
    const html = this.#pages.get(new URL(request.url, this.origin).pathname) ?? "<title>The app</title><h1>Back in the app</h1>";
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(html);
  }
}
