/** Who is typing: told with messages that are not kept, where the server has those. */

import { $, isolated } from "./dom.js";

/** @typedef {import("../client/client.js").Client} Client */
/** @typedef {import("../client/client.js").Message} Message */

const TELL_EVERY_MS = 3_000;
const SHOWN_MS = 5_000;

// A larger channel would get more of these than messages.
const MAX_MEMBERS = 20;

export class Typing {
  #client;
  #current;
  #toldAt = -TELL_EVERY_MS;
  /** @type {Map<string, {channel: string, name: string, until: number}>} by connection id */
  #typing = new Map();

  /** @param {Client} client @param {() => string} current returns the channel in view */
  constructor(client, current) {
    this.#client = client;
    this.#current = current;
    setInterval(() => this.show(), 1_000);
  }

  /** The user is typing. */
  tell() {
    const { actions, online } = this.#client;
    const isSwitchedOn = online && Boolean(actions.broadcast?.keep);
    const isDue = performance.now() - this.#toldAt > TELL_EVERY_MS;
    const isSmall = $("members").children.length <= MAX_MEMBERS;
    if (!isSwitchedOn || !isDue || !isSmall || !$("message-input").value) return;
    this.#toldAt = performance.now();
    this.#client.sendEphemeral(this.#current(), { typing: true }).catch(() => {});
  }

  /** @param {Message} message one that is not kept */
  receive({ from, data, channel, nonce }) {
    if (!from || data?.typing !== true || nonce) return;
    // Another device of the user's.
    if (this.#client.user && from.user === this.#client.user) return;
    const until = performance.now() + SHOWN_MS;
    this.#typing.set(from.connection_id, { channel, name: from.name, until });
    this.show();
  }

  /** A message of a member ends that. @param {Message} message */
  end({ from }) {
    if (from && this.#typing.delete(from.connection_id)) this.show();
  }

  show() {
    const you = $("members").dataset.you;
    const names = [];
    for (const [id, { channel, name, until }] of this.#typing) {
      if (until < performance.now()) this.#typing.delete(id);
      else if (channel === this.#current() && id !== you) names.push(name);
    }
    const parts = names.length > 2 ? ["Several people are typing…"]
      : names.length === 2 ? [isolated(names[0]), " and ", isolated(names[1]), " are typing…"]
        : names.length ? [isolated(names[0]), " is typing…"] : [];
    $("typing").replaceChildren(...parts);
  }
}
