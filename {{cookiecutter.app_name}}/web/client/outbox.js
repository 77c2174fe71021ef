/** The broadcasts that the server has not acknowledged. They are sent one after another. */

import { isLost, RequestError } from "./errors.js";

/** @typedef {import("./frames.js").Frame} Frame */
/** @typedef {{nonce: string, channel: string, data: unknown}} Unsent */
/**
 * @typedef {object} Broadcast
 * @property {string} nonce comes back in the message
 * @property {string} channel
 * @property {unknown} data
 * @property {Promise<Frame>} sent the server's reply; rejects with the RequestError for which it
 *   was given up
 */

export class Outbox {
  /** @type {Queued[]} */ #queue;
  #pumping = false;
  #connection;

  /**
   * @param {Unsent[]} unsent
   * @param {object} connection
   * @param {() => boolean} connection.isOnline
   * @param {(unsent: Unsent) => Promise<Frame>} connection.send
   * @param {() => void} connection.onChange the outbox has another content
   */
  constructor(unsent, connection) {
    this.#queue = unsent.map((each) => new Queued(each));
    this.#connection = connection;
  }

  /** @returns {Broadcast[]} */
  get broadcasts() {
    return [...this.#queue];
  }

  /** @returns {Unsent[]} what it takes to send them after a reload */
  get unsent() {
    return this.#queue.map(({ nonce, channel, data }) => ({ nonce, channel, data }));
  }

  /** @param {string} channel @param {unknown} data @returns {Broadcast} */
  add(channel, data) {
    // Random, so that nobody can send it before this client does. One for each message, since
    // all members see it. A tab that was duplicated with its outbox sends the same.
    const nonce = crypto.getRandomValues(new Uint32Array(4)).join("-");
    const { copy, error } = copied(data);
    const queued = new Queued({ nonce, channel, data: copy });
    if (error) {
      queued.settle(error);
      return queued;
    }
    this.#queue.push(queued);
    this.#connection.onChange();
    this.pump();
    return queued;
  }

  /** Give all up. @param {RequestError} error */
  reject(error) {
    for (const queued of this.#queue.splice(0)) queued.settle(error);
    this.#connection.onChange();
  }

  /** Send them as long as the client is online. */
  async pump() {
    if (this.#pumping) return;
    this.#pumping = true;
    while (this.#connection.isOnline() && this.#queue.length) {
      const [queued] = this.#queue;
      let outcome;
      try {
        outcome = await this.#connection.send(queued);
      } catch (error) {
        outcome = /** @type {RequestError} */ (error);
      }
      // Sent again when online, with the same nonce, so that nobody sees it twice.
      if (isLost(outcome) && /** @type {RequestError} */ (outcome).code === "offline") continue;
      if (this.#queue[0] !== queued) continue;
      this.#queue.shift();
      queued.settle(outcome);
      this.#connection.onChange();
    }
    this.#pumping = false;
  }
}

/**
 * Copy a value as JSON has it: what the owner changes later has no effect.
 *
 * @param {unknown} data
 * @returns {{copy?: unknown, error?: RequestError}}
 */
function copied(data) {
  try {
    // undefined, as functions too, becomes no text.
    return { copy: JSON.parse(/** @type {string} */ (JSON.stringify(data))) };
  } catch {
    return { error: new RequestError("bad_field", "The data is not JSON. Send text, numbers, lists or objects.", "data") };
  }
}

class Queued {
  /** @type {(outcome: Frame | Error) => void} */ settle = () => {};

  /** @param {Unsent} unsent */
  constructor({ nonce, channel, data }) {
    this.nonce = nonce;
    this.channel = channel;
    this.data = data;
    /** @type {Promise<Frame>} */
    this.sent = new Promise((resolve, reject) => {
      this.settle = (outcome) => (outcome instanceof Error ? reject(outcome) : resolve(outcome));
    });
    // An owner who does not read the promise must not get an unhandled rejection.
    this.sent.catch(() => {});
  }
}
