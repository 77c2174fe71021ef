/** The marks up to which a person has read the channels. They are the same on all devices. */

import { isLost, RequestError } from "./errors.js";

/** @typedef {import("./frames.js").Frame} Frame */

// Each mark costs the server a write, and a push to each of the other devices.
const PAUSE_MS = 2_000;

export class Marks {
  /** What the server has, by channel. @type {Map<string, string>} */ #known = new Map();
  /** What it does not have yet. @type {Map<string, string>} */ #unsent = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
  #connection;

  /**
   * @param {object} connection
   * @param {() => boolean} connection.isReady whether it is online, and somebody is signed in
   * @param {(channel: string, id: string) => Promise<Frame>} connection.send
   * @param {(error: unknown) => void} connection.fault
   */
  constructor(connection) {
    this.#connection = connection;
  }

  /** The server has told a mark. @param {string} channel @param {string} id */
  hear(channel, id) {
    if (id > this.get(channel)) this.#known.set(channel, id);
    if ((this.#unsent.get(channel) ?? "") <= id) this.#unsent.delete(channel);
  }

  /** @param {string} channel @returns {string} the id of the last message that is read; "": unknown */
  get(channel) {
    return this.#known.get(channel) ?? "";
  }

  /** All messages up to one are read. @param {string} channel @param {string} id */
  move(channel, id) {
    if (id <= this.get(channel) || id <= (this.#unsent.get(channel) ?? "")) return;
    this.#unsent.set(channel, id);
    if (this.#timer === undefined) this.flush();
  }

  /** Send now what is unsent. */
  flush() {
    if (!this.#unsent.size || !this.#connection.isReady()) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.flush();
    }, PAUSE_MS);
    for (const [channel, id] of this.#unsent) this.#send(channel, id);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Another person has other marks. */
  clear() {
    this.stop();
    this.#known.clear();
    this.#unsent.clear();
  }

  /** @param {string} channel @param {string} id */
  async #send(channel, id) {
    this.#unsent.delete(channel);
    try {
      this.hear(channel, (await this.#connection.send(channel, id)).message_id);
    } catch (error) {
      if (!isTemporary(error)) return this.#connection.fault(error);
      // It is sent after the pause or with the next connection, unless a later one is.
      if (id > (this.#unsent.get(channel) ?? "")) this.#unsent.set(channel, id);
    }
  }
}

/** @param {unknown} error @returns {boolean} */
const isTemporary = (error) => isLost(error)
  || (error instanceof RequestError && ["try_again", "too_fast"].includes(error.code));
