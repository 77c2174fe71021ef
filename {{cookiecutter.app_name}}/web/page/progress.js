/** What takes long: joining a channel with a long history, many messages on their way. */

import { $ } from "./dom.js";

/** @typedef {import("../client/client.js").Client} Client */

const CHECK_MS = 500;

// What takes less time needs no explanation.
const LONG_MS = 1_000;

export class Progress {
  #client;
  #joining = "";
  #since = 0;

  /** @param {Client} client */
  constructor(client) {
    this.#client = client;
    setInterval(() => this.#show(), CHECK_MS);
  }

  /** @param {string} channel that is being joined @param {Promise<void>} joined */
  async join(channel, joined) {
    this.#joining = channel;
    try {
      await joined;
    } finally {
      this.#joining = "";
      this.#show();
    }
  }

  #show() {
    const text = this.#text();
    if (!text) this.#since = 0;
    else this.#since ||= performance.now();
    const shown = text && performance.now() - this.#since >= LONG_MS ? text : "";
    if ($("progress").textContent !== shown) $("progress").textContent = shown;
  }

  #text() {
    const { online, outbox } = this.#client;
    if (online && this.#joining) return `Joining ${this.#joining}…`;
    if (!outbox.length) return "";
    const messages = outbox.length === 1 ? "1 message" : `${outbox.length} messages`;
    return online ? `Sending ${messages}…` : `Not sent yet: ${messages}. Sent when online.`;
  }
}
