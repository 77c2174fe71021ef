/** The timer of an open connection: it must not be idle, and must be renewed before it ends. */

const MIN_WAIT_MS = 1_000;

// A new connection that could not be opened is tried again after this time.
const RENEW_AGAIN_MS = 30_000;

export class Heartbeat {
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
  #renewAt = 0;
  #events;

  /**
   * @param {object} events
   * @param {number} events.beatMs the time between two beats, about
   * @param {() => void} events.onBeat
   * @param {() => void} events.onRenew
   */
  constructor(events) {
    this.#events = events;
  }

  /** @param {number} renewMs the time after which to renew the connection */
  start(renewMs) {
    this.#renewAt = Date.now() + renewMs;
    this.#schedule();
  }

  stop() {
    clearTimeout(this.#timer);
  }

  #schedule() {
    this.stop();
    const untilRenewal = Math.max(MIN_WAIT_MS, this.#renewAt - Date.now());
    const waitMs = Math.min(this.#events.beatMs * (0.75 + Math.random() * 0.5), untilRenewal);
    this.#timer = setTimeout(() => this.#beat(), waitMs);
  }

  #beat() {
    const isDue = Date.now() >= this.#renewAt;
    if (isDue) this.#renewAt = Date.now() + RENEW_AGAIN_MS;
    this.#schedule();
    if (isDue) this.#events.onRenew();
    else this.#events.onBeat();
  }
}
