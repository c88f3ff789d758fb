// What the server knows: in memory, or in a file that is written at every change and so outlives a restart.

import * as fs from 'node:fs';

const seconds = () => Math.floor(Date.now() / 1000);

export class State {
  #entries;
  #file;
  #reuseInterval;

  constructor(file, reuseInterval) {
    this.#file = file;
    this.#reuseInterval = reuseInterval;
    this.#entries = new Map(file && fs.existsSync(file) ? JSON.parse(fs.readFileSync(file)) : []);
  }

  /** The value under `key`, made by `make` the first time. */
  once(key, make) {
    if (!this.#entries.has(key)) {
      this.#change(() => this.#entries.set(key, make()));
    }
    return this.#entries.get(key);
  }

  /** Forgets everything that is `accountId`'s: what an administrator's "sign out everywhere" does. */
  signOut(accountId) {
    this.#forget(({ accountId: owner }) => owner === accountId);
  }

  /** Storage as the library wants it for one of its models. */
  adapter(model) {
    const key = (id) => `${model}:${id}`;
    const find = async (id) => this.#find(key(id));
    const findBy = async (member, value) => [...this.#entries]
      .filter(([name, payload]) => name.startsWith(`${model}:`) && payload[member] === value)
      .map(([, payload]) => payload)[0];
    return {
      find,
      findByUid: (uid) => findBy('uid', uid),
      findByUserCode: (userCode) => findBy('userCode', userCode),
      upsert: async (id, payload) => this.#change(() => this.#entries.set(key(id), payload)),
      // From the first use on, however often it is used.
      consume: async (id) => this.#change(() => { this.#entries.get(key(id)).consumed ??= seconds(); }),
      destroy: async (id) => this.#change(() => this.#entries.delete(key(id))),
      revokeByGrantId: async (grantId) => this.#forget((payload) => payload.grantId === grantId),
    };
  }

  #find(key) {
    const found = this.#entries.get(key);
    if (found?.consumed && key.startsWith('RefreshToken:') && seconds() - found.consumed < this.#reuseInterval) {
      const { consumed: _, ...unspent } = found;
      return unspent;
    }
    return found;
  }

  #forget(isMeant) {
    this.#change(() => {
      for (const [key, payload] of this.#entries) {
        if (isMeant(payload)) {
          this.#entries.delete(key);
        }
      }
    });
  }

  #change(change) {
    change();
    if (this.#file) {
      fs.writeFileSync(`${this.#file}.new`, JSON.stringify([...this.#entries]));
      fs.renameSync(`${this.#file}.new`, this.#file);
    }
  }
}
