/** A question to the server, to which any frame is an answer. A connection without one is dead. */

const TIMEOUT_MS = 5_000;

// While a user sees the page, a connection of which nothing is heard for so long is probed.
const QUIET_MS = 45_000;

export class Probe {
  #ask;
  #frames = 0;
  #heardAt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;

  /** @param {() => void} ask sends a request */
  constructor(ask) {
    this.#ask = ask;
  }

  /** A frame has come. */
  hear() {
    this.#frames += 1;
    this.#heardAt = Date.now();
  }

  /** @returns {number} for isQuietSince */
  mark() {
    return this.#frames;
  }

  /** @param {number} mark @returns {boolean} whether no frame has come since mark() returned this */
  isQuietSince(mark) {
    return mark === this.#frames;
  }

  isDue() {
    return Date.now() - this.#heardAt > QUIET_MS;
  }

  /** Ask now, unless a question is open. @param {() => void} onDead nothing came */
  start(onDead) {
    if (this.#timer) return;
    const mark = this.#frames;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.isQuietSince(mark)) onDead();
    }, TIMEOUT_MS);
    this.#ask();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
