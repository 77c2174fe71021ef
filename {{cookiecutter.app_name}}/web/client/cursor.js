/** The position of a client in one channel. With it, the client hands out each message once. */

/** @typedef {import("./frames.js").Message} Message */
/** @typedef {import("./frames.js").Page} Page */

const MAX_REMEMBERED = 10_000;

// The messages that a reload shows again.
const CONTEXT_MESSAGES = 50;

// Before all messages.
const START = "000000000000-0000000000000000";

export class Cursor {
  /** @type {Map<string, string>} the ids of messages, by identity() */ #seen = new Map();
  #forgotten = "";
  /** @type {string[]} */ #recent = [];
  #newest = "";
  /** @type {Message[] | null} */ #held = null;

  /** @param {string} [mark] the id of a message; the client has all messages up to it */
  constructor(mark = "") {
    /** The client has all messages up to this id. "" before the first answer. */
    this.mark = mark;
  }

  /** The position to begin at after a reload: some messages back, so that the page is not empty. */
  get bookmark() {
    const [oldest = this.mark] = this.#recent;
    return oldest < this.mark ? oldest : this.mark;
  }

  /**
   * @param {Page} page the reply that goes on from the mark
   * @returns {boolean} whether the server no longer has some messages after the mark
   */
  misses({ complete, messages }) {
    if (complete || !this.mark) return false;
    if (this.mark !== START) return true;
    // START is older than all that the server has. The first message that came decides.
    const [first] = this.#seen.values();
    return Boolean(first) && !(messages[0]?.message_id <= first);
  }

  /** Hold back pushed messages, until release(). */
  hold() {
    this.#held ??= [];
  }

  /** @returns {Message[]} the messages that were held back, by id */
  release() {
    const held = this.#held ?? [];
    this.#held = null;
    return held.sort((a, b) => (a.message_id < b.message_id ? -1 : 1));
  }

  /** Move the mark to the newest message: all up to it have been handed out. */
  confirm() {
    this.mark = this.#newest || this.mark || START;
  }

  /**
   * @param {Message} message one that was pushed
   * @returns {boolean} whether to hand it out now
   */
  takePushed(message) {
    this.#held?.push(message);
    return !this.#held && this.take(message);
  }

  /**
   * @param {Message} message
   * @returns {boolean} whether it is new
   */
  take(message) {
    const { message_id } = message;
    const key = identity(message);
    if (this.#seen.has(key) || message_id <= this.#forgotten) return false;
    this.#seen.set(key, message_id);
    if (this.#seen.size > MAX_REMEMBERED) {
      const [[oldest, id]] = this.#seen;
      this.#seen.delete(oldest);
      // A message that may be a double is left out.
      if (id > this.#forgotten) this.#forgotten = id;
    }
    this.#recent.push(message_id);
    if (this.#recent.length > CONTEXT_MESSAGES) this.#recent.shift();
    if (message_id > this.#newest) this.#newest = message_id;
    return true;
  }
}

/**
 * Return what tells a message from others. One that was sent again, since its reply was lost, has
 * two ids and one nonce. Others can copy a nonce, so its sender counts too. A guest has another
 * connection after a cut: its data takes the place of the sender.
 *
 * @param {Message} message
 * @returns {string}
 */
function identity({ message_id, nonce, from, data }) {
  if (nonce === undefined || !from) return message_id;
  try {
    return `${nonce} ${from.user ?? hash(JSON.stringify(data))}`;
  } catch {
    // Some thousand levels of lists can be parsed, and not be written again.
    return message_id;
  }
}

/** @param {string} text @returns {number} a short value in its place */
function hash(text) {
  let value = 0;
  for (let at = 0; at < text.length; at += 1) value = (value * 31 + text.charCodeAt(at)) | 0;
  return value;
}
