/** What comes from the server: messages, notifications, read marks, presence. */

import * as attention from "./attention.js";
import { readable } from "./text.js";
import { announce, announceMissed, toast } from "./toasts.js";

/** @typedef {import("../client/client.js").Message} Message */
/** @typedef {import("./channel.js").Channel} Channel */

// Before all messages.
const START = "000000000000-0000000000000000";

export class Arrivals {
  #page;
  /** The messages that came while the client was away. */
  #missed = 0;
  /** Whether the server did not keep others. */
  #hasGap = false;

  /** @param {import("./app.js").Page} page */
  constructor(page) {
    this.#page = page;
    const { client, sidebar } = page;
    client.addEventListener("message", ({ detail }) => this.#receive(detail));
    client.addEventListener("ephemeral", ({ detail }) => page.typing.receive(detail));
    client.addEventListener("gap", ({ detail }) => {
      this.#hasGap = true;
      sidebar.channels.get(detail.channel)?.messages.gap();
    });
    client.addEventListener("resumed", ({ detail }) => {
      const channel = sidebar.add(detail.channel);
      this.#startMark(channel);
      channel.messages.readOut(true);
    });
    client.addEventListener("state", ({ detail }) => {
      const isOnline = detail.state === "online";
      for (const channel of sidebar.channels.values()) channel.messages.readOut(isOnline);
    });
    client.addEventListener("read", ({ detail }) => {
      const channel = sidebar.add(detail.channel);
      if (detail.only) this.#view.readOne(channel, detail.message_id);
      else this.#view.readTo(channel, detail.message_id);
    });
    client.addEventListener("presence", ({ detail: { channel: name, event, member } }) => {
      sidebar.channels.get(name)?.presence(event, member);
      if (name === page.current) page.members.show();
    });
  }

  /** Say how many messages came while the client was away. */
  announceMissed() {
    const isInbox = this.#page.kind === "notifications";
    announceMissed(this.#missed, isInbox ? "notification" : "message", this.#hasGap, !isInbox);
    this.#missed = 0;
    this.#hasGap = false;
  }

  get #view() {
    return this.#page.kind === "notifications" ? this.#page.inbox : this.#page.conversation;
  }

  /** What was there when the user came to a channel is not new. @param {Channel} channel */
  #startMark(channel) {
    const { client, inbox, session, kind } = this.#page;
    const newest = kind === "notifications" ? inbox.newest(channel.name) : channel.messages.newest;
    session.start(channel.name, newest);
    // The user's other devices begin there too.
    client.markRead(channel.name, session.mark(channel.name) || START);
  }

  /** @param {Message} message */
  #receive(message) {
    const { kind, session, sidebar } = this.#page;
    const channel = sidebar.add(message.channel);
    const { isUnread, sender, text } = kind === "notifications"
      ? this.#receiveNotification(channel, message)
      : this.#receiveMessage(channel, message);
    if (!isUnread) return;
    attention.notify(session, channel, sender, text, () => this.#page.choose(channel.name));
  }

  /** @param {Channel} channel @param {Message} message */
  #receiveMessage(channel, message) {
    const { client, conversation, session, typing } = this.#page;
    if (!client.online && session.isNew(channel.name, message.message_id)) this.#missed += 1;
    const isUnread = conversation.receive(channel, message);
    typing.end(message);
    return { isUnread, sender: message.from?.name ?? "Notification", text: readable(message.data) };
  }

  /** @param {Channel} channel @param {Message} message */
  #receiveNotification(channel, message) {
    const { client, current, inbox } = this.#page;
    const { isUnread, text } = inbox.receive(channel, message);
    if (isUnread && !client.online) this.#missed += 1;
    else if (isUnread) {
      announce(`New in ${channel.title}: ${text}`, true);
      const isInView = !current || current === channel.name;
      if (!isInView) toast(channel, text, () => this.#page.choose(channel.name));
    }
    return { isUnread, sender: "Notification", text };
  }
}
