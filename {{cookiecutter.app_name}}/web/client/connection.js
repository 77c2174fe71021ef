/** A connection that opens again by itself, and a promise for each request over it. */

import { inView, watch } from "./device.js";
import { asRequestError, isLost, offline } from "./errors.js";
import { Emitter } from "./events.js";
import { failure, isKnownPush, parse } from "./frames.js";
import { checkedAddress, Handshake } from "./handshake.js";
import { Heartbeat } from "./heartbeat.js";
import { Probe } from "./probe.js";
import { repeat } from "./repeat.js";
import { encode, Requests } from "./requests.js";
import { Retries } from "./retries.js";
import { isReachable, renewalMs } from "./token.js";

/** @typedef {import("./frames.js").Frame} Frame */
/** @typedef {import("./handshake.js").Address} Address */
/** @typedef {import("./handshake.js").GetToken} GetToken */
/** @typedef {import("./events.js").State} State */

// API Gateway closes what is idle for 10 minutes, and everything after 2 hours. Both are
// anticipated, at random moments, so that clients that came together do not go on together:
// https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
const HEARTBEAT_MS = 4 * 60_000;
const RENEW_AFTER_MS = 90 * 60_000;

/**
 * @template {import("./events.js").ConnectionEvents} [Events=import("./events.js").ConnectionEvents]
 * @extends {Emitter<Events>}
 */
