/** The user's own name. */

import { on } from "./attempt.js";
import { $, setAvatar } from "./dom.js";
import { endWelcome } from "./welcome.js";

/** @typedef {import("../client/client.js").Client} Client */

/**
 * @param {Client} client
 * @param {import("./session.js").Session} session
 * @param {() => string} user returns the name of the user who is signed in, or ""
 * @param {() => unknown} onNamed
 * @returns {() => void} shows the name again
 */
export function serveName(client, session, user, onNamed) {
  const show = () => showName(client, user());
  show();
  // The server may have refused a name that was given offline.
  client.addEventListener("state", show);
  on("name-form", "submit", async () => {
    await client.setName($("name-input").value.trim());
    session.name = client.name;
    $("name-input").value = client.name;
    show();
    // The form goes behind the avatar, and the focus not with it.
    const inWelcome = $("welcome").contains(document.activeElement);
    endWelcome(session);
    if (inWelcome) $("message-input").focus();
    if ($("profile").matches(":popover-open")) $("profile").hidePopover();
    await onNamed();
  });
  return show;
}

/** @param {Client} client @param {string} user */
function showName({ name }, user) {
  const shown = user || name || "You";
  // What the user is typing stays.
  const input = $("name-input");
  if (input.value === input.defaultValue) input.value = name;
  input.defaultValue = name;
  $("profile-name").textContent = shown;
  setAvatar($("profile-avatar"), shown);
}
