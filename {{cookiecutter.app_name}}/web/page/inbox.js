/** The notifications of all channels: those unread first, then the others, each with the newest first. */

import { $, button, clone, setTime, showChannel, when } from "./dom.js";
import { link, readable, safeLink, withLinks } from "./text.js";

/** @typedef {import("../client/client.js").Client} Client */
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
  #unread = this.element.querySelector(".unread-items ol");
  #read = this.element.querySelector(".read-items ol");
  #client;
  #session;
  #onUnread;
  /** @type {Map<string, Channel>} */ #channels = new Map();
  #filter = "";

  /** @param {Client} client @param {Session} session @param {() => void} onUnread */
  constructor(client, session, onUnread) {
    this.#client = client;
    this.#session = session;
    this.#onUnread = onUnread;
    $("read-all").addEventListener("click", () => this.#markAll());
  }

  /** @param {string} channel the one to show; "" for all */
  show(channel) {
    this.#filter = channel;
    $("messages").replaceChildren(this.element);
    $("messages").scrollTop = 0;
    for (const item of this.#items) this.#hideOrShow(item);
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
    showChannel(item.querySelector(".channel-name"), channel.name, this.#client.user);
    setTime(item.querySelector("time"), sent_at, when(sent_at));
    const { title, text, href } = parts(data);
    item.querySelector(".headline").textContent = title;
    item.querySelector(".data").replaceChildren(...withLinks(text));
    item.querySelector(".data").classList.toggle("json", typeof data !== "string" && !title && !href);
    const isUnread = this.#session.isUnread(channel.name, message_id);
    this.#addActions(item, href, isUnread);
    if (isUnread) channel.addUnread(message_id);
    item.classList.toggle("is-unread", isUnread);
    item.querySelector(".state").textContent = isUnread ? "Unread" : "";
    this.#insert(item);
    this.#hideOrShow(item);
    this.#update();
    return { isUnread, text: title || text };
  }

  /** @param {string} channel @returns {string} the id of its newest notification; "" if it has none */
  newest(channel) {
    return this.#itemsOf(channel).reduce((id, item) => (item.dataset.id > id ? item.dataset.id : id), "");
  }

  /** Another device has read a channel up to a notification. @param {Channel} channel @param {string} id */
  readTo(channel, id) {
    this.#session.read(channel.name, id);
    for (const item of this.#itemsOf(channel.name)) if (item.dataset.id <= id) this.#setRead(item);
    this.#update();
  }

  /** Another device has read one notification. @param {Channel} channel @param {string} id */
  readOne(channel, id) {
    this.#session.readOne(channel.name, id);
    const item = this.#itemsOf(channel.name).find((each) => each.dataset.id === id);
    if (item) this.#setRead(item);
    this.#update();
  }

  /** @returns {any[]} */
  get #items() {
    return [...this.#unread.children, ...this.#read.children];
  }

  /** @param {string} channel @returns {any[]} */
  #itemsOf(channel) {
    return this.#items.filter((item) => item.dataset.channel === channel);
  }

  /** @param {any} item @param {string | null} href @param {boolean} isUnread */
  #addActions(item, href, isUnread) {
    const actions = item.querySelector(".actions");
    if (href) {
      const open = link(href, "Open");
      open.addEventListener("click", () => this.#markOne(item));
      actions.append(open);
    }
    if (!isUnread) return;
    actions.append(button("Mark as read", () => {
      this.#markOne(item);
      $("messages").focus();
    }));
  }

  /** @param {any} item */
  #hideOrShow(item) {
    item.hidden = Boolean(this.#filter) && item.dataset.channel !== this.#filter;
  }

  /** Put it at its place in the list that it belongs to. @param {any} item */
  #insert(item) {
    const list = item.classList.contains("is-unread") ? this.#unread : this.#read;
    let after = list.firstElementChild;
    while (after && after.dataset.id > item.dataset.id) after = after.nextElementSibling;
    if (after) after.before(item);
    else list.append(item);
    if (this.#items.length > MAX_ITEMS) this.#forget(this.#items.at(-1));
  }

  /** Leave out what nobody can mark as read any more. @param {any} item */
  #forget(item) {
    this.#channels.get(item.dataset.channel)?.readOne(item.dataset.id);
    item.remove();
  }

  /** @param {any} item */
  #markOne(item) {
    if (!item.classList.contains("is-unread")) return;
    const { channel, id } = item.dataset;
    this.#session.readOne(channel, id);
    this.#setRead(item);
    if (this.#moveMark(channel) < id) this.#client.markRead(channel, id, { only: true });
    this.#update();
  }

  #markAll() {
    const items = [...this.#unread.querySelectorAll("li:not([hidden])")];
    for (const item of items) {
      this.#session.readOne(item.dataset.channel, item.dataset.id);
      this.#setRead(item);
    }
    for (const channel of new Set(items.map(({ dataset }) => dataset.channel))) this.#moveMark(channel);
    this.#update();
    $("messages").focus();
  }

  /**
   * Tell the user's other devices up to which notification all are read.
   *
   * @param {string} channel
   * @returns {string} its id; "" if none is
   */
  #moveMark(channel) {
    const items = this.#itemsOf(channel);
    const unread = items.filter((item) => item.classList.contains("is-unread"));
    const end = unread.reduce((first, { dataset: { id } }) => (id < first ? id : first), "~");
    const mark = items.reduce((last, { dataset: { id } }) => (id > last && id < end ? id : last), "");
    if (mark) this.#session.read(channel, mark);
    if (mark) this.#client.markRead(channel, mark);
    return mark;
  }

  /** @param {any} item */
  #setRead(item) {
    if (!item.classList.contains("is-unread")) return;
    item.classList.remove("is-unread");
    item.querySelector(".state").textContent = "";
    item.querySelector(".actions button")?.remove();
    this.#channels.get(item.dataset.channel)?.readOne(item.dataset.id);
    this.#insert(item);
  }

  #update() {
    const [unread, read] = [this.#unread, this.#read].map((list) => Boolean(list.querySelector("li:not([hidden])")));
    this.#unread.parentElement.hidden = !unread;
    this.#read.parentElement.hidden = !read;
    // One list alone needs no heading.
    this.element.toggleAttribute("data-both", unread && read);
    this.element.toggleAttribute("data-empty", !unread && !read);
    $("read-all").hidden = !unread;
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