export class Connection extends Emitter {
  #address;
  #getToken;
  /** @type {WebSocket | null} */ #socket = null;
  /** @type {Set<WebSocket>} those that are not lost */ #live = new Set();
  /** @type {Handshake | null} */ #handshake = null;
  /** @type {AbortController | null} from connect() to close() */ #lifetime = null;
  #probe = new Probe(() => this.request("help").catch(() => {}));
  #heartbeat = new Heartbeat({
    beatMs: HEARTBEAT_MS,
    onBeat: () => this.beat().catch((error) => isLost(error) || this.fault(error)),
    onRenew: () => this.#handshake || this.#open(),
  });
  #requests = new Requests();
  #retries = new Retries();
  #told = new WeakSet();
  #greeted = false;

  /**
   * @param {Address} address the ws: or wss: address, or a function that returns it
   * @param {GetToken} [getToken] asked before each connection; null: nobody is signed in
   * @throws {RequestError} address; nothing is opened before connect()
   */
  constructor(address, getToken) {
    super();
    this.#address = typeof address === "string" ? checkedAddress(address) : address;
    this.#getToken = getToken;
  }

  /** Whether it is open and `greet` has succeeded. A closing one takes no requests. */
  get online() {
    return this.#greeted && this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Connect, and stay connected: at once, if the next try was due later. */
  connect() {
    if (this.#socket || this.#handshake) return;
    if (!this.#lifetime) {
      this.#lifetime = new AbortController();
      watch(this.#lifetime.signal, {
        onWake: () => (this.#socket ? this.check() : this.connect()),
        onOffline: () => this.#socket && this.#lose(this.#socket),
        onTick: () => inView() && this.#probe.isDue() && this.check(),
      });
    }
    this.#open();
    this.emit("state", { state: "connecting" });
  }

  /** Let go of everything: the connection, timers and listeners. connect() begins anew. */
  close() {
    this.end({ state: "closed" });
  }

  /** Find out now whether the connection still works. If nothing comes in 5 s, open another. */
  check() {
    const socket = this.#socket;
    if (!socket) return;
    // A server that has never answered is not asked again without a pause.
    const lose = () => this.#lose(socket, { atOnce: this.#greeted });
    return socket.readyState === WebSocket.OPEN ? this.#probe.start(lose) : lose();
  }

  /**
   * @param {string} action
   * @param {Frame} [fields] the fields of the action
   * @returns {Promise<Frame>} the server's reply; rejects with a RequestError
   */
  async request(action, fields = {}) {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) throw offline();
    const request = { ...fields, action, id: this.#requests.newId() };
    const text = encode(request);
    const mark = this.#probe.mark();
    const isQuiet = () => socket === this.#socket && this.#probe.isQuietSince(mark);
    const reply = this.#requests.wait(socket, request, {
      onSlow: () => isQuiet() && this.check(),
      onTimeout: () => isQuiet() && this.#lose(socket),
    });
    this.emit("frame", { sent: true, text });
    socket.send(text);
    return reply;
  }

  /**
   * Send a request that may come twice: again after a while, if the server says so or does not
   * answer. If that does not help, open another connection, which begins with `greet`.
   *
   * @param {string} action
   * @param {Frame} [fields]
   * @returns {Promise<Frame>} rejects with `offline` if the connection is gone, with `timeout`
   *   if it was given up because of this request
   */
  async insist(action, fields) {
    const socket = this.#socket;
    return repeat(() => this.request(action, fields), {
      isCurrent: () => socket !== null && socket === this.#socket,
      lose: () => socket && this.#lose(socket),
      signal: this.#lifetime?.signal,
    });
  }

  /** The first requests of a new connection. _wasCut: there was none until now.
   * @param {string | null | undefined} _token @param {boolean} _wasCut */
  async greet(_token, _wasCut) {}

  /** A request that keeps the connection from being idle. @returns {Promise<unknown>} */
  async beat() {
    return this.request("help");
  }

  /** @protected @param {Frame} frame a push of a type that the client knows */
  push(frame) {
    this.emit(frame.type, frame);
  }

  /** @protected @param {unknown} error each is emitted once */
  fault(error) {
    const fault = asRequestError(error);
    if (!this.#told.has(fault)) this.emit("fault", fault);
    this.#told.add(fault);
  }

  /** @protected @param {State} state the last one, until connect() is called */
  end(state) {
    this.#lifetime?.abort();
    this.#lifetime = null;
    this.#retries.cancel();
    this.#handshake?.cancel();
    this.#handshake = null;
    for (const socket of this.#live) this.#lose(socket);
    this.emit("state", state);
  }

  #open() {
    this.#retries.cancel();
    const { isRefused } = this.#retries;
    const getToken = this.#getToken && (() => this.#getToken?.({ isRefused }));
    const handshake = new Handshake(this.#address, getToken, {
      onOpen: (socket) => this.#begin(handshake, socket),
      onFail: (error) => this.#fail(handshake, error),
      onSignedOut: () => this.end({ state: "signed_out", reason: "Nobody is signed in. Sign in." }),
    });
    this.#handshake = handshake;
  }

  /** @param {Handshake} handshake @param {unknown} error */
  async #fail({ token, url }, error) {
    this.#handshake = null;
    if (error) this.fault(error);
    // The old connection still works: the next heartbeat tries again.
    if (this.#socket) return;
    this.#retry();
    const lifetime = this.#lifetime;
    if (error || !token || !(await isReachable(url)) || lifetime !== this.#lifetime) return;
    if (!this.#retries.refuse() || this.#socket) return;
    this.end({ state: "refused", reason: "The server refused the sign-in. Sign in again." });
  }

  /** @param {Handshake} handshake @param {WebSocket} socket */
  async #begin({ token }, socket) {
    const old = this.#socket;
    this.#handshake = null;
    this.#socket = socket;
    this.#greeted = false;
    this.#probe.hear();
    this.#live.add(socket);
    socket.addEventListener("message", ({ data }) => this.#receive(socket, data));
    socket.addEventListener("close", ({ code, reason }) => this.#lose(socket, { code, reason }));
    await this.greet(token, !old).catch((error) => this.fault(error));
    // Only now: the messages that were sent meanwhile came over it.
    if (old) this.#lose(old);
    if (socket !== this.#socket) return;
    // greet() hides the error of a request on a closing connection.
    if (socket.readyState !== WebSocket.OPEN) return this.#lose(socket);
    this.#greeted = true;
    // Not sooner: a server that accepts only to close must not be asked without a pause.
    this.#retries.succeed();
    this.#heartbeat.start(Math.min(RENEW_AFTER_MS, renewalMs(token, Date.now())));
    this.emit("state", { state: "online" });
  }

  /**
   * @param {WebSocket} socket one that has closed, or does not work any more
   * @param {{code?: number, reason?: string, atOnce?: boolean}} [how]
   */
  #lose(socket, { code, reason = "", atOnce = false } = {}) {
    if (!this.#live.delete(socket)) return;
    const current = socket === this.#socket;
    if (current) {
      this.#probe.stop();
      this.#heartbeat.stop();
      this.#socket = null;
      this.#greeted = false;
    }
    socket.close();
    this.#requests.reject(socket);
    if (code) this.emit("close", { code, reason });
    if (current && !this.#handshake && this.#lifetime) atOnce ? this.connect() : this.#retry();
  }

  #retry() {
    const wait = this.#retries.schedule(() => this.connect(), inView());
    this.emit("state", { state: "offline", ...wait });
  }

  /** @param {WebSocket} socket @param {unknown} data */
  #receive(socket, data) {
    if (!this.#live.has(socket)) return;
    this.#probe.hear();
    this.emit("frame", { sent: false, text: String(data) });
    try {
      const frame = parse(data);
      if (frame.id !== undefined) this.#requests.settle(frame);
      else if (frame.type === undefined || frame.type === "error") this.fault(failure(frame));
      else if (isKnownPush(frame)) this.push(frame);
      else this.emit("push", frame);
      if (frame.type === "bye") this.#leave(socket, /** @type {any} */ (frame));
    } catch (error) {
      this.fault(error);
    }
  }
  /** @param {WebSocket} socket @param {import("./frames.js").Bye} bye the server closes it next */
  #leave(socket, { code, message }) {
    const canRenew = code === "expired" && this.#getToken;
    if (!canRenew) return this.end({ state: "signed_out", reason: message });
    // With a fresh token the person stays signed in, such as after a long sleep of the device.
    this.#retries.refuse();
    this.#lose(socket, { atOnce: true });
  }
}
