/** Short ways to the document. Text is only ever put in as text. */

/** @param {string} id @returns {any} the element */
export const $ = (id) => document.getElementById(id);

/** @param {string} id of a template @returns {any} a copy of the element in it */
export const clone = (id) => $(id).content.firstElementChild.cloneNode(true);

/**
 * @param {string} tag
 * @param {string} className
 * @param {string} textContent
 * @returns {HTMLElement}
 */
export const line = (tag, className, textContent) =>
  Object.assign(document.createElement(tag), { className, textContent });

/** @param {unknown} data any JSON value @returns {string} as people read it */
export const readable = (data) => typeof data === "string" ? data : JSON.stringify(data, null, 2);

/** @param {number} ms @returns {string} the time of day, with the date if that is another */
export function when(ms) {
  const then = new Date(ms);
  const time = then.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  if (then.toDateString() === new Date().toDateString()) return time;
  return `${then.toLocaleDateString([], { day: "numeric", month: "short" })}, ${time}`;
}

/** Gives what belongs to a name its colour. @param {HTMLElement} element @param {string} name */
export function colour(element, name) {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 360;
  element.style.setProperty("--hue", String(hash));
}
