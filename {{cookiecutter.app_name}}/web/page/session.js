/** What the page keeps over a reload, for each server: where the user is, and what is read. */

const OWN = 200;

export class Session {
  #key;
  /** @type {{current: string, read: Record<string, string>, own: string[]}} */ #kept;

  /** @param {string} url the server's */
  constructor(url) {
    this.#key = `page of ${url}`;
    const none = { current: "", read: {}, own: [] };
    this.#kept = JSON.parse(sessionStorage.getItem(this.#key) ?? "null") ?? none;
    addEventListener("pagehide", () => {
      sessionStorage.setItem(this.#key, JSON.stringify(this.#kept));
    });
  }

  /** The name last given in any tab. */
  get name() {
    return localStorage.getItem(this.#key) ?? "";
  }

  set name(name) {
    localStorage.setItem(this.#key, name);
  }

  /** The channel that is shown. */
  get current() {
    return this.#kept.current;
  }

  set current(channel) {
    this.#kept.current = channel;
  }

  /** All up to this message has been read. @param {string} channel @param {string} id */
  read(channel, id) {
    if (!this.isNew(channel, id)) return;
    this.#kept.read[channel] = id;
  }

  /** What was there when one came to a channel is not new. @param {string} channel @param {string} id */
  start(channel, id) {
    this.#kept.read[channel] ??= id;
  }

  /** @param {string} channel @param {string} id of a message @returns whether it is unread */
  isNew(channel, id) {
    const read = this.#kept.read[channel];
    return read !== undefined && id > read;
  }

  /** A message is the user's. By its own id, which no other can use again. @param {string} id */
  own(id) {
    this.#kept.own.push(id);
    if (this.#kept.own.length > OWN) this.#kept.own.shift();
  }

  /** @param {string} id @returns whether the message is the user's */
  isOwn(id) {
    return this.#kept.own.includes(id);
  }
}
