/** The user's own name. */

import { on } from "./attempt.js";
import { $, setAvatar } from "./dom.js";
import { endWelcome } from "./welcome.js";

/** @typedef {import("../client/client.js").Client} Client */

/**
 * @param {Client} client
 * @param {import("./session.js").Session} session
 * @param {string} user the id of the user who is signed in, or ""
 * @param {() => unknown} onNamed
 */
export function serveName(client, session, user, onNamed) {
  showName(client, user);
  on("name-form", "submit", async () => {
    await client.setName($("name-input").value.trim());
    session.name = client.name;
    showName(client, user);
    endWelcome(session);
    if ($("profile").matches(":popover-open")) $("profile").hidePopover();
    await onNamed();
  });
}

/** @param {Client} client @param {string} user */
function showName({ name }, user) {
  const shown = user || name || "You";
  $("name-input").value = name;
  $("profile-name").textContent = shown;
  setAvatar($("profile-avatar"), shown);
}
