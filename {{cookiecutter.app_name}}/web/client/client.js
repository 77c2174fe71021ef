/**
 * A client of the app's WebSocket protocol. It hands out each message of its channels once and in
 * order, whatever happens to the connection. It broadcasts each message once and in order, also
 * one that was written offline. It needs nothing of the page; docs/page.md shows how to use it.
 */

import { Channel } from "./channel.js";
import { Connection } from "./connection.js";
import { closed, isLost, RequestError, unlessLost } from "./errors.js";
import { Marks } from "./marks.js";
import { Outbox } from "./outbox.js";
import { Saved } from "./saved.js";
import { Subscriptions } from "./subscriptions.js";
import { claims } from "./token.js";

export { Channel, RequestError };
export const LOBBY = "lobby";

/** @typedef {import("./frames.js").Frame} Frame */
/** @typedef {import("./frames.js").Member} Member */
/** @typedef {import("./frames.js").Message} Message */
/** @typedef {import("./frames.js").Presence} Presence */
/** @typedef {import("./events.js").ClientEvents} ClientEvents */
/** @typedef {import("./events.js").State} State */
/** @typedef {import("./outbox.js").Broadcast} Broadcast */
/**
 * @typedef {object} ClientOptions
 * @property {import("./saved.js").ClientStorage} [storage] keeps name, channels and unsent
 *   broadcasts over a reload: sessionStorage, since each tab has its own
 * @property {string} [storageKey] clients with the same one share their state; by default each
 *   client has its own, and a client of the same address finds it after a reload
 * @property {import("./handshake.js").GetToken} [getToken] asked before each connection for the
 *   token of the person; null: nobody is signed in
 */

/** @extends {Connection<ClientEvents>} */
export class Client extends Connection {
  /** The actions that the server has switched on, each with its fields. @type {Frame} */
  actions = {};
  /** The name that others see; "" is one that the server makes. */
  name = "";
  /** The id of the person whose token the connection has; "" for a guest. */
  user = "";
  /** @type {Map<string, Channel>} */ #channels = new Map();
  #subscriptions;
  #outbox;
  #marks;
  #saved;
  #saves = true;
  #closed = false;
  /** @type {AbortController | null} */ #listening = null;

