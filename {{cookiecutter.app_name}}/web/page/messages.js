/** The messages of one channel, in the order of their ids. What is on its way comes last. */

import { clone, colour, line, readable, when } from "./dom.js";

/** @typedef {Record<string, any>} Frame */

const LENGTH = 1000;

export class Log {
  element = clone("channel-log");

  /** @param {string} channel */
  constructor(channel) {
    this.element.setAttribute("aria-label", `Messages in ${channel}`);
  }

  /** The id of the last message, "" if there is none. */
  get newest() {
    const last = this.#before("~");
    return last ? last.dataset.id.slice(0, 29) : "";
  }

  /**
   * @param {"own" | "other" | "notification"} kind
   * @param {string} sender
   * @param {unknown} data
   * @param {number} sentAt in ms since the epoch
   * @param {string} [id] none: it is on its way
   * @returns {HTMLElement}
   */
  message(kind, sender, data, sentAt, id) {
    const item = clone("message-item");
    item.classList.add(kind);
    item.querySelector(".sender").textContent = sender;
    item.querySelector(".avatar").textContent = [...sender][0];
    colour(item, sender);
    setData(item, data);
    setTime(item, sentAt);
    if (id) this.#insert(item, id);
    else this.element.append(item);
    item.classList.toggle("pending", !id);
    item.querySelector(".receipt").textContent = id ? "" : "Sending…";
    return item;
  }

  /**
   * @param {HTMLElement} item a message that was on its way
   * @param {string} id
   * @param {unknown} data what the server made of it
   */
  deliver(item, id, data) {
    item.classList.remove("pending", "failed");
    setData(item, data);
    setTime(item, parseInt(id.slice(0, 12), 16));
    /** @type {HTMLElement} */ (item.querySelector(".receipt")).textContent = "Delivered";
    this.#insert(item, id);
  }

  /**
   * @param {HTMLElement} item a message that was on its way
   * @param {string} why it is no more
   * @param {() => void} again sends it again
   */
  fail(item, why, again) {
    item.classList.replace("pending", "failed");
    const button = Object.assign(line("button", "quiet", "Send again"), { type: "button" });
    button.addEventListener("click", () => {
      item.remove();
      again();
    });
    /** @type {HTMLElement} */ (item.querySelector(".receipt")).replaceChildren(`Not sent. ${why} `, button);
  }

  /** @param {string} text what has happened just now */
  note(text) {
    this.#insert(line("p", "note", text), `${this.newest}~`);
  }

  /** Says, once, that there may have been others before what comes next. */
  gap() {
    this.element.querySelector(".gap")?.remove();
    this.#insert(line("p", "note gap", "Older messages are no longer kept."), `${this.newest}~`);
  }

  /** @param {string} id @returns {any} the last element that belongs before it */
  #before(id) {
    let last = this.element.lastElementChild;
    while (last && !(last.dataset.id <= id)) last = last.previousElementSibling;
    return last;
  }

  /** @param {HTMLElement} item @param {string} id */
  #insert(item, id) {
    item.dataset.id = id;
    const before = this.#before(id);
    if (before === item) return;
    if (before) before.after(item);
    else this.element.prepend(item);
    if (this.element.children.length > LENGTH) this.element.firstElementChild.remove();
  }
}

/** @param {HTMLElement} item @param {unknown} data */
function setData(item, data) {
  const body = /** @type {HTMLElement} */ (item.querySelector(".data"));
  body.textContent = readable(data);
  body.classList.toggle("json", typeof data !== "string");
}

/** @param {HTMLElement} item @param {number} ms */
function setTime(item, ms) {
  const time = /** @type {HTMLTimeElement} */ (item.querySelector("time"));
  time.dateTime = new Date(ms).toISOString();
  time.title = new Date(ms).toLocaleString();
  time.textContent = when(ms);
}
