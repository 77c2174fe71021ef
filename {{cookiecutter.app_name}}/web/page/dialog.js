/** A question that the user must answer. */

import { $ } from "./dom.js";

/** @param {string} question @param {string} yes @returns {Promise<boolean>} */
export function ask(question, yes) {
  const dialog = $("dialog");
  $("dialog-text").textContent = question;
  $("dialog-yes").textContent = yes;
  $("dialog-yes").onclick = () => dialog.close("yes");
  $("dialog-no").onclick = () => dialog.close("no");
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
