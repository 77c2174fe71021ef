/**
 * A connection that comes back by itself, and a promise for each request over it. What is to be
 * done with it, client.js says.
 */

/** @typedef {Record<string, any>} Frame */

// After a cut, a client waits until a random moment of a window that doubles with each failure.
// An account accepts 500 new connections a second: if all clients are cut off at once, a window
// of W seconds lets 500 * W of them in. 2 s are enough for 1,000, the longest for 32,000; where
// there are more than a window holds, those refused meet again in one that is twice as wide.
const FIRST_WINDOW_MS = 2_000;
const LONGEST_WINDOW_MS = 64_000;

// API Gateway closes what is idle for 10 minutes, and everything after 2 hours. Both are
// anticipated, at random moments, so that clients that came together do not go on together:
// https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
const HEARTBEAT_MS = 4 * 60_000;
const RENEW_AFTER_MS = 90 * 60_000;

const REQUEST_TIMEOUT_MS = 30_000; // a function has 29 s
const MAX_FRAME_BYTES = 32 * 1024; // API Gateway closes the connection that brings a larger one

const TRIES = 5;
const FIRST_PAUSE_MS = 500;

const random = (/** @type {number} */ ceiling) => Math.random() * ceiling;
const sleep = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Why a request failed. Its message says what to do, and is fit to be shown to a user. */
export class RequestError extends Error {
  /**
   * @param {string} code the server's, or one of this side: `offline`, `timeout`, `too_large`
   * @param {string} message
   * @param {string} [field] the field of the request that is at fault
   */
  constructor(code, message, field) {
    super(message);
    this.name = "RequestError";
    this.code = code;
    this.field = field;
  }
}

/**
 * Events, each a CustomEvent:
 * - `state`: detail is {state: "connecting" | "online" | "offline", retryMs?: number}.
 * - `frame`: detail is {sent: boolean, text: string}, each frame that goes by.
 * - `fault`: detail is a RequestError that is no request's own.
 */
export class Connection extends EventTarget {
  #url;
  /** @type {WebSocket | null} */ #socket = null;
  /** @type {WebSocket | null} */ #opening = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
  /** @type {Map<string, {socket: WebSocket, settle: (outcome: any) => void}>} */
  #waiting = new Map();
  #greeted = false;
  #failures = 0;
  #lastId = 0;
  #openedAt = 0;
  #heardAt = 0;

