/** One channel of a client. */

import { Emitter } from "./events.js";

/** @typedef {import("./client.js").Client} Client */

/**
 * The events and methods of one channel.
 *
 * @extends {Emitter<import("./events.js").ChannelEvents>}
 */
export class Channel extends Emitter {
  #client;

  /** @param {Client} client @param {string} name */
  constructor(client, name) {
    super();
    this.#client = client;
    this.name = name;
  }

  /** Whether the client is in the channel, or will be when it is online. */
  get joined() {
    return this.#client.channels.includes(this.name);
  }

  join() {
    return this.#client.join(this.name);
  }

  leave() {
    return this.#client.leave(this.name);
  }

  /**
   * @param {string} messageId the messages up to this one are read, on all devices of the person
   * @param {{only?: boolean}} [options] only: this message, and not those before it
   */
  markRead(messageId, options) {
    this.#client.markRead(this.name, messageId, options);
  }

  /** @param {unknown} data any JSON value @returns {import("./outbox.js").Broadcast} */
  broadcast(data) {
    return this.#client.broadcast(this.name, data);
  }
}
