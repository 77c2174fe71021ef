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
  /** The time at which the newest message was here. It goes on while the clock is set back. */
  #newestAt = performance.now();
  /** @type {Message[] | null} */ #held = null;

  /** @param {string} [mark] the id of a message; the client has all messages up to it */
  constructor(mark = "") {
    /** The client has all messages up to this id. "" before the first answer. */
    this.mark = mark;
    this.#newest = mark;
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

  /**
   * Move the mark: all messages that were sent before the server was asked have been handed out.
   * A mark of a quiet channel that stayed at its last message would be older than what is kept.
   *
   * @param {number} askedAt
   */
  confirm(askedAt) {
    const isStarted = this.#newest > START;
    this.mark = isStarted ? later(this.#newest, Math.floor(askedAt - this.#newestAt)) : START;
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
    if (message_id > this.#newest) {
      this.#newest = message_id;
      this.#newestAt = performance.now();
    }
    return true;
  }
}

/** @param {string} id @param {number} ms @returns {string} an id of a time so much later */
function later(id, ms) {
  const time = (parseInt(id.slice(0, 12), 16) + ms).toString(16).padStart(12, "0");
  return ms > 0 && time.length === 12 ? `${time}-0000000000000000` : id;
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
