/** Text of users as nodes. It never becomes markup. A link leads to http: and https: alone. */

// An address with signs that change the direction of text would look like another.
const LINK = /\bhttps?:\/\/[^\s<>"'`\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gi;

// The end of a sentence is not part of a link.
const END = /[.,;:!?)\]}]+$/;

// Lists of lists need much more space to be read than to be sent.
const MAX_LENGTH = 40_000;

/** @param {unknown} data any JSON value @returns {string} as people read it */
export function readable(data) {
  try {
    const text = typeof data === "string" ? data : JSON.stringify(data, null, 2);
    return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text;
  } catch {
    return "(lists with too many levels)";
  }
}

/** @param {unknown} text @returns {string | null} the address, if a link may lead there */
export function safeLink(text) {
  if (typeof text !== "string" || !URL.canParse(text)) return null;
  const url = new URL(text);
  // A part before an @ could pass for the host.
  const isPlain = !url.username && !url.password;
  return ["http:", "https:"].includes(url.protocol) && isPlain ? url.href : null;
}

/** @param {string} href @param {string} text @returns {HTMLAnchorElement} */
export function link(href, text) {
  const properties = { href, target: "_blank", rel: "noopener noreferrer", textContent: text };
  return Object.assign(document.createElement("a"), properties);
}

/** @param {string} text @returns {(string | HTMLAnchorElement)[]} */
export function withLinks(text) {
  const nodes = [];
  let at = 0;
  for (const { 0: found, index } of text.matchAll(LINK)) {
    const address = balanced(found);
    const href = safeLink(address);
    if (!href) continue;
    nodes.push(text.slice(at, index), link(href, address));
    at = index + address.length;
  }
  nodes.push(text.slice(at));
  return nodes;
}

/** @param {string} found @returns {string} without the end of a sentence; a closing bracket may stay */
function balanced(found) {
  const address = found.replace(END, "");
  const rest = found.slice(address.length);
  return rest.startsWith(")") && address.includes("(") ? `${address})` : address;
}
