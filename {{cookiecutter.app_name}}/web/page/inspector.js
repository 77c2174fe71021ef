/** Shows the frames as they go by, the last of them, for learning. */

import { $, clone } from "./dom.js";
import { readable } from "./text.js";

// As in layout.css: on a smaller screen the inspector covers the rest.
const covers = matchMedia("(width < 56.25rem)");

const LENGTH = 200;

/** @typedef {{sent: boolean, text: string, at: Date}} Passed */

/** @type {Passed[]} */ let passed = [];
let paused = false;

/** @param {{sent: boolean, text: string}} frame one that has just gone by */
export function show(frame) {
  if (paused) return;
  const each = { ...frame, at: new Date() };
  passed.push(each);
  if (passed.length > LENGTH) passed.shift();
  if (!$("inspector").hidden) add(each);
}

/** @param {boolean} open */
export function open(open) {
  $("inspector").hidden = !open;
  document.body.toggleAttribute("data-inspecting", open);
  setInert();
  $("inspect").setAttribute("aria-expanded", String(open));
  $("frames").replaceChildren();
  if (open) passed.forEach(add);
}

/** The focus must not go on behind it. */
function setInert() {
  const covered = covers.matches && !$("inspector").hidden;
  for (const element of document.querySelectorAll(".bar > :not(h1), main > :not(#inspector)")) {
    element.toggleAttribute("inert", covered);
  }
}

/** @param {Passed} each */
function add({ sent, text, at }) {
  const item = clone("frame-item");
  const frame = parsed(text);
  item.classList.add(sent ? "sent" : "received");
  item.querySelector(".way").textContent = sent ? "sent" : "received";
  item.querySelector(".what").textContent = (sent ? frame.action : frame.type) ?? "?";
  item.querySelector(".hint").textContent = hint(frame);
  item.querySelector("time").textContent = at.toLocaleTimeString([], { hour12: false });
  const details = item.querySelector("details");
  details.addEventListener("toggle", () => { // most are never opened
    item.querySelector("pre").textContent = details.open ? readable(frame) : "";
  });
  const list = $("frames");
  list.prepend(item);
  if (list.children.length > LENGTH) list.lastElementChild.remove();
}

/** @param {Record<string, any>} frame */
function hint({ code, channel, name, event, data }) {
  const start = data === undefined ? undefined : readable(data).slice(0, 60);
  const text = typeof data === "string" ? `“${start}”` : start?.replace(/\s+/g, "");
  return [code, channel, event, name, text].filter((each) => typeof each === "string").join(" ");
}

/** @param {string} text */
function parsed(text) {
  try {
    return Object(JSON.parse(text));
  } catch {
    return { text };
  }
}

$("inspect").addEventListener("click", () => {
  open($("inspector").hidden);
  if (!$("inspector").hidden) $("close-inspector").focus();
});
function close() {
  open(false);
  $("inspect").focus();
}

covers.addEventListener("change", setInert);
$("close-inspector").addEventListener("click", close);
$("inspector").addEventListener("keydown", (/** @type {KeyboardEvent} */ { key }) => key === "Escape" && close());
$("pause").addEventListener("click", () => {
  paused = !paused;
  $("pause").setAttribute("aria-pressed", String(paused));
});
$("clear").addEventListener("click", () => {
  passed = [];
  $("frames").replaceChildren();
});
