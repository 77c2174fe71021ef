/** What tells a user of unread messages: title, icon, and the browser's notifications. */

import { $ } from "./dom.js";

const ICON = $("icon").href;
const ICON_UNREAD = ICON.replace("%3C/svg%3E",
  "%3Ccircle cx='12' cy='4' r='4' fill='%23d92d20'/%3E%3C/svg%3E");

/** @param {import("./channel.js").Channel[]} channels */
export function showUnread(channels) {
  const unread = channels.reduce((sum, each) => sum + each.unread, 0);
  for (const { name, unread } of channels) if (!unread) withdraw(name);
  const title = $("app-title").textContent;
  document.title = unread ? `(${unread}) ${title}` : title;
  const icon = unread ? ICON_UNREAD : ICON;
  if ($("icon").href !== icon) $("icon").href = icon;
  $("total-unread").textContent = unread ? String(Math.min(unread, 99)) : "";
}

/** Those that are shown, by channel. @type {Map<string, Notification>} */
const shown = new Map();

/**
 * Show a notification of the browser, if the user wants that and does not see the page.
 *
 * @param {import("./session.js").Session} session
 * @param {import("./channel.js").Channel} channel
 * @param {string} sender
 * @param {string} text
 * @param {() => void} onClick
 */
export function notify(session, { name, title }, sender, text, onClick) {
  if (!document.hidden || !session.notifies || globalThis.Notification?.permission !== "granted") return;
  try {
    const heading = `${sender}: ${title}`;
    const notification = new Notification(heading, { body: text.slice(0, 200), tag: name });
    shown.set(name, notification);
    notification.addEventListener("click", () => {
      focus();
      onClick();
      notification.close();
    });
  } catch {
    // Phones take notifications of service workers alone.
  }
}

/** A channel has been read: its notification is of no more use. @param {string} name */
export function withdraw(name) {
  shown.get(name)?.close();
  shown.delete(name);
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
