/** The waits between one failed connection and the next. */

// After a cut, a client waits until a random moment of a window that doubles with each failure.
// An account accepts 500 new connections a second: if all clients are cut off at once, a window
// of W seconds lets 500 * W of them in. 2 s are enough for 1,000, the longest for 32,000; where
// there are more than a window holds, those refused meet again in one that is twice as wide.
const FIRST_WINDOW_MS = 2_000;
const LONGEST_WINDOW_MS = 64_000;

// Of the pages that are open at one time, few are in view. Their users wait.
const LONGEST_IN_VIEW_MS = 4_000;

// A server that limits new connections refuses them too, so a token that has worked counts more.
const MAX_REFUSALS = 2;
const MAX_REFUSALS_ONCE_ACCEPTED = 6;

export class Retries {
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
  #failures = 0;
  #refusals = 0;
  #accepted = false;

  /**
   * @param {() => void} retry
   * @param {boolean} inView whether a user waits for it
   * @returns {{retryMs: number, failures: number}}
   */
  schedule(retry, inView) {
    const longest = inView ? LONGEST_IN_VIEW_MS : LONGEST_WINDOW_MS;
    const retryMs = Math.random() * Math.min(longest, FIRST_WINDOW_MS * 2 ** this.#failures);
    this.#failures += 1;
    this.cancel();
    this.#timer = setTimeout(retry, retryMs);
    return { retryMs, failures: this.#failures };
  }

  cancel() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  succeed() {
    this.#failures = 0;
    this.#refusals = 0;
    this.#accepted = true;
  }

  /** Whether the server has refused the last token. */
  get isRefused() {
    return this.#refusals > 0;
  }

  /** Count a refused token. @returns {boolean} whether to give up */
  refuse() {
    this.#refusals += 1;
    return this.#refusals >= (this.#accepted ? MAX_REFUSALS_ONCE_ACCEPTED : MAX_REFUSALS);
  }
}
