/** The marks up to which a person has read the channels. They are the same on all devices. */

import { isLost, RequestError } from "./errors.js";

/** @typedef {import("./frames.js").Frame} Frame */
/** @typedef {{channel: string, message_id: string, only?: boolean}} Mark */

// Each mark costs the server a write, and a push to each of the other devices.
const PAUSE_MS = 2_000;

export class Marks {
  /** What the server has, by channel. @type {Map<string, string>} */ #known = new Map();
  /** The marks that it does not have yet, by channel. @type {Map<string, Mark>} */ #unsent = new Map();
  /** The single messages that it does not have yet, by id. @type {Map<string, Mark>} */ #singles = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
  #connection;

  /**
   * @param {object} connection
   * @param {() => boolean} connection.isReady whether it is online, and somebody is signed in
   * @param {(mark: Mark) => Promise<Frame>} connection.send
   * @param {(error: unknown) => void} connection.fault
   */
  constructor(connection) {
    this.#connection = connection;
  }

  /** The server has told a mark. @param {Mark} mark */
  hear({ channel, message_id, only }) {
    if (only) {
      this.#singles.delete(message_id);
      return;
    }
    if (message_id > this.#get(channel)) this.#known.set(channel, message_id);
    if ((this.#unsent.get(channel)?.message_id ?? "") <= message_id) this.#unsent.delete(channel);
  }

  /** All messages up to one are read. @param {string} channel @param {string} message_id */
  move(channel, message_id) {
    if (message_id <= this.#get(channel)) return;
    if (message_id <= (this.#unsent.get(channel)?.message_id ?? "")) return;
    this.#unsent.set(channel, { channel, message_id });
    if (this.#timer === undefined) this.flush();
  }

  /** One message is read. @param {string} channel @param {string} message_id */
  markOne(channel, message_id) {
    if (message_id <= this.#get(channel)) return;
    this.#singles.set(message_id, { channel, message_id, only: true });
    if (this.#timer === undefined) this.flush();
  }

  /** Send now what is unsent. */
  flush() {
    const marks = [...this.#singles.values(), ...this.#unsent.values()];
    if (!marks.length || !this.#connection.isReady()) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.flush();
    }, PAUSE_MS);
    this.#singles.clear();
    this.#unsent.clear();
    for (const mark of marks) this.#send(mark);
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
    this.#singles.clear();
  }

  /** @param {string} channel @returns {string} */
  #get(channel) {
    return this.#known.get(channel) ?? "";
  }

  /** @param {Mark} mark */
  async #send(mark) {
    try {
      const { message_id } = await this.#connection.send(mark);
      this.hear({ ...mark, message_id });
    } catch (error) {
      // It is sent after the pause or with the next connection.
      if (isTemporary(error)) this.#keep(mark);
      // The server keeps some single messages, and no more.
      else if (!mark.only) this.#connection.fault(error);
    }
  }

  /** @param {Mark} mark */
  #keep(mark) {
    const { channel, message_id, only } = mark;
    if (only) this.#singles.set(message_id, mark);
    else if (message_id > (this.#unsent.get(channel)?.message_id ?? "")) this.#unsent.set(channel, mark);
  }
}

/** @param {unknown} error @returns {boolean} */
const isTemporary = (error) => isLost(error)
  || (error instanceof RequestError && ["try_again", "too_fast"].includes(error.code));
