/** The notifications of all channels, the newest first. */

import { $, button, clone, setTime, when } from "./dom.js";
import { link, readable, safeLink, withLinks } from "./text.js";

/** @typedef {import("../client/frames.js").Message} Message */
/** @typedef {import("./channel.js").Channel} Channel */
/** @typedef {import("./session.js").Session} Session */

const MAX_ITEMS = 1000;

// The fields of a notification's data that have a meaning here.
const TITLES = ["title", "subject"];
const TEXTS = ["text", "body", "message"];
const LINKS = ["url", "link", "href"];

export class Inbox {
  element = clone("inbox");
  #session;
  #onUnread;
  /** @type {Map<string, Channel>} */ #channels = new Map();
  #filter = "";

  /** @param {Session} session @param {() => void} onUnread */
  constructor(session, onUnread) {
    this.#session = session;
    this.#onUnread = onUnread;
    $("read-all").addEventListener("click", () => this.#readAll());
  }

  /** @param {string} channel the one to show; "" for all */
  show(channel) {
    this.#filter = channel;
    $("messages").replaceChildren(this.element);
    $("messages").scrollTop = 0;
    for (const item of this.element.children) this.#place(item);
    this.#update();
  }

  /**
   * @param {Channel} channel
   * @param {Message} message
   * @returns {{isUnread: boolean, text: string}}
   */
  receive(channel, { message_id, data, sent_at }) {
    this.#channels.set(channel.name, channel);
    const item = clone("notification-item");
    Object.assign(item.dataset, { id: message_id, channel: channel.name });
    item.querySelector(".channel-name").textContent = channel.name;
    setTime(item.querySelector("time"), sent_at, when(sent_at));
    const { title, text, href } = parts(data);
    item.querySelector(".headline").textContent = title;
    item.querySelector(".data").replaceChildren(...withLinks(text));
    item.querySelector(".data").classList.toggle("json", typeof data !== "string" && !title && !href);
    const actions = item.querySelector(".actions");
    if (href) {
      const open = link(href, "Open");
      open.addEventListener("click", () => this.#read(item));
      actions.append(open);
    }
    const isUnread = this.#session.isUnread(channel.name, message_id);
    if (isUnread) {
      item.classList.add("is-unread");
      actions.append(button("Mark as read", () => {
        this.#read(item);
        $("messages").focus();
      }));
      channel.unread += 1;
    }
    item.querySelector(".state").textContent = isUnread ? "Unread" : "";
    this.#insert(item);
    this.#place(item);
    this.#update();
    return { isUnread, text: title || text };
  }

  /** @param {string} channel @returns {string} the id of its newest notification */
  newest(channel) {
    const item = [...this.element.children].find((each) => each.dataset.channel === channel);
    return item?.dataset.id ?? "";
  }

  /** @param {any} item */
  #place(item) {
    item.hidden = Boolean(this.#filter) && item.dataset.channel !== this.#filter;
  }

  /** @param {HTMLElement} item */
  #insert(item) {
    const id = item.dataset.id ?? "";
    let after = this.element.firstElementChild;
    while (after && after.dataset.id > id) after = after.nextElementSibling;
    if (after) after.before(item);
    else this.element.append(item);
    if (this.element.children.length > MAX_ITEMS) this.element.lastElementChild.remove();
  }

  /** @param {any} item */
  #read(item) {
    if (!item.classList.contains("is-unread")) return;
    const { id, channel } = item.dataset;
    this.#session.readOne(channel, id);
    this.#setRead(item);
    this.#update();
  }

  #readAll() {
    for (const item of this.element.querySelectorAll(".is-unread:not([hidden])")) {
      this.#session.readOne(item.dataset.channel, item.dataset.id);
      this.#setRead(item);
    }
    this.#update();
    $("messages").focus();
  }

  /** @param {any} item */
  #setRead(item) {
    item.classList.remove("is-unread");
    item.querySelector(".state").textContent = "";
    item.querySelector(".actions button")?.remove();
    const channel = this.#channels.get(item.dataset.channel);
    if (channel) channel.unread -= 1;
  }

  #update() {
    this.element.toggleAttribute("data-empty", !this.element.querySelector("li:not([hidden])"));
    $("read-all").hidden = !this.element.querySelector(".is-unread:not([hidden])");
    this.#onUnread();
  }
}

/** @param {any} data @returns {{title: string, text: string, href: string | null}} */
function parts(data) {
  if (typeof data !== "object" || data === null) return { title: "", text: readable(data), href: null };
  const first = (/** @type {string[]} */ names) =>
    names.map((name) => data[name]).find((value) => typeof value === "string" && value) ?? "";
  const [title, text] = [first(TITLES), first(TEXTS)];
  const href = safeLink(first(LINKS));
  return title || text ? { title, text, href } : { title: "", text: readable(data), href };
}