  /** @param {string} url the ws: or wss: address; nothing is opened before connect() */
  constructor(url) {
    super();
    this.#url = url;
    globalThis.addEventListener?.("online", () => this.#timer && this.connect());
    globalThis.addEventListener?.("offline", () => this.#socket && this.#lose(this.#socket));
  }

  /** Whether `greet` has succeeded and the connection is open. A closing one takes no requests. */
  get online() {
    return this.#greeted && this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Connects and stays connected: now, if that was due later. Throws if the URL is no such. */
  connect() {
    if (this.#socket || this.#opening) return;
    this.#open();
    this.emit("state", { state: "connecting" });
  }

  /** Ends the connection, until the next connect(). */
  close() {
    const sockets = [this.#opening, this.#socket];
    this.#opening = this.#socket = null;
    this.#greeted = false;
    for (const socket of sockets) if (socket) this.#lose(socket);
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.emit("state", { state: "offline" });
  }

  /** Finds out now whether the connection still works, as after a sleep of the device. */
  check() {
    if (this.#greeted && Date.now() - this.#heardAt > REQUEST_TIMEOUT_MS) this.#keep();
  }

  /**
   * @param {string} action
   * @param {Frame} [fields] the action's own fields, and an `id` if it shall have a certain one
   * @returns {Promise<Frame>} the server's reply; rejects with a RequestError
   */
  request(action, fields = {}) {
    const id = fields.id ?? String(++this.#lastId);
    const text = JSON.stringify({ action, ...fields, id });
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) return Promise.reject(offline());
    if (new TextEncoder().encode(text).length > MAX_FRAME_BYTES) {
      const message = "That is too long. Send less: 32 KB are the most.";
      return Promise.reject(new RequestError("too_large", message));
    }
    return new Promise((resolve, reject) => {
      const askedAt = Date.now();
      const timer = setTimeout(() => {
        settle(new RequestError("timeout", "The server did not answer in time. Try again."));
        if (this.#heardAt < askedAt) this.#lose(socket); // nothing else has come over it either
      }, REQUEST_TIMEOUT_MS);
      const settle = (/** @type {any} */ outcome) => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        if (outcome instanceof RequestError) reject(outcome);
        else resolve(outcome);
      };
      this.#waiting.set(id, { socket, settle });
      this.emit("frame", { sent: true, text });
      socket.send(text);
    });
  }

  /**
   * As request(), and again after a while where the server says so, or does not answer: for
   * requests that may come twice. If that does not help, on another connection, on which
   * `greet` begins anew.
   *
   * @param {string} action
   * @param {Frame} [fields]
   * @returns {Promise<Frame>} rejects with `offline` if the connection is gone, with `timeout`
   *   if it was given up because of this request
   */
  async insist(action, fields) {
    const socket = this.#socket;
    let error = offline();
    for (let tried = 0; tried < TRIES && socket === this.#socket; tried++) {
      try {
        return await this.request(action, fields);
      } catch (problem) {
        if (!["timeout", "try_again"].includes(problem.code)) throw problem;
        error = problem;
        await sleep(random(FIRST_PAUSE_MS * 2 ** tried));
      }
    }
    if (!socket || socket !== this.#socket) throw offline();
    this.#lose(socket);
    throw error.code === "timeout" ? error : offline();
  }

  /** What a new connection begins with, of which the server knows nothing yet. */
  async greet() {}

  /** Some request, so that the connection is not idle. */
  async beat() {
    await this.request("help");
  }

  /** @param {Frame} frame what the server has sent by itself */
  push(frame) {
    this.emit(frame.type, frame);
  }

  /** @param {string} type @param {unknown} detail */
  emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #open() {
    clearTimeout(this.#timer);
    const socket = new WebSocket(this.#url);
    this.#opening = socket;
    socket.addEventListener("open", () => this.#begin(socket));
    socket.addEventListener("message", (event) => this.#receive(event.data));
    socket.addEventListener("close", () => this.#lose(socket));
  }

  /** @param {WebSocket} socket */
  async #begin(socket) {
    if (socket !== this.#opening) return;
    const old = this.#socket;
    this.#opening = null;
    this.#socket = socket;
    this.#greeted = false;
    this.#openedAt = this.#heardAt = Date.now();
    await this.greet();
    if (old) this.#lose(old); // only now: what was sent meanwhile came over it
    if (socket !== this.#socket) return;
    // greet() hides the error of a request on a closing connection.
    if (socket.readyState !== WebSocket.OPEN) return this.#lose(socket);
    this.#greeted = true;
    this.#failures = 0; // not sooner: a server that accepts only to close is to be spared too
    this.#schedule();
    this.emit("state", { state: "online" });
  }

  /** @param {WebSocket} socket one that has closed, or is no good any more */
  #lose(socket) {
    const ours = socket === this.#socket || socket === this.#opening;
    if (socket === this.#opening) this.#opening = null;
    if (socket === this.#socket) {
      this.#socket = null;
      this.#greeted = false;
    }
    socket.close();
    for (const waiting of [...this.#waiting.values()]) {
      if (waiting.socket === socket) waiting.settle(offline());
    }
    if (!ours || this.#socket || this.#opening) return;
    const retryMs = random(Math.min(LONGEST_WINDOW_MS, FIRST_WINDOW_MS * 2 ** this.#failures++));
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.connect(), retryMs);
    this.emit("state", { state: "offline", retryMs });
  }

  #schedule() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#keep(), HEARTBEAT_MS * (0.75 + random(0.5)));
  }

  async #keep() {
    this.#schedule();
    if (this.#opening) return;
    if (Date.now() - this.#openedAt > RENEW_AFTER_MS) this.#open();
    else await this.beat().catch((error) => error.code === "offline" || this.emit("fault", error));
  }

  /** @param {string} text */
  #receive(text) {
    this.#heardAt = Date.now();
    this.emit("frame", { sent: false, text });
    const frame = parsed(text);
    const waiting = this.#waiting.get(String(frame.id));
    if (waiting) waiting.settle(frame.type === "error" ? failure(frame) : frame);
    else if (frame.type === "error" || !frame.type) this.emit("fault", failure(frame));
    else if (frame.id === undefined) this.push(frame);
  }
}

const offline = () => new RequestError("offline", "Not connected. Try again when online.");

/** @param {string} text @returns {Frame} */
function parsed(text) {
  try {
    return Object(JSON.parse(text));
  } catch {
    return { message: "The server sent what is not JSON" };
  }
}

/** @param {Frame} frame API Gateway's own errors have no code, and do not say what to do */
function failure({ code, message, field }) {
  if (code) return new RequestError(code, message, field);
  return new RequestError("internal", `${message ?? "The server failed"}. Try again.`);
}
