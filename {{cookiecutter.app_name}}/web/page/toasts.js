/** Shows for a while what the server has to say. */

import { $, clone } from "./dom.js";

const MOST = 3;
const MS = 8_000;

/** @param {string} channel @param {string} text */
export function toast(channel, text) {
  const item = clone("toast-item");
  item.querySelector(".channel-name").textContent = channel;
  item.querySelector(".data").textContent = text;
  const over = () => item.remove();
  item.querySelector("button").addEventListener("click", over);
  let timer = setTimeout(over, MS);
  for (const type of ["pointerenter", "focusin"]) item.addEventListener(type, () => clearTimeout(timer));
  for (const type of ["pointerleave", "focusout"]) {
    item.addEventListener(type, () => { timer = setTimeout(over, MS); });
  }
  $("toasts").append(item);
  if ($("toasts").children.length > MOST) $("toasts").firstElementChild.remove();
}
