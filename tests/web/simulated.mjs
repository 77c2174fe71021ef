/** A simulated WebSocket for tests of web/client/ in Node, and helpers. CLIENT is the URL of client.js. */

import assert from "node:assert/strict";

// Node 18 has no CustomEvent.
globalThis.CustomEvent ??= class extends Event {
  constructor(type, { detail }) {
    super(type);
    this.detail = detail;
  }
};
globalThis.crypto ??= (await import("node:crypto")).webcrypto;

export const { Client, RequestError } = await import(process.env.CLIENT);

export const URL_OF_SERVER = "ws://app.example/api";
const MAX_STATE_READS = 1_000;

/** A WebSocket whose server is the test. `replies` has a function for each action. */
export class SimulatedSocket extends EventTarget {
  static OPEN = 1;
  static sockets = [];

  state = 0;
  stateReads = 0;
  requests = [];
  replies = {
    help: () => ({ type: "help", actions: { broadcast: {}, join: {} } }),
    join: ({ channel }) => ({ type: "joined", channel, messages: [], more: false, complete: true }),
    broadcast: ({ channel }) => ({ type: "sent", channel, message_id: "1" }),
    history: ({ channel }) => ({ type: "history", channel, messages: [], more: false, complete: true }),
    leave: ({ channel }) => ({ type: "left", channel }),
  };

  constructor(url, protocols) {
    super();
    this.url = url;
    this.protocols = protocols;
    SimulatedSocket.sockets.push(this);
  }

  get readyState() {
    // An endless loop of microtasks would end no other way.
    this.stateReads += 1;
    assert(this.stateReads < MAX_STATE_READS, "the client repeats a request without a pause");
    return this.state;
  }

  send(text) {
    const request = JSON.parse(text);
    this.requests.push(request);
    setTimeout(() => {
      const reply = this.replies[request.action]?.(request);
      if (reply && this.state < 3) this.receive({ ...reply, id: request.id });
    }, 0);
  }

  close() {
    this.state = Math.max(this.state, 2);
  }

  /** Complete the handshake. */
  open() {
    this.state = 1;
    this.dispatchEvent(new Event("open"));
  }

  /** Receive a frame, or a text that is none. */
  receive(frame) {
    const data = typeof frame === "string" ? frame : JSON.stringify(frame);
    this.dispatchEvent(new MessageEvent("message", { data }));
  }

  /** Receive a close frame. The TCP connection stays open. */
  receiveCloseFrame() {
    this.state = 2;
  }

  /** End the TCP connection. */
  end(code = 1006, reason = "") {
    this.state = 3;
    this.dispatchEvent(Object.assign(new Event("close"), { code, reason }));
  }

  /** Refuse the handshake as the WebSocket of Node 22 tells it. */
  refuse() {
    this.state = 3;
    this.dispatchEvent(new Event("error"));
  }

  actions() {
    return this.requests.map(({ action }) => action);
  }
}

globalThis.WebSocket = SimulatedSocket;

export const turn = () => new Promise((resolve) => setTimeout(resolve));

/** Return the socket with this index, as soon as the client has made it. */
export async function socketAt(index) {
  while (!SimulatedSocket.sockets[index]) await turn();
  return SimulatedSocket.sockets[index];
}

/** Return when the client has this state. */
export const stateOf = (client, expected) => new Promise((resolve) => {
  client.addEventListener("state", ({ detail }) => detail.state === expected && resolve(detail));
});

/** Connect a client, and return its socket when it is online. */
export async function online(client, replies = {}) {
  const index = SimulatedSocket.sockets.length;
  const isOnline = stateOf(client, "online");
  client.connect();
  const socket = await socketAt(index);
  Object.assign(socket.replies, replies);
  socket.open();
  await isOnline;
  return socket;
}

/** A storage as browsers have it. */
export class MemoryStorage extends Map {
  getItem(key) {
    return this.get(key) ?? null;
  }

  setItem(key, value) {
    this.set(key, value);
  }
}

/** Return a message as the server pushes it. */
export function message(number, fields = {}) {
  const message_id = `${number.toString(16).padStart(12, "0")}-0000000000000000`;
  return { type: "message", message_id, channel: "lobby", from: null, data: number, sent_at: number, ...fields };
}
