// Chromium as what `BROWSER` stands for: whoever opens a URL opens it in a new tab of one user.

import { once } from "node:events";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

import { within } from "./waiting.js";

const OPENER = fileURLToPath(new URL("open.js", import.meta.url));

export class SystemBrowser {
  #server;

  static async open(chromium) {
    const browser = new SystemBrowser();
    browser.user = await chromium.user();
    browser.#server = createServer(async (request, response) => {
      const url = await text(request);
      response.end();
      const page = await browser.user.newPage();
      // What does not load is a page too, with an error on it.
      await page.goto(url).catch(() => {});
    });
    browser.#server.listen(0, "127.0.0.1");
    await once(browser.#server, "listening");
    return browser;
  }

  /// For programs that are to open their pages here. In `BROWSER`, spaces separate words and colons commands.
  get environment() {
    return { BROWSER: `${process.execPath} ${OPENER} ${this.#server.address().port}` };
  }

  async close() {
    this.#server.close();
    this.#server.closeAllConnections();
    await within("the openers to be gone", once(this.#server, "close"));
  }
}