  /**
   * @param {import("./handshake.js").Address} address the ws: or wss: address, or a function that
   *   returns it; nothing is opened before connect()
   * @param {ClientOptions | import("./saved.js").ClientStorage} [options] or the storage alone
   */
  constructor(address, options = {}) {
    const { storage, storageKey, getToken } =
      "getItem" in options ? { storage: options } : /** @type {ClientOptions} */ (options);
    super(address, getToken);
    // The query string may have a secret.
    const server = typeof address === "string" ? address.split(/[?#]/)[0] : "";
    this.#saved = storageKey ? new Saved(storage, storageKey) : Saved.unshared(storage, server);
    const { name, cursors, outbox } = this.#saved.load();
    this.name = name;
    this.#subscriptions = new Subscriptions([[LOBBY, ""], ...cursors], {
      insist: (action, fields) => this.insist(action, fields),
      emit: (channel, type, detail) => this.#emitIn(channel, type, detail),
      fault: (error) => this.fault(error),
    });
    this.#marks = new Marks({
      isReady: () => this.online && Boolean(this.user) && this.can("read"),
      send: (mark) => this.request("read", mark),
      fault: (error) => this.fault(error),
    });
    this.#outbox = new Outbox(outbox, {
      isOnline: () => this.online,
      send: ({ channel, data, nonce }) => this.insist("broadcast", { channel, data, nonce }),
      onChange: () => this.#save(),
    });
  }

  /** The channels that the client is in, or will be when it is online. */
  get channels() {
    return this.#subscriptions.channels;
  }

  /** The broadcasts that the server has not acknowledged, in order. @returns {Broadcast[]} */
  get outbox() {
    return this.#outbox.broadcasts;
  }

  /** @param {string} action @returns {boolean} whether the server has it switched on */
  can(action) {
    return Object.hasOwn(this.actions, action);
  }

  /** @param {string} name @returns {Channel} to listen to; channel(name).join() joins it */
  channel(name) {
    const channel = this.#channels.get(name) ?? new Channel(this, name);
    this.#channels.set(name, channel);
    return channel;
  }

  connect() {
    this.#closed = false;
    if (!this.#listening) {
      this.#listening = new AbortController();
      const { signal } = this.#listening;
      globalThis.addEventListener?.("pagehide", () => {
        this.#save();
        this.#marks.flush();
      }, { signal });
      this.addEventListener("state", () => {
        this.#outbox.pump();
        this.#marks.flush();
      }, { signal });
      this.#saved.claim();
    }
    super.connect();
  }

  /** @param {string} name the name to have, on this connection and on later ones */
  async setName(name) {
    const reply = await this.insist("name", { name }).catch(unlessLost);
    this.name = reply?.name ?? name;
    this.#save();
  }

  /** @param {string} channel the channel to be in, on this connection and on later ones */
  async join(channel) {
    await this.#subscriptions.join(channel);
    this.#save();
  }

  /** @param {string} channel the channel to be in no longer */
  async leave(channel) {
    await this.insist("leave", { channel }).catch(unlessLost);
    this.#subscriptions.delete(channel);
    this.#save();
  }

  /**
   * Queue a message. It is sent when the one before it has been acknowledged: the handlers of one
   * connection run at the same time, and nothing else keeps the order.
   *
   * @param {string} channel
   * @param {unknown} data any JSON value
   * @returns {Broadcast}
   */
  broadcast(channel, data) {
    return this.#outbox.add(channel, data);
  }

  /**
   * Send what is worth nothing later, such as "is typing": it is not repeated, and not in the
   * history. Members get it as an `ephemeral` event.
   *
   * @param {string} channel
   * @param {unknown} data any JSON value
   */
  async sendEphemeral(channel, data) {
    await this.request("broadcast", { channel, data, keep: false });
  }

  /**
   * Mark the messages up to one as read, on all devices of the person. Does nothing for a guest.
   *
   * @param {string} channel
   * @param {string} messageId
   * @param {{only?: boolean}} [options] only: this message, and not those before it
   */
  markRead(channel, messageId, { only = false } = {}) {
    if (only) this.#marks.markOne(channel, messageId);
    else this.#marks.move(channel, messageId);
  }

  /** @param {string | null | undefined} token @param {boolean} wasCut */
  async greet(token, wasCut) {
    try {
      this.#setUser(claims(token).sub);
      this.actions = (await this.insist("help")).actions;
      this.emit("actions", this.actions);
      this.#subscriptions.setUser(this.user);
      if (this.name && this.can("name")) {
        await this.setName(this.name).catch((error) => {
          if (isLost(error)) return;
          // One that was given offline would be refused each time.
          if (["bad_field", "forbidden"].includes(error.code)) this.name = "";
          this.fault(error);
        });
      }
      if (this.can("join")) await this.#resumeAll(wasCut);
      else this.#subscriptions.release();
    } catch (error) {
      if (!isLost(error)) this.fault(error);
    }
  }

  /** Keep the connection from being idle. A join also brings messages whose delivery failed. */
  async beat() {
    if (this.can("join")) await this.#resumeAll(false);
    else await this.insist("help");
  }

  /** @protected @param {Frame} frame */
  push(frame) {
    if (frame.type === "bye") super.push(frame);
    else if (frame.type !== "message") this.#emitIn(frame.channel, frame.type, frame);
    else this.#subscriptions.push(/** @type {Message} */ (frame));
  }

  /** @protected @param {State} state */
  end(state) {
    super.end(state);
    this.#marks.stop();
    this.#listening?.abort();
    this.#listening = null;
    // What is unsent when a token has expired waits for the same person to sign in again.
    if (state.state === "closed") {
      this.#outbox.reject(closed());
      this.#saved.release();
      this.#closed = true;
    }
  }

  /** @param {boolean} wasCut */
  async #resumeAll(wasCut) {
    await this.#subscriptions.resumeAll(wasCut);
    this.#save();
  }

  /** @param {unknown} user */
  #setUser(user) {
    const id = typeof user === "string" ? user : "";
    if (id !== this.user) this.#marks.clear();
    this.user = id;
  }

  /** @param {string} channel @param {string} type @param {any} detail */
  #emitIn(channel, type, detail) {
    if (type === "read") this.#marks.hear(detail);
    this.emit(type, detail);
    this.#channels.get(channel)?.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #save() {
    // A client of the same address may have the storage by now.
    if (this.#closed) return;
    const cursors = this.#subscriptions.bookmarks;
    const saves = this.#saved.save({ name: this.name, cursors, outbox: this.#outbox.unsent });
    if (this.#saves && !saves) {
      const message = "The browser stores no more: a reload would lose what is not sent yet.";
      this.fault(new RequestError("storage", message));
    }
    this.#saves = saves;
  }
}
