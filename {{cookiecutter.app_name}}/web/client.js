/**
 * A client of the app's WebSocket protocol: a promise for each request, an event for each push,
 * and a connection that comes back by itself. It needs nothing of the page.
 */

const REQUEST_TIMEOUT_MS = 30_000;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 30_000;

/** Why a request failed. Its message says what to do, and is fit to be shown to a user. */
export class RequestError extends Error {
  /**
   * @param {string} code the server's error code, or this client's own: `offline`, `timeout`
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
 * - `online`: at each new connection, which the server knows nothing about yet: set the name and
 *   join the channels again here.
 * - `message`, `presence`: detail is the frame the server pushed.
 * - `fault`: detail is a RequestError of the server that names no request.
 */
export class Client extends EventTarget {
  #url;
  #socket = null;
  #retryTimer;
  #failures = 0;
  #lastId = 0;
  #pending = new Map();

  /** @param {string} url the ws: or wss: address; nothing is opened before connect() */
  constructor(url) {
    super();
    this.#url = url;
  }

  /** Whether requests can be sent now. */
  get online() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Opens the connection and keeps it open; cuts the wait short when a retry is due later. */
  connect() {
    if (this.#socket) return;
    clearTimeout(this.#retryTimer);
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.addEventListener("open", () => {
      this.#emit("state", { state: "online" });
      this.#emit("online");
    });
    socket.addEventListener("message", (event) => this.#receive(event.data));
    socket.addEventListener("close", () => {
      if (this.#socket === socket) this.#retry();
    });
    this.#emit("state", { state: "connecting" });
  }

  /** Closes the connection for good, or until the next connect(). */
  close() {
    clearTimeout(this.#retryTimer);
    const socket = this.#socket;
    this.#drop();
    socket?.close();
    this.#emit("state", { state: "offline" });
  }

  /**
   * @param {string} action
   * @param {object} [fields] the action's own fields
   * @returns {Promise<object>} the server's reply; rejects with a RequestError
   */
  request(action, fields = {}) {
    if (!this.online) {
      return Promise.reject(new RequestError("offline", "Not connected. Try again when online."));
    }
    const id = String(++this.#lastId);
    const text = JSON.stringify({ ...fields, action, id });
    return new Promise((resolve, reject) => {
      const late = new RequestError("timeout", "The server did not answer in time. Try again.");
      const timer = setTimeout(() => this.#settle(id, late), REQUEST_TIMEOUT_MS);
      this.#pending.set(id, { resolve, reject, timer });
      this.#socket.send(text);
    });
  }

  #receive(text) {
    // Not at "open": a server that accepts connections only to close them should be spared too.
    this.#failures = 0;
    let frame;
    try {
      frame = JSON.parse(text);
    } catch {
      return;
    }
    if (frame?.id !== undefined) {
      this.#settle(frame.id, frame.type === "error" ? failure(frame) : frame);
    } else if (frame?.type === "message" || frame?.type === "presence") {
      this.#emit(frame.type, frame);
    } else if (frame?.message) {
      this.#emit("fault", failure(frame));
    }
  }

  #settle(id, outcome) {
    const request = this.#pending.get(id);
    if (!request) return;
    this.#pending.delete(id);
    clearTimeout(request.timer);
    if (outcome instanceof RequestError) request.reject(outcome);
    else request.resolve(outcome);
  }

  #drop() {
    this.#socket = null;
    const lost = new RequestError("offline", "The connection broke before the reply. Try again.");
    for (const id of [...this.#pending.keys()]) this.#settle(id, lost);
  }

  #retry() {
    this.#drop();
    // Anywhere up to the ceiling, so that clients cut off together do not return together.
    const ceiling = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures++);
    const retryMs = Math.random() * ceiling;
    this.#retryTimer = setTimeout(() => this.connect(), retryMs);
    this.#emit("state", { state: "offline", retryMs });
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** API Gateway's own error frames have no code, and a message that says nothing to do. */
function failure({ code, message, field }) {
  if (code) return new RequestError(code, message, field);
  return new RequestError("internal", `${message}. Try again.`);
}
