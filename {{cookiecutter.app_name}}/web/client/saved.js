/** The state of a client that survives a reload. Data that is damaged is left out. */

/** @typedef {import("./outbox.js").Unsent} Unsent */
/** @typedef {Pick<Storage, "getItem" | "setItem">} ClientStorage */
/** @typedef {{name: string, cursors: [string, string][], outbox: Unsent[]}} State */

// Two clients in one document must not overwrite each other's state.
/** @type {Set<string>} */ const keysInUse = new Set();

export class Saved {
  #storage;
  #key;

  /** @param {ClientStorage} [storage] @param {string} [key] one of the owner's; else one is found */
  constructor(storage, key = "client") {
    this.#storage = storage;
    this.#key = key;
  }

  /**
   * @param {ClientStorage | undefined} storage
   * @param {string} address the part of the key that tells one server from another
   */
  static unshared(storage, address) {
    const base = address ? `client of ${address}` : "client";
    let key = base;
    for (let number = 2; keysInUse.has(key); number += 1) key = `${base} (${number})`;
    const saved = new Saved(storage, key);
    if (storage) saved.claim();
    return saved;
  }

  /** Keep other clients from this key. */
  claim() {
    keysInUse.add(this.#key);
  }

  /** Let another client have this key. */
  release() {
    keysInUse.delete(this.#key);
  }

  /** @returns {State} */
  load() {
    const state = this.#read();
    // An older version of this file had other names for cursors and nonce.
    const cursors = list(state.cursors ?? state.places).filter(isCursor);
    const outbox = list(state.outbox).map((each) => ({ nonce: each?.client_id, ...each }));
    return {
      name: typeof state.name === "string" ? state.name : "",
      cursors,
      outbox: outbox.filter(isUnsent).map(({ nonce, channel, data }) => ({ nonce, channel, data })),
    };
  }

  /** @param {State} state @returns {boolean} whether the storage took all of it */
  save(state) {
    const saves = this.#set(JSON.stringify(state));
    // A reload would send again what stays of an older outbox.
    if (!saves && !this.#set(JSON.stringify({ ...state, outbox: [] }))) this.#set("");
    return saves;
  }

  /** @param {string} text @returns {boolean} whether the storage took it */
  #set(text) {
    try {
      this.#storage?.setItem(this.#key, text);
      return true;
    } catch {
      return false;
    }
  }

  /** @returns {Record<string, any>} */
  #read() {
    try {
      return Object(JSON.parse(this.#storage?.getItem(this.#key) ?? "{}"));
    } catch {
      return {};
    }
  }
}

/** @param {unknown} value @returns {any[]} */
const list = (value) => (Array.isArray(value) ? value : []);

const isCursor = (/** @type {unknown} */ value) =>
  Array.isArray(value) && typeof value[0] === "string" && /^([0-9a-f]{12}-[0-9a-f]{16})?$/.test(value[1]);

const isUnsent = (/** @type {any} */ value) =>
  typeof value.nonce === "string" && typeof value.channel === "string" && value.data !== undefined;
