/** The requests that wait for their replies. */

import { failure, checkReply } from "./frames.js";
import { offline, RequestError, timeout } from "./errors.js";

/** @typedef {import("./frames.js").Frame} Frame */
/** @typedef {{socket: WebSocket, request: Frame, settle: (outcome: Frame | Error) => void}} Waiting */

// A function has 29 s.
const TIMEOUT_MS = 30_000;

// A request that is not answered after this time may be on a dead connection.
const SLOW_MS = 5_000;

// API Gateway closes the connection that brings a larger one.
const MAX_FRAME_BYTES = 32 * 1024;

/** @param {Frame} request @returns {string} the frame's text @throws {RequestError} too_large */
export function encode(request) {
  const text = JSON.stringify(request);
  if (new TextEncoder().encode(text).length <= MAX_FRAME_BYTES) return text;
  throw new RequestError("too_large", "That is too long. Send less: the maximum is 32 KB.");
}

export class Requests {
  /** @type {Map<string, Waiting>} by id */ #waiting = new Map();
  #lastId = 0;

  /** @returns {string} the id of a new request */
  newId() {
    this.#lastId += 1;
    return String(this.#lastId);
  }

  /**
   * Wait for the reply of a request.
   *
   * @param {WebSocket} socket the one that the request is sent over
   * @param {Frame} request
   * @param {object} events
   * @param {() => void} events.onSlow it has no reply after some seconds
   * @param {() => void} events.onTimeout it was given up
   * @returns {Promise<Frame>} rejects with a RequestError
   */
  wait(socket, request, { onSlow, onTimeout }) {
    return new Promise((resolve, reject) => {
      const slow = setTimeout(onSlow, SLOW_MS);
      const timer = setTimeout(() => {
        settle(timeout());
        onTimeout();
      }, TIMEOUT_MS);
      const settle = (/** @type {Frame | Error} */ outcome) => {
        clearTimeout(slow);
        clearTimeout(timer);
        this.#waiting.delete(request.id);
        if (outcome instanceof Error) reject(outcome);
        else resolve(outcome);
      };
      this.#waiting.set(request.id, { socket, request, settle });
    });
  }

  /**
   * Give a reply to the request that waits for it, if one does.
   *
   * @param {Frame} frame a frame with an id
   * @throws {RequestError} bad_frame; the request is rejected with it too
   */
  settle(frame) {
    const waiting = this.#waiting.get(String(frame.id));
    if (!waiting) return;
    if (frame.type === "error") return waiting.settle(failure(frame));
    try {
      checkReply(waiting.request.action, waiting.request, frame);
    } catch (error) {
      waiting.settle(/** @type {Error} */ (error));
      throw error;
    }
    waiting.settle(frame);
  }

  /** Reject what was sent over a connection that is gone. @param {WebSocket} socket */
  reject(socket) {
    for (const waiting of [...this.#waiting.values()]) {
      if (waiting.socket === socket) waiting.settle(offline());
    }
  }
}
