/** The channels of a client: its position in each, and what it has missed there. */

import { Cursor } from "./cursor.js";
import { isLost, RequestError, unlessLost } from "./errors.js";

/** @typedef {import("./frames.js").Frame} Frame */
/** @typedef {import("./frames.js").Message} Message */

const PAGE_SIZE = 100;

export class Subscriptions {
  /** @type {Map<string, Cursor>} */ #cursors;
  #client;

  /**
   * @param {[string, string][]} bookmarks
   * @param {object} client
   * @param {(action: string, fields: Frame) => Promise<Frame>} client.insist
   * @param {(channel: string, type: string, detail: unknown) => void} client.emit
   * @param {(error: unknown) => void} client.fault
   */
  constructor(bookmarks, client) {
    this.#cursors = new Map(bookmarks.map(([channel, mark]) => [channel, new Cursor(mark)]));
    this.#client = client;
  }

  get channels() {
    return [...this.#cursors.keys()];
  }

  /** @returns {[string, string][]} the channels, each with the position to begin at after a reload */
  get bookmarks() {
    return [...this.#cursors].map(([channel, cursor]) => [channel, cursor.bookmark]);
  }

  /** @param {string} channel */
  async join(channel) {
    const known = this.#cursors.get(channel);
    const cursor = known ?? new Cursor();
    this.#cursors.set(channel, cursor);
    try {
      await this.#resume(channel, cursor, Boolean(known)).catch(unlessLost);
    } catch (error) {
      if (!known) this.#cursors.delete(channel);
      throw error;
    }
  }

  /** @param {string} channel */
  delete(channel) {
    this.#cursors.delete(channel);
  }

  /** The server joins a person to the channel with their id. @param {unknown} user "" for a guest */
  setUser(user) {
    const own = user ? `@${user}` : "";
    for (const channel of this.channels) {
      if (channel.startsWith("@") && channel !== own) this.#cursors.delete(channel);
    }
    if (own && !this.#cursors.has(own)) this.#cursors.set(own, new Cursor());
  }

  /** @param {Message} message one that was pushed */
  push(message) {
    const { channel } = message;
    const cursor = this.#cursors.get(channel);
    if (!cursor) return;
    if (message.keep === false) this.#client.emit(channel, "ephemeral", message);
    else if (cursor.takePushed(message)) this.#client.emit(channel, "message", message);
  }

  /** @param {boolean} wasCut whether the client was without a connection */
  async resumeAll(wasCut) {
    for (const [channel, cursor] of this.#cursors) {
      try {
        await this.#resume(channel, cursor, wasCut);
      } catch (error) {
        if (isLost(error)) throw error;
        // The other channels go on.
        this.#client.fault(error);
      }
    }
  }

  /** Hand out what is held back, where the server has no `join` to ask for more. */
  release() {
    for (const [channel, cursor] of this.#cursors) this.#release(channel, cursor);
  }

  /**
   * Join a channel, for the first time or again, and hand out what was missed: page by page, then
   * the messages that were pushed meanwhile.
   *
   * @param {string} channel
   * @param {Cursor} cursor
   * @param {boolean} wasCut
   */
  async #resume(channel, cursor, wasCut) {
    const since = cursor.mark;
    const askedAt = performance.now();
    cursor.hold();
    try {
      const fields = { channel, limit: PAGE_SIZE, ...(since && { since }) };
      let page = await this.#client.insist("join", fields);
      // A server that keeps no history tells of a gap each time.
      const misses = wasCut && cursor.misses(/** @type {any} */ (page));
      if (misses) this.#client.emit(channel, "gap", { channel });
      if (page.read) this.#client.emit(channel, "read", { channel, message_id: page.read });
      for (const message_id of page.read_alone ?? []) {
        this.#client.emit(channel, "read", { channel, message_id, only: true });
      }
      this.#handOut(channel, cursor, page.messages);
      // Without `since`, the other messages are older.
      let last = "";
      while (since && page.more) {
        last = end(page, last);
        page = await this.#client.insist("history", { channel, limit: PAGE_SIZE, since: last });
        this.#handOut(channel, cursor, page.messages);
      }
      cursor.confirm(askedAt);
    } catch (error) {
      // What is held stays so until a resume works.
      if (!isLost(error)) this.#release(channel, cursor);
      throw error;
    }
    this.#release(channel, cursor);
    this.#client.emit(channel, "resumed", { channel });
  }

  /** @param {string} channel @param {Cursor} cursor */
  #release(channel, cursor) {
    this.#handOut(channel, cursor, cursor.release());
  }

  /** @param {string} channel @param {Cursor} cursor @param {Message[]} messages */
  #handOut(channel, cursor, messages) {
    for (const message of messages) {
      if (message.channel !== channel || !cursor.take(message)) continue;
      this.#client.emit(channel, "message", message);
    }
  }
}

/**
 * @param {Frame} page one after which there is another
 * @param {string} last the end of the page before it
 * @returns {string} the id of its last message
 * @throws {RequestError} it does not go on: the server would be asked for ever
 */
function end({ messages }, last) {
  const id = messages.at(-1)?.message_id ?? "";
  if (id > last) return id;
  throw new RequestError("bad_frame", "The server sent a page without an end. Reload.");
}
