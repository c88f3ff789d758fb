// The `lab` command as a child process.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { within } from "./waiting.js";

/// `HALLPASS_LAB` names another `lab` than the one that cargo builds.
const LAB = process.env.HALLPASS_LAB ?? fileURLToPath(new URL("../../../target/debug/lab", import.meta.url));

/// `lab` with these words, running.
export class Lab {
  #child;
  #ended;
  stdout = "";
  stderr = "";

  /// `environment` is added to this process's own, of which nothing that configures `lab` is passed on.
  constructor(words, { environment = {}, folder } = {}) {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("HALLPASS_") && name !== "BROWSER");
    const env = { ...Object.fromEntries(inherited), ...environment };
    this.#child = spawn(LAB, words, { env, cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
    this.#child.stdout.setEncoding("utf8").on("data", (text) => (this.stdout += text));
    this.#child.stderr.setEncoding("utf8").on("data", (text) => (this.stderr += text));
    // Both streams are read to their end when this fires.
    this.#ended = once(this.#child, "close").then(([code]) => code);
    this.#ended.catch(() => {});
  }

  get running() {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /// Waits for the end, and returns `{ code, stdout, stderr }`.
  async end() {
    const code = await within(`the end of lab, which said: ${this.stdout}${this.stderr}`, this.#ended);
    return { code, stdout: this.stdout, stderr: this.stderr };
  }

  /// Interrupts it, as control-C does, and waits for its end.
  async stop() {
    if (this.running) this.#child.kill("SIGINT");
    try {
      await this.end();
    } finally {
      if (this.running) this.#child.kill("SIGKILL");
    }
  }
}
