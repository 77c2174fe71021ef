/** One message on the page. */

import { button, clone, setAvatar, setTime, timeOf } from "./dom.js";
import { readable, withLinks } from "./text.js";

/**
 * @param {"own" | "other"} kind
 * @param {string} sender
 * @param {unknown} data
 * @param {number} sentAt in ms since the epoch
 * @param {string} [person] tells the sender from others of the same name
 * @returns {HTMLElement}
 */
export function newMessage(kind, sender, data, sentAt, person = "") {
  const item = clone("message-item");
  item.classList.add(kind);
  item.dataset.sender = `${kind} ${person} ${sender}`;
  item.querySelector(".sender").textContent = sender;
  setAvatar(item.querySelector(".avatar"), sender);
  setData(item, data);
  setSentAt(item, sentAt);
  return item;
}

/** @param {HTMLElement} item @param {unknown} data */
export function setData(item, data) {
  const body = /** @type {HTMLElement} */ (item.querySelector(".data"));
  body.replaceChildren(...withLinks(readable(data)));
  body.classList.toggle("json", typeof data !== "string");
}

/** @param {HTMLElement} item @param {number} ms */
export function setSentAt(item, ms) {
  item.dataset.at = String(ms);
  setTime(/** @type {HTMLElement} */ (item.querySelector("time")), ms, timeOf(ms));
}

/** @param {HTMLElement} item @param {string} text @param {...HTMLElement} buttons */
export function setReceipt(item, text, ...buttons) {
  item.querySelector(".receipt")?.replaceChildren(text, ...buttons);
}

/**
 * @param {HTMLElement} item a message that was on its way
 * @param {string} reason
 * @param {{again: () => void, edit: () => void}} choices
 */
export function fail(item, reason, { again, edit }) {
  item.classList.replace("pending", "failed");
  const choice = (/** @type {string} */ text, /** @type {() => void} */ run) => button(text, () => {
    item.remove();
    run();
  });
  setReceipt(item, `Not sent. ${reason} `, choice("Send again", again), choice("Edit", edit));
}
