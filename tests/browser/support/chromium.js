// Chromium, and the proof that it reaches nothing but this machine.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";

import { chromium } from "playwright-core";

import { PATIENCE, within } from "./waiting.js";

/// `HALLPASS_CHROMIUM` names another Chromium than the distribution's.
const EXECUTABLE = process.env.HALLPASS_CHROMIUM ?? "/usr/bin/chromium";

/// Names and addresses of this machine, as URLs have them.
const LOOPBACK = /^((.+\.)?localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/// Whom Chromium itself asks, now and then: whether somebody is signed in to it, how others have filled in a form. The
/// proxy refuses it like everything else, but no page is to blame; one that asks the same hosts is noticed by its request.
const ITS_MAKERS = /^(http:\/\/)?([a-z0-9-]+\.)*(google|googleapis|gstatic)\.com[:/]/;

export class Chromium {
  #browser;
  #outside;
  #contexts = new Set();
  /// What it tried to reach elsewhere.
  left = [];

  /// `textSize` is the size of text that a user sets for all pages, in pixels.
  static async launch({ textSize } = {}) {
    const instance = new Chromium();
    const proxy = await instance.#watchOutside();
    const args = [`--proxy-server=${proxy}`, "--disable-background-networking", "--disable-component-update"];
    if (textSize) args.push(`--blink-settings=defaultFontSize=${textSize}`);
    instance.#browser = await chromium.launch({ executablePath: EXECUTABLE, args, timeout: PATIENCE });
    return instance;
  }

  async close() {
    if (this.#browser) await within("Chromium to end", this.#browser.close());
    this.#outside.close();
    this.#outside.closeAllConnections();
  }

  /// Somebody who uses it: no cookies, no history, no tabs. `options` are those of Playwright's `newContext`.
  async user(options = {}) {
    const context = await this.#browser.newContext(options);
    this.#contexts.add(context);
    context.setDefaultTimeout(PATIENCE);
    context.on("request", (request) => {
      const url = new URL(request.url());
      // Others load nothing from the network: about, data, blob, chrome-error.
      if (/^(https?|wss?|ftp):$/.test(url.protocol) && !LOOPBACK.test(url.hostname)) this.left.push(url.href);
    });
    return context;
  }

  /// A tab of somebody new.
  async page(options = {}) {
    return (await this.user(options)).newPage();
  }

  async closePages() {
    const contexts = [...this.#contexts];
    this.#contexts.clear();
    await within("the tabs to close", Promise.all(contexts.map((context) => context.close())));
  }

  /// Fails when anything but this machine was asked for since the last call.
  assertNothingLeft() {
    const left = this.left;
    this.left = [];
    assert.deepEqual(left, [], "a request left this machine");
  }

  /// A proxy for everything that is not on this machine, which writes it down and refuses it. Chromium asks it also for
  /// what no page has to do with, such as its own updates, and hands it names instead of looking them up.
  async #watchOutside() {
    this.#outside = createServer((request, response) => {
      this.#blame(request.url);
      response.writeHead(403).end();
    });
    this.#outside.on("connect", (request, socket) => {
      this.#blame(request.url);
      socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
    });
    this.#outside.listen(0, "127.0.0.1");
    await once(this.#outside, "listening");
    return `http://127.0.0.1:${this.#outside.address().port}`;
  }

  /// `asked` is what a proxy is asked for: a URL, or a host and its port.
  #blame(asked) {
    if (!ITS_MAKERS.test(asked)) this.left.push(asked);
  }
}
