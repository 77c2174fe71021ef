/** The messages of one channel, in the order of their ids. Messages on their way come last. */

import { clone, dayOf, line } from "./dom.js";
import { newMessage, setData, setReceipt, setSentAt } from "./message.js";

const MAX_ELEMENTS = 1000;

// Messages of one sender within this time stand together, under one name.
const GROUP_MS = 5 * 60_000;

// A browser tells screen readers of a change some time after it.
const SETTLE_MS = 1_000;

// Sorts before each message.
const START = "000000000000";

export class Messages {
  element = clone("channel-messages");

  /** @param {string} channel */
  constructor(channel) {
    this.element.setAttribute("aria-label", `Messages in ${channel}`);
  }

  /** The id of the last message, "" if there is none. */
  newest = "";
  /** The last of the user's messages, which tells that it has arrived. @type {HTMLElement | null} */
  #delivered = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;

  /**
   * Add a message that has arrived.
   *
   * @param {"own" | "other"} kind
   * @param {string} sender
   * @param {unknown} data
   * @param {number} sentAt in ms since the epoch
   * @param {string} id
   * @param {string} [person] tells the sender from others of the same name
   */
  add(kind, sender, data, sentAt, id, person) {
    const item = newMessage(kind, sender, data, sentAt, person);
    this.#insertMessage(item, id);
  }

  /**
   * Let screen readers read out what comes, which they do not do with a history.
   *
   * @param {boolean} on
   */
  readOut(on) {
    clearTimeout(this.#timer);
    if (!on) this.element.setAttribute("aria-live", "off");
    else this.#timer = setTimeout(() => this.element.removeAttribute("aria-live"), SETTLE_MS);
  }

  /** Add a message of the user's that is on its way. @param {unknown} data @returns {HTMLElement} */
  addPending(data) {
    const item = newMessage("own", "You", data, Date.now());
    item.classList.add("pending");
    this.element.append(item);
    this.#arrange(item);
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
    setSentAt(item, parseInt(id.slice(0, 12), 16));
    setReceipt(item, "");
    this.#remove(item);
    this.#insertMessage(item, id);
  }

  /** @param {...(string | Node)} parts what has happened just now */
  note(...parts) {
    const note = line("p", "note", "");
    note.append(...parts);
    note.dataset.at = String(Date.now());
    this.#insert(note, `${this.newest || START}~`);
  }

  /** Tell, once, that there may have been others before what comes next. */
  gap() {
    this.element.querySelector(".gap")?.remove();
    this.#insert(line("p", "note gap", "Older messages are no longer kept."), `${this.newest || START}~`);
  }

  /** Mark where the unread messages begin, unless that is marked. @param {string} id of the first */
  markUnread(id) {
    if (this.element.querySelector(".unread")) return;
    const first = [...this.element.querySelectorAll("[data-id]")].find((each) => each.dataset.id >= id);
    first?.before(line("p", "unread", "New messages"));
    if (first) this.#arrange(first);
  }

  /** Name the days anew: today becomes yesterday. */
  nameDays() {
    for (const day of this.element.querySelectorAll(".day")) {
      const name = dayOf(Number(day.dataset.ms));
      // A change is read out.
      if (day.textContent !== name) day.textContent = name;
    }
  }

  clearUnread() {
    const mark = this.element.querySelector(".unread");
    const following = mark && next(mark);
    mark?.remove();
    // It may stand in one group with the message before it again.
    this.#arrange(following);
  }

  /** @param {HTMLElement} item @param {string} id */
  #insertMessage(item, id) {
    this.#insert(item, id);
    if (id > this.newest) this.newest = id;
    const last = this.#delivered;
    if (!item.classList.contains("own") || (last?.dataset.id ?? "") > id) return;
    if (last) setReceipt(last, "");
    setReceipt(item, "Delivered");
    this.#delivered = item;
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
    if (before) before.after(item);
    else this.element.prepend(item);
    this.#arrange(item);
    this.#arrange(next(item));
    if (this.element.children.length > MAX_ELEMENTS) this.#remove(this.element.querySelector("[data-id]"));
  }

  /** @param {HTMLElement} item */
  #remove(item) {
    const following = next(item);
    if (item.previousElementSibling?.matches(".day")) item.previousElementSibling.remove();
    item.remove();
    this.#arrange(following);
  }

  /** Show the day and the sender where they are others than before. @param {HTMLElement | null} item */
  #arrange(item) {
    if (!item?.dataset.at) return;
    const at = Number(item.dataset.at);
    const before = previous(item);
    // A day stands above the line of new messages.
    const mark = item.previousElementSibling;
    const start = mark?.matches(".unread") ? mark : item;
    if (start.previousElementSibling?.matches(".day")) start.previousElementSibling.remove();
    if (!before || dayOf(Number(before.dataset.at)) !== dayOf(at)) {
      const day = line("h3", "day", dayOf(at));
      day.dataset.ms = String(at);
      start.before(day);
    }
    const grouped = before?.dataset.sender !== undefined
      && before.dataset.sender === item.dataset.sender
      && Math.abs(at - Number(before.dataset.at)) < GROUP_MS
      && item.previousElementSibling === before;
    item.classList.toggle("grouped", grouped);
  }
}

/** @param {Element} item @returns {any} the element before it that has a time */
function previous(item) {
  let element = item.previousElementSibling;
  while (element && !(/** @type {HTMLElement} */ (element).dataset.at)) {
    element = element.previousElementSibling;
  }
  return element;
}

/** @param {Element} item @returns {any} the element after it that has a time */
function next(item) {
  let element = item.nextElementSibling;
  while (element && !(/** @type {HTMLElement} */ (element).dataset.at)) {
    element = element.nextElementSibling;
  }
  return element;
}
