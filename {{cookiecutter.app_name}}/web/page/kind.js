/** What the page is: a chat, an inbox of notifications, or an echo. The server's actions decide. */

import { $ } from "./dom.js";

/** @typedef {import("../client/client.js").Client} Client */

const TITLES = { chat: "Chat", notifications: "Notifications", echo: "Echo" };

/** @type {Record<string, string[]>} the parts that are shown before the server has answered */
const PARTS = {
  chat: ["name", "join", "leave", "who", "channels"],
  notifications: ["join", "leave"],
  echo: [],
};

/** @param {Client} client @returns {string} */
export function kindOf(client) {
  if (client.can("broadcast")) return "chat";
  return client.can("join") ? "notifications" : "echo";
}

/** @param {Client} client @param {string} kind "": not known yet */
export function showKind(client, kind) {
  const isKnown = Object.keys(client.actions).length > 0;
  for (const part of document.querySelectorAll("[data-action], [data-opens]")) {
    const { action, opens = "" } = /** @type {HTMLElement} */ (part).dataset;
    const needed = action ?? opens;
    const isOn = isKnown ? client.can(needed) : PARTS[kind]?.includes(needed);
    part.toggleAttribute("hidden", !isOn);
  }
  if (!kind) return;
  document.body.dataset.kind = kind;
  $("app-title").textContent = TITLES[/** @type {"chat"} */ (kind)] ?? "Chat";
  $("composer").hidden = kind === "notifications";
  $("all").hidden = kind !== "notifications";
}
