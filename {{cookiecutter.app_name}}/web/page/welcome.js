/** The first visit: a name, and what to try. */

import { $ } from "./dom.js";

/** Put the form of the name where it belongs: in the welcome, and later behind the avatar. */
function placeForm() {
  const place = $($("welcome").hidden ? "profile-form" : "welcome-form");
  // An element that is inserted again loses the focus.
  if (!place.contains($("name-form"))) place.append($("name-form"));
}

/**
 * A connection that is renewed, or a name given in another tab, does not end it: somebody may be typing.
 *
 * @param {import("./session.js").Session} session
 * @param {boolean} hasNames whether the server lets users choose a name
 */
export function showWelcome(session, hasNames) {
  $("welcome").hidden = !hasNames || (session.welcomed && $("welcome").hidden);
  placeForm();
}

/** @param {import("./session.js").Session} session */
export function endWelcome(session) {
  session.setWelcomed();
  $("welcome").hidden = true;
  placeForm();
}

/** @param {import("./session.js").Session} session */
export function serveWelcome(session) {
  placeForm();
  $("not-now").addEventListener("click", () => {
    endWelcome(session);
    $("message-input").focus();
  });
  $("second-tab").addEventListener("click", () => open(location.href, "_blank", "noopener"));
  $("copy-command").addEventListener("click", async () => {
    const text = $("notify-command").textContent;
    const copied = await navigator.clipboard?.writeText(text).then(() => true, () => false);
    if (copied) $("copy-command").textContent = "Copied";
    else getSelection()?.selectAllChildren($("notify-command"));
  });
}

/** The command that sends a notification. @param {string} url the server's */
export function showCommand(url) {
  const { protocol, host, hostname } = new URL(url);
  const event = JSON.stringify({ channel: "lobby", data: "Hello" });
  const isLocal = ["localhost", "127.0.0.1", "[::1]"].includes(hostname);
  const local = `curl ${protocol.replace("ws", "http")}//${host}/2015-03-31/functions/notify/invocations -d '${event}'`;
  const aws = `aws lambda invoke --function-name NOTIFY_FUNCTION --cli-binary-format raw-in-base64-out --payload '${event}' out.json`;
  $("notify-command").textContent = isLocal ? local : aws;
  $("notify-hint-aws").hidden = isLocal;
}
