/** The line that says how the connection is. */

import { $ } from "./dom.js";

const TEXTS = { connecting: "Connecting…", online: "Online", offline: "Offline" };

/** @type {ReturnType<typeof setInterval> | undefined} */ let timer;

/** @param {{state: "connecting" | "online" | "offline", retryMs?: number}} detail */
export function show({ state, retryMs }) {
  clearInterval(timer);
  const until = Date.now() + (retryMs ?? 0);
  const count = () => {
    const seconds = Math.max(0, Math.ceil((until - Date.now()) / 1000));
    $("countdown").textContent = `: retrying in ${seconds} s`;
  };
  $("state").dataset.state = state;
  $("state-text").textContent = TEXTS[state];
  $("countdown").textContent = "";
  $("retry").hidden = retryMs === undefined;
  if (retryMs === undefined) return;
  count(); // beside the text, which alone is read out
  timer = setInterval(count, 250);
}
