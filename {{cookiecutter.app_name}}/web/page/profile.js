/** The user's own name. */

import { on } from "./attempt.js";
import { $, setAvatar } from "./dom.js";
import { endWelcome } from "./welcome.js";

/** @typedef {import("../client/client.js").Client} Client */

/**
 * @param {Client} client
 * @param {import("./session.js").Session} session
 * @param {() => unknown} onNamed
 */
export function serveName(client, session, onNamed) {
  showName(client);
  on("name-form", "submit", async () => {
    await client.setName($("name-input").value.trim());
    session.name = client.name;
    showName(client);
    endWelcome(session);
    if ($("profile").matches(":popover-open")) $("profile").hidePopover();
    await onNamed();
  });
}

/** @param {Client} client */
function showName({ name }) {
  $("name-input").value = name;
  $("profile-name").textContent = name || "You";
  setAvatar($("profile-avatar"), name || "You");
}
