/** The repetition of a request that may come twice. */

import { sleep } from "./device.js";
import { asRequestError, offline } from "./errors.js";

/** @typedef {import("./frames.js").Frame} Frame */

const MAX_TRIES = 5;
const FIRST_PAUSE_MS = 500;

// A wait for the server is looked at again after this time.
const SLICE_MS = 1_000;

/**
 * Send a request until the server accepts or refuses it.
 *
 * @param {() => Promise<Frame>} request sends it once
 * @param {object} connection
 * @param {() => boolean} connection.isCurrent whether it is still the same connection
 * @param {() => void} connection.lose gives it up
 * @param {AbortSignal} [connection.signal] ends each wait
 * @returns {Promise<Frame>}
 */
export async function repeat(request, { isCurrent, lose, signal }) {
  let error = offline();
  for (let tried = 0; tried < MAX_TRIES && isCurrent();) {
    try {
      return await request();
    } catch (problem) {
      error = asRequestError(problem);
      if (error.code === "too_fast") {
        // The server has not done it, and says when it will: this is not counted as a try.
        // The clock of the device may be set back meanwhile.
        const end = performance.now() + error.retryAfterMs;
        const left = () => end - performance.now();
        while (isCurrent() && left() > 0) await sleep(Math.min(SLICE_MS, left()), signal);
        continue;
      }
      if (!["timeout", "try_again"].includes(error.code)) throw error;
      await sleep(Math.random() * FIRST_PAUSE_MS * 2 ** tried, signal);
      tried += 1;
    }
  }
  if (!isCurrent()) throw offline();
  lose();
  throw error.code === "timeout" ? error : offline();
}
