/** The events after which a connection may be dead without a sign: sleep, another network. */

const TICK_MS = 1_000;

// A browser runs the timers of a hidden tab once a minute.
const JUMP_IN_VIEW_MS = 4_000;
const JUMP_HIDDEN_MS = 90_000;

/** @returns {boolean} whether a user sees the page; false outside of a browser */
export const inView = () => globalThis.document?.visibilityState === "visible";

/**
 * Watch the device until the signal aborts.
 *
 * @param {AbortSignal} signal
 * @param {object} events
 * @param {() => void} events.onWake the device is back, from sleep or from another tab or network
 * @param {() => void} events.onOffline the device has no network
 * @param {() => void} events.onTick about once a second
 */
export function watch(signal, { onWake, onOffline, onTick }) {
  globalThis.addEventListener?.("online", onWake, { signal });
  globalThis.addEventListener?.("offline", onOffline, { signal });
  globalThis.addEventListener?.("pageshow", onWake, { signal });
  globalThis.document?.addEventListener("visibilitychange", () => inView() && onWake(), { signal });
  let before = Date.now();
  const timer = setInterval(() => {
    const passed = Date.now() - before;
    before += passed;
    if (passed < 0 || passed > (inView() ? JUMP_IN_VIEW_MS : JUMP_HIDDEN_MS)) onWake();
    else onTick();
  }, TICK_MS);
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
}

/**
 * Wait, or less if the signal aborts.
 *
 * @param {number} ms
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
export function sleep(ms, signal) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end);
    if (signal?.aborted) end();
  });
}
