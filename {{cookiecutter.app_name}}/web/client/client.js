/**
 * A client of the app's WebSocket protocol. Each message of its channels comes out once and in
 * order, whatever happens to the connection; what it broadcasts arrives once and in order, also
 * if it was written offline. It needs nothing of the page; docs/page.md shows how to use it.
 */

import { Connection, RequestError } from "./connection.js";
import { Place } from "./cursor.js";

export { RequestError };
export const LOBBY = "lobby";

const PAGE = 100;

const isLost = (/** @type {RequestError} */ error) => ["offline", "timeout"].includes(error.code);

/** What is asked for offline holds from the next connection on. @param {RequestError} error */
function unlessLost(error) {
  if (!isLost(error)) throw error;
}

/**
 * @typedef {Record<string, any>} Frame
 * @typedef {object} Broadcast
 * @property {string} nonce comes back in the message
 * @property {string} channel
 * @property {unknown} data
 * @property {Promise<Frame>} sent the server's reply; rejects with the RequestError for which
 *   it was given up
 */

/**
 * Events beside those of Connection:
 * - `message`: detail is the frame. Most come in the order of their `message_id`; where a
 *   delivery has failed, the message comes later: insert it where it belongs.
 * - `presence`: detail is the frame.
 * - `gap`: detail is {channel}: of what was missed, not all is still kept by the server.
 * - `resumed`: detail is {channel}: what was missed has been handed out.
 */
export class Client extends Connection {
  /** What the server has switched on: its actions, each with its fields. @type {Frame} */
  actions = {};
  name = "";
  /** @type {Map<string, Place>} */ #places = new Map([[LOBBY, new Place()]]);
  /** @type {Queued[]} */ #outbox = [];
  #pumping = false;
  #storage;
  #key;

