/** What tells a user of unread messages: title, icon, and the browser's notifications. */

import { $ } from "./dom.js";

const ICON = $("icon").href;
const ICON_UNREAD = ICON.replace("%3C/svg%3E",
  "%3Ccircle cx='12' cy='4' r='4' fill='%23d92d20'/%3E%3C/svg%3E");

/** @param {number} unread */
export function showUnread(unread) {
  const title = $("app-title").textContent;
  document.title = unread ? `(${unread}) ${title}` : title;
  const icon = unread ? ICON_UNREAD : ICON;
  if ($("icon").href !== icon) $("icon").href = icon;
  $("total-unread").textContent = unread ? String(Math.min(unread, 99)) : "";
}

/**
 * Show a notification of the browser, if the user wants that and does not see the page.
 *
 * @param {import("./session.js").Session} session
 * @param {string} channel
 * @param {string} sender
 * @param {string} text
 */
export function notify(session, channel, sender, text) {
  if (!document.hidden || !session.notifies || globalThis.Notification?.permission !== "granted") return;
  try {
    const notification = new Notification(`${sender} in ${channel}`, { body: text.slice(0, 200), tag: channel });
    notification.addEventListener("click", () => {
      focus();
      notification.close();
    });
  } catch {
    // Phones take notifications of service workers alone.
  }
}

/** Let the user switch notifications on; the browser is asked on a click alone.
 * @param {import("./session.js").Session} session */
export function serveSwitch(session) {
  const control = $("notify-me");
  $("notify-row").hidden = !globalThis.Notification;
  control.checked = session.notifies && globalThis.Notification?.permission === "granted";
  control.addEventListener("change", async () => {
    if (control.checked) control.checked = (await Notification.requestPermission()) === "granted";
    session.notifies = control.checked;
    $("notify-hint").textContent = control.checked || Notification.permission !== "denied" ? ""
      : "The browser blocks them. Allow notifications for this page in its settings.";
  });
}
