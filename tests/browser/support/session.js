// A person at a terminal: `lab` in a folder with a property file, and the session that it stores there.

import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Lab } from "./program.js";
import { eventually } from "./waiting.js";

export class Terminal {
  #folder;
  #running = new Set();

  /// A new folder with the settings for `tenant`.
  static async open(tenant) {
    const terminal = new Terminal();
    terminal.#folder = await mkdtemp(join(tmpdir(), "hallpass-terminal-"));
    const settings = {
      issuer: tenant.issuer,
      client_id: tenant.clientId,
      audience: tenant.audience,
      scope: "openid profile read:reports offline_access",
      store: `file:${terminal.#store}`,
    };
    const lines = Object.entries(settings).map(([name, value]) => `${name} = ${JSON.stringify(value)}`);
    await writeFile(join(terminal.#folder, "hallpass.toml"), [...lines, "danger_allow_loopback_http = true", ""].join("\n"));
    return terminal;
  }

  /// Interrupts what still runs, and removes the folder.
  async close() {
    await Promise.all([...this.#running].map((lab) => lab.stop()));
    await rm(this.#folder, { recursive: true, force: true });
  }

  /// Starts `lab` with these words.
  start(words, environment) {
    const lab = new Lab(words, { environment, folder: this.#folder });
    this.#running.add(lab);
    return lab;
  }

  /// Runs `lab` with these words to its end, and returns `{ code, stdout, stderr }`.
  async run(words, environment) {
    return this.start(words, environment).end();
  }

  /// The names of what is stored.
  async stored() {
    return readdir(this.#store).catch(() => []);
  }

  get #store() {
    return join(this.#folder, "store");
  }
}

/// The address of the page that a login waits for, as it prints it.
export async function addressOf(login) {
  return eventually("the address of the login page", () => {
    if (!login.running) throw new Error(`the login ended: ${login.stderr}`);
    return login.stderr.match(/^(http:\S+)$/m)?.[1];
  });
}

/// The redirect URI in the address of a login page, which has the port that the login listens on.
export function redirectUriIn(address) {
  return new URL(address).searchParams.get("redirect_uri");
}