  /**
   * @param {string} url the ws: or wss: address; nothing is opened before connect()
   * @param {Pick<Storage, "getItem" | "setItem">} [storage] keeps name, channels and unsent
   *   broadcasts over a reload: sessionStorage, since each tab has its own
   */
  constructor(url, storage) {
    super(url);
    this.#storage = storage;
    this.#key = `client of ${url}`;
    const kept = JSON.parse(storage?.getItem(this.#key) ?? "{}");
    this.name = kept.name ?? "";
    for (const [channel, mark] of kept.places ?? []) this.#places.set(channel, new Place(mark));
    this.#outbox = (kept.outbox ?? []).map((/** @type {Frame} */ fields) => 
      // An older version of this file called the nonce client_id.
      new Queued({ nonce: fields.client_id, ...fields }));
    globalThis.addEventListener?.("pagehide", () => this.#keep());
    this.addEventListener("state", () => this.#pump());
  }

  /** The channels that it is in, or will be when it is online. */
  get channels() {
    return [...this.#places.keys()];
  }

  /** What it has broadcast and the server not acknowledged, in order. @returns {Broadcast[]} */
  get outbox() {
    return [...this.#outbox];
  }

  /** @param {string} action @returns whether the server has it switched on */
  can(action) {
    return action in this.actions;
  }

  /** @param {string} name the name to have, on this connection and on later ones */
  async setName(name) {
    const reply = await this.insist("name", { name }).catch(unlessLost);
    this.name = reply?.name ?? name;
    this.#keep();
  }

  /** @param {string} channel the channel to be in, on this connection and on later ones */
  async join(channel) {
    const known = this.#places.get(channel);
    const place = known ?? new Place();
    this.#places.set(channel, place);
    try {
      await this.#resume(channel, place).catch(unlessLost);
    } catch (error) {
      if (!known) this.#places.delete(channel);
      throw error;
    }
    this.#keep();
  }

  /** @param {string} channel the channel to be in no longer */
  async leave(channel) {
    await this.insist("leave", { channel }).catch(unlessLost);
    this.#places.delete(channel);
    this.#keep();
  }

  /**
   * Queues a message. It goes out when the one before it has been acknowledged: handlers of one
   * connection run at the same time, and nothing else keeps the order.
   *
   * @param {string} channel
   * @param {unknown} data any JSON value
   * @returns {Broadcast}
   */
  broadcast(channel, data) {
    // Random, so that nobody can send it before this client does. One for each message, since
    // all members see it. A tab that was duplicated with its outbox sends the same.
    const nonce = crypto.getRandomValues(new Uint32Array(4)).join("-");
    const queued = new Queued({ nonce, channel, data });
    this.#outbox.push(queued);
    this.#keep();
    this.#pump();
    return queued;
  }

  async greet() {
    try {
      this.actions = (await this.insist("help")).actions;
      if (this.name && this.can("name")) {
        await this.setName(this.name).catch((error) => this.emit("fault", error));
      }
      await this.#resumeAll();
    } catch (error) {
      if (!isLost(error)) this.emit("fault", error);
    }
  }

  /** A heartbeat also brings what was lost while connected, where a delivery has failed. */
  async beat() {
    if (this.can("join")) await this.#resumeAll();
    else await this.insist("help");
  }

  /** @param {Frame} frame */
  push(frame) {
    if (frame.type !== "message") super.push(frame);
    else if (this.#places.get(frame.channel)?.takePushed(frame)) this.emit("message", frame);
  }

  async #resumeAll() {
    if (!this.can("join")) return;
    for (const [channel, place] of this.#places) {
      try {
        await this.#resume(channel, place);
      } catch (error) {
        if (isLost(error)) throw error;
        this.emit("fault", error); // the others are not to suffer for it
      }
    }
    this.#keep();
  }

  /**
   * Joins a channel, for the first time or again, and hands out what was missed: page by page,
   * then what was pushed meanwhile.
   *
   * @param {string} channel
   * @param {Place} place
   */
  async #resume(channel, place) {
    const since = place.mark;
    place.hold();
    try {
      let page = await this.insist("join", { channel, limit: PAGE, ...(since && { since }) });
      if (place.misses(page)) this.emit("gap", { channel });
      this.#handOut(place, page.messages);
      while (since && page.more) { // else what there is more of is older
        const last = page.messages.at(-1).message_id;
        page = await this.insist("history", { channel, limit: PAGE, since: last });
        this.#handOut(place, page.messages);
      }
      place.confirm();
    } catch (error) {
      if (isLost(error)) throw error; // what is held stays so until it works
      this.#handOut(place, place.release());
      throw error;
    }
    this.#handOut(place, place.release());
    this.emit("resumed", { channel });
  }

  /** @param {Place} place @param {Frame[]} messages */
  #handOut(place, messages) {
    for (const frame of messages) if (place.take(frame)) this.emit("message", frame);
  }

  async #pump() {
    if (this.#pumping) return;
    this.#pumping = true;
    while (this.online && this.#outbox.length) {
      const [queued] = this.#outbox;
      const { nonce, channel, data } = queued;
      try {
        queued.settle(await this.insist("broadcast", { channel, data, nonce }));
      } catch (error) {
        // The same again when online, with the same nonce, so that nobody sees it twice.
        if (error.code === "offline") continue;
        queued.settle(error);
      }
      this.#outbox.shift();
      this.#keep();
    }
    this.#pumping = false;
  }

  #keep() {
    const places = [...this.#places].map(([channel, place]) => [channel, place.bookmark]);
    const kept = { name: this.name, places, outbox: this.#outbox };
    try {
      this.#storage?.setItem(this.#key, JSON.stringify(kept));
    } catch {
      const message = "The browser keeps no more: a reload would lose what is not sent yet.";
      this.emit("fault", new RequestError("storage", message));
    }
  }
}

/** A broadcast on its way; as JSON, what it takes to send it again after a reload. */
class Queued {
  /** @type {(outcome: Frame | Error) => void} */ settle = () => {};

  /** @param {Frame} fields */
  constructor({ nonce, channel, data }) {
    this.nonce = nonce;
    this.channel = channel;
    this.data = data;
    /** @type {Promise<Frame>} */
    this.sent = new Promise((resolve, reject) => {
      this.settle = (outcome) => outcome instanceof Error ? reject(outcome) : resolve(outcome);
    });
    this.sent.catch(() => {}); // whoever wants to know has a promise of its own
  }

  toJSON() {
    const { nonce, channel, data } = this;
    return { nonce, channel, data };
  }
}
