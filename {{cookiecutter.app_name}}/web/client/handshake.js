/** One attempt to open a WebSocket: its address, its token and its end. */

import { RequestError } from "./errors.js";

/** @typedef {string | (() => string | Promise<string>)} Address */
/**
 * @callback GetToken
 * @param {{isRefused: boolean}} why isRefused: the server has refused the token before, or it has ended
 * @returns {string | null | undefined | Promise<string | null | undefined>}
 */

const PROTOCOL = "chalice-ws.v1";
const TIMEOUT_MS = 10_000;

export class Handshake {
  #events;
  #settled = false;
  /** @type {ReturnType<typeof setTimeout>} */ #timer;
  /** @type {WebSocket | undefined} */ #socket;
  /** The address, as soon as it is known. */
  url = "";
  /** The token, as soon as it is known. @type {string | null | undefined} */
  token;

  /**
   * @param {Address} address
   * @param {(() => ReturnType<GetToken>) | undefined} getToken
   * @param {object} events one of them is called, once, unless cancel() is called before
   * @param {(socket: WebSocket) => void} events.onOpen
   * @param {(error?: unknown) => void} events.onFail the error is absent if the server refused, or
   *   did not answer
   * @param {() => void} events.onSignedOut getToken returned none
   */
  constructor(address, getToken, events) {
    this.#events = events;
    this.#timer = setTimeout(() => this.#fail(), TIMEOUT_MS);
    this.#open(address, getToken).catch((error) => this.#fail(error));
  }

  /** End it, without a call of an event. */
  cancel() {
    this.#settle();
    this.#socket?.close();
  }

  /** @param {Address} address @param {() => ReturnType<GetToken>} [getToken] */
  async #open(address, getToken) {
    this.url = checkedAddress(typeof address === "string" ? address : await address());
    this.token = await getToken?.();
    if (this.#settled) return;
    if (getToken && !this.token) {
      this.#settle();
      return this.#events.onSignedOut();
    }
    const socket = open(this.url, this.token ? [PROTOCOL, this.token] : []);
    this.#socket = socket;
    socket.addEventListener("open", () => this.#settle() && this.#events.onOpen(socket));
    socket.addEventListener("close", () => this.#fail());
    // In Node 22, a refused handshake ends with this event alone.
    socket.addEventListener("error", () => this.#fail());
  }

  /** @param {unknown} [error] */
  #fail(error) {
    if (!this.#settle()) return;
    this.#socket?.close();
    this.#events.onFail(error);
  }

  /** @returns {boolean} whether it was not settled before */
  #settle() {
    if (this.#settled) return false;
    clearTimeout(this.#timer);
    this.#settled = true;
    return true;
  }
}

/** @param {string} url @param {string[]} protocols @returns {WebSocket} @throws {RequestError} address, token */
function open(url, protocols) {
  try {
    return new WebSocket(url, protocols);
  } catch (error) {
    const { name } = /** @type {Error} */ (error);
    if (name !== "SyntaxError") throw insecure(url);
    throw new RequestError("token", "The token has characters that no token has. Let getToken return a JSON Web Token.");
  }
}

/** @param {string} url @returns {RequestError} a browser opens no ws: address from an https: page */
const insecure = (url) =>
  new RequestError("address", `A page of https: opens no ws: address (got '${url}'). Use wss://...`);

/** @param {unknown} address @returns {string} @throws {RequestError} address */
export function checkedAddress(address) {
  const url = typeof address === "string" && URL.canParse(address) ? new URL(address) : null;
  if (url && ["ws:", "wss:"].includes(url.protocol) && !url.hash) return url.href;
  throw new RequestError("address", `The address is not valid (got '${address}'). Use wss://...`);
}
