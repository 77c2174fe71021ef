/** The messages of the channel in view: what has come, what is on its way, what is unread. */

import { $ } from "./dom.js";
import { fail } from "./message.js";
import { readable } from "./text.js";

/** @typedef {import("../client/client.js").Client} Client */
/** @typedef {import("../client/frames.js").Message} Message */
/** @typedef {import("../client/outbox.js").Broadcast} Broadcast */
/** @typedef {import("./channel.js").Channel} Channel */
/** @typedef {import("./session.js").Session} Session */

// The end of the messages counts as seen up to here.
const END_PIXELS = 60;

// After midnight, today is yesterday.
const NAME_DAYS_MS = 60_000;

export class Conversation {
  #client;
  #session;
  #events;
  /** @type {Channel | undefined} */ #channel;
  #atEnd = true;

  /**
   * @param {Client} client
   * @param {Session} session
   * @param {object} events
   * @param {() => void} events.onUnread
   * @param {(text: string) => void} events.onEdit
   */
  constructor(client, session, events) {
    this.#client = client;
    this.#session = session;
    this.#events = events;
    $("messages").addEventListener("scroll", () => {
      this.#atEnd = Math.abs($("messages").scrollTop) < END_PIXELS;
      $("messages").classList.toggle("scrolled", !this.#atEnd);
      this.#showEnd();
    }, { passive: true });
    $("to-end").addEventListener("click", () => {
      this.scrollToEnd();
      $("messages").focus();
    });
    document.addEventListener("visibilitychange", () => this.#readIfSeen());
    setInterval(() => this.#channel?.messages.nameDays(), NAME_DAYS_MS);
  }

  /** @param {Channel} channel */
  show(channel) {
    this.#channel?.messages.clearUnread();
    this.#channel = channel;
    channel.messages.nameDays();
    $("messages").replaceChildren(channel.messages.element);
    if (channel.unread) channel.messages.markUnread(channel.firstUnread);
    this.scrollToEnd();
    this.#readIfSeen();
  }

  scrollToEnd() {
    $("messages").scrollTop = 0;
    $("messages").classList.remove("scrolled");
    this.#atEnd = true;
    this.#showEnd();
  }

  /** @param {Channel} channel @param {unknown} data */
  send(channel, data) {
    this.#channel?.messages.clearUnread();
    this.showUnsent(channel, this.#client.broadcast(channel.name, data));
    this.scrollToEnd();
  }

  /** Show a broadcast until the message itself has come, or the server has refused it.
   * @param {Channel} channel @param {Broadcast} broadcast */
  showUnsent(channel, { nonce, data, sent }) {
    const item = channel.messages.addPending(data);
    channel.unsent.set(nonce, { item, data: JSON.stringify(data) });
    channel.labelUnsent(this.#client.online);
    sent.then(
      ({ message_id }) => this.#deliver(channel, nonce, message_id, data),
      ({ message }) => {
        if (!channel.unsent.delete(nonce)) return;
        const again = () => {
          this.send(channel, data);
          $("message-input").focus();
        };
        fail(item, message, { again, edit: () => this.#events.onEdit(readable(data)) });
      },
    );
  }

  /** @param {Channel} channel @param {Message} message @returns {boolean} whether it is unread */
  receive(channel, { message_id, from, data, sent_at, nonce }) {
    if (from) channel.hear(from);
    const { messages, unsent } = channel;
    // Others can copy a nonce, not write it before.
    const own = unsent.get(nonce ?? "");
    const isMine = this.#isMine(channel, from);
    if (own && (isMine || own.id === message_id || own.data === JSON.stringify(data))) {
      this.#deliver(channel, nonce ?? "", message_id, data);
      unsent.delete(nonce ?? "");
    } else if (isMine || this.#session.isOwn(message_id)) messages.add("own", "You", data, sent_at, message_id);
    else {
      // The server may have changed the data. The reply tells whether this is the own message.
      if (own) own.changedId = message_id;
      const person = from?.user ?? from?.connection_id;
      messages.add("other", from?.name ?? "Notification", data, sent_at, message_id, person);
      this.#count(channel, message_id);
    }
    if (channel === this.#channel) this.#readIfSeen();
    return channel.isUnread(message_id);
  }

  /** Another device has read a channel up to a message. @param {Channel} channel @param {string} id */
  readTo(channel, id) {
    this.#session.read(channel.name, id);
    channel.readTo(id);
    if (channel === this.#channel) this.#showEnd();
    this.#events.onUnread();
  }

  /** Another device has read one message. @param {Channel} channel @param {string} id */
  readOne(channel, id) {
    this.#session.readOne(channel.name, id);
    channel.readOne(id);
    this.#events.onUnread();
  }

  /** @param {Channel} channel @param {Message["from"]} from @returns {boolean} whether it is the user */
  #isMine({ you }, from) {
    const { user } = this.#client;
    return user ? from?.user === user : Boolean(you) && from?.connection_id === you;
  }

  /** @param {Channel} channel @param {string} id of a message of others */
  #count(channel, id) {
    if (!this.#session.isUnread(channel.name, id)) return;
    if (channel === this.#channel && this.#isSeen()) return;
    channel.addUnread(id);
    if (channel === this.#channel) {
      channel.messages.markUnread(channel.firstUnread);
      this.#showEnd();
    }
    this.#events.onUnread();
  }

  /** @param {Channel} channel @param {string} nonce @param {string} id @param {unknown} data */
  #deliver(channel, nonce, id, data) {
    const unsent = channel.unsent.get(nonce);
    // The message itself has come before the reply. If it comes after, it is found by its nonce.
    if (!unsent) return;
    if (unsent.changedId === id) {
      unsent.item.remove();
      channel.unsent.delete(nonce);
      return;
    }
    unsent.id = id;
    channel.messages.deliver(unsent.item, id, data);
    this.#session.own(id);
  }

  #isSeen() {
    return !document.hidden && this.#atEnd;
  }

  #readIfSeen() {
    const channel = this.#channel;
    if (!channel || !this.#isSeen()) return;
    const { newest } = channel.messages;
    this.#session.read(channel.name, newest);
    this.#client.markRead(channel.name, newest);
    if (!channel.unread) return;
    channel.readTo(newest);
    this.#events.onUnread();
  }

  #showEnd() {
    $("to-end").hidden = this.#atEnd;
    const unread = this.#channel?.unread ?? 0;
    $("to-end").textContent = unread ? `↓ ${unread} new` : "↓ To the end";
    this.#readIfSeen();
  }
}
