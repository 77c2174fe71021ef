/** The line that tells the state of the connection, and the one that tells of errors. */

import { $ } from "./dom.js";

/** @typedef {import("../client/events.js").State} State */

const TEXTS = {
  connecting: "Connecting…",
  online: "Online",
  offline: "Offline",
  closed: "Not connected",
  signed_out: "Signed out",
  refused: "Refused",
};

/** @type {ReturnType<typeof setInterval> | undefined} */ let timer;

/** @param {State} detail */
export function show({ state, retryMs, reason }) {
  clearInterval(timer);
  const until = performance.now() + (retryMs ?? 0);
  const count = () => {
    const seconds = Math.max(0, Math.ceil((until - performance.now()) / 1000));
    $("countdown").textContent = `: retrying in ${seconds} s`;
  };
  $("state").dataset.state = state;
  $("state-text").textContent = TEXTS[state];
  $("countdown").textContent = "";
  $("retry").hidden = !["offline", "closed", "signed_out", "refused"].includes(state);
  if (reason) report(reason);
  if (retryMs === undefined) return;
  // Beside the text, which alone is read out.
  count();
  timer = setInterval(count, 250);
}

/** Tell the user of an error; "" when it is over. @param {string} text */
export function report(text) {
  $("status").textContent = text;
  if (text) $("status").scrollIntoView({ block: "nearest" });
}
