/** How far a client is in one channel, so that it hands out each message once. */

/** @typedef {Record<string, any>} Frame */

const REMEMBERED = 10_000;
const CONTEXT = 50;
const START = "000000000000-0000000000000000"; // before all messages

export class Place {
  #seen = new Map();
  #forgotten = "";
  /** @type {string[]} */ #recent = [];
  #newest = "";
  /** @type {Frame[] | null} */ #held = null;

  /** @param {string} [mark] the id of a message; nothing up to it is wanted */
  constructor(mark = "") {
    /** Everything up to this id has been handed out. "" is nowhere yet. */
    this.mark = mark;
  }

  /** Where to begin after a reload: far enough back that a log is not empty then. */
  get bookmark() {
    const [oldest = this.mark] = this.#recent;
    return oldest < this.mark ? oldest : this.mark;
  }

  /**
   * @param {Frame} page the reply that goes on from the mark
   * @returns whether some of what was sent after the mark is not kept any more
   */
  misses({ complete, messages }) {
    if (complete || !this.mark) return false;
    if (this.mark !== START) return true;
    // START is older than anything that is kept. What counts is what came first, if anything.
    const [first] = this.#seen.values();
    return Boolean(first) && !(messages[0]?.message_id <= first);
  }

  /** Keeps back what is pushed from now on, until release(). */
  hold() {
    this.#held ??= [];
  }

  /** @returns {Frame[]} what was kept back, by id */
  release() {
    const held = this.#held ?? [];
    this.#held = null;
    return held.sort((a, b) => (a.message_id < b.message_id ? -1 : 1));
  }

  /** All that there was has been handed out. */
  confirm() {
    this.mark = this.#newest || this.mark || START;
  }

  /**
   * @param {Frame} frame a message that was pushed
   * @returns whether it is for now, and new
   */
  takePushed(frame) {
    this.#held?.push(frame);
    return !this.#held && this.take(frame);
  }

  /**
   * @param {Frame} frame a message
   * @returns whether it is new
   */
  take(frame) {
    const { message_id } = frame;
    const key = identity(frame);
    if (this.#seen.has(key) || message_id <= this.#forgotten) return false;
    this.#seen.set(key, message_id);
    if (this.#seen.size > REMEMBERED) {
      const [[oldest, id]] = this.#seen;
      this.#seen.delete(oldest);
      if (id > this.#forgotten) this.#forgotten = id; // rather none than one twice
    }
    this.#recent.push(message_id);
    if (this.#recent.length > CONTEXT) this.#recent.shift();
    if (message_id > this.#newest) this.#newest = message_id;
    return true;
  }
}

/**
 * Return what tells a message from others. One that was sent again, since its reply was lost, has
 * two ids of its own and one nonce. Others can copy a nonce, so that its sender counts too. A guest
 * has another connection after a cut: its data stands for it.
 *
 * @param {Frame} frame a message
 */
function identity({ message_id, nonce, from, data }) {
  if (!nonce || !from) return message_id;
  return `${nonce} ${from.user ?? hash(JSON.stringify(data))}`;
}

/** @param {string} text @returns {number} a short value in its place */
function hash(text) {
  let value = 0;
  for (let at = 0; at < text.length; at += 1) value = (value * 31 + text.charCodeAt(at)) | 0;
  return value;
}
