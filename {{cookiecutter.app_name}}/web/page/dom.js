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

/** @param {string} text @param {() => void} onClick @returns {HTMLButtonElement} */
export function button(text, onClick) {
  const element = document.createElement("button");
  Object.assign(element, { type: "button", className: "quiet", textContent: text });
  element.addEventListener("click", onClick);
  return element;
}

/** Move the focus to the first of these that is shown. @param {...any} elements */
export const focusShown = (...elements) =>
  elements.find((element) => element?.getClientRects().length)?.focus();

/** @param {string} name @returns {HTMLElement} a name that does not change the direction of the text around it */
export const isolated = (name) => line("bdi", "", name);

/** @param {number} ms @returns {string} the time of day */
export const timeOf = (ms) =>
  new Date(ms).toLocaleTimeString([], { hour: "numeric", minute: "2-digit" });

/** @param {number} ms @returns {string} the day, as people say it */
export function dayOf(ms) {
  const day = new Date(ms);
  const today = new Date();
  const yesterday = new Date(today);
  yesterday.setDate(today.getDate() - 1);
  if (day.toDateString() === today.toDateString()) return "Today";
  if (day.toDateString() === yesterday.toDateString()) return "Yesterday";
  const year = day.getFullYear() === today.getFullYear() ? undefined : "numeric";
  return day.toLocaleDateString([], { weekday: "long", day: "numeric", month: "long", year });
}

/** @param {number} ms @returns {string} the time of day, with the day if that is another */
export function when(ms) {
  const day = dayOf(ms);
  return day === "Today" ? timeOf(ms) : `${day}, ${timeOf(ms)}`;
}

/** @param {HTMLElement} element a <time> @param {number} ms @param {string} text */
export function setTime(element, ms, text) {
  const date = new Date(ms);
  Object.assign(element, { dateTime: date.toISOString(), title: date.toLocaleString() });
  element.textContent = text;
}

// A flag, or an emoji of several parts, is one character.
const characters = new Intl.Segmenter();

/** Show a name in an avatar, in its colour. @param {HTMLElement} element @param {string} name */
export function setAvatar(element, name) {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 360;
  element.style.setProperty("--hue", String(hash));
  const [first] = characters.segment(name);
  element.textContent = first?.segment ?? "?";
}

/**
 * @param {string} channel
 * @param {string} user the id of the user who is signed in, or ""
 * @returns {string} the name of the channel, as people say it
 */
export const nameOf = (channel, user) => user && channel === `@${user}` ? "For you" : channel;

/** Show the name of a channel. @param {HTMLElement} element @param {string} channel @param {string} user */
export function showChannel(element, channel, user) {
  element.textContent = nameOf(channel, user);
  element.classList.toggle("personal", channel.startsWith("@"));
}

/** @param {number} count @returns {string} short: 1.2K */
export const short = (count) =>
  new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 }).format(count);
