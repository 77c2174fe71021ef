/** Notifications of channels that are not in view. They stand above the composer, over nothing. */

import { $, clone } from "./dom.js";

const MAX_TOASTS = 2;
const SHOWN_MS = 8_000;

/**
 * @param {import("./channel.js").Channel} channel
 * @param {string} text
 * @param {() => void} onOpen
 */
export function toast(channel, text, onOpen) {
  const item = clone("toast-item");
  item.querySelector(".channel-name").textContent = channel.title;
  item.querySelector(".channel-name").classList.toggle("personal", channel.name.startsWith("@"));
  item.querySelector(".data").textContent = text;
  const remove = () => {
    const hadFocus = item.contains(document.activeElement);
    item.remove();
    if (hadFocus) $("messages").focus();
  };
  item.querySelector(".open").addEventListener("click", () => {
    onOpen();
    remove();
  });
  item.querySelector(".dismiss").addEventListener("click", remove);
  let timer = setTimeout(remove, SHOWN_MS);
  for (const type of ["pointerenter", "focusin"]) item.addEventListener(type, () => clearTimeout(timer));
  for (const type of ["pointerleave", "focusout"]) {
    item.addEventListener(type, () => { timer = setTimeout(remove, SHOWN_MS); });
  }
  $("toasts").append(item);
  if ($("toasts").children.length > MAX_TOASTS) $("toasts").firstElementChild.remove();
}

/** Say something once. @param {string} text @param {boolean} [unseen] only to screen readers */
export function announce(text, unseen = false) {
  $("announcement").classList.toggle("unseen", unseen);
  $("announcement").textContent = text;
}

/**
 * @param {number} count of what came while the client was away
 * @param {"message" | "notification"} what
 * @param {boolean} hasGap whether there were others
 * @param {boolean} unseen only to screen readers
 */
export function announceMissed(count, what, hasGap, unseen) {
  const missed = count ? `${count} new ${what}${count === 1 ? "" : "s"} while you were away.` : "";
  const gap = hasGap ? `Some ${what}s are no longer kept.` : "";
  if (missed || gap) announce(`${missed} ${gap}`.trim(), unseen);
}
