/** The list of the user's channels, and the directory of the others. */

import { inView } from "../client/device.js";
import { Channel, counted } from "./channel.js";
import { $, clone, focusShown, line } from "./dom.js";

/** @typedef {import("../client/client.js").Client} Client */

const REFRESH_MS = 30_000;

export class Sidebar {
  /** The channels that the user is in, by name. @type {Map<string, Channel>} */
  channels = new Map();
  #client;
  #choose;
  #join;

  /**
   * @param {Client} client
   * @param {object} events
   * @param {(name: string) => void} events.onChoose a channel of the user's
   * @param {(name: string) => void} events.onJoin another one
   */
  constructor(client, { onChoose, onJoin }) {
    this.#client = client;
    this.#choose = onChoose;
    this.#join = onJoin;
    $("channel-input").addEventListener("input", () => this.#filter());
    setInterval(() => inView() && this.refresh().catch(() => {}), REFRESH_MS);
  }

  /** @param {string} name @returns {Channel} */
  add(name) {
    const channel = this.channels.get(name) ?? new Channel(name, () => this.#choose(name));
    if (!this.channels.has(name)) $("channels").append(channel.item);
    this.channels.set(name, channel);
    channel.label(this.#client.user);
    return channel;
  }

  /** Show the names as the user who is signed in knows them. */
  label() {
    for (const channel of this.channels.values()) channel.label(this.#client.user);
  }

  /** Remove the own channel of a user who was signed in before. */
  keepJoined() {
    for (const name of this.channels.keys()) {
      if (name.startsWith("@") && !this.#client.channels.includes(name)) this.remove(name);
    }
  }

  /** @param {string} name */
  remove(name) {
    this.channels.get(name)?.item.remove();
    this.channels.delete(name);
  }

  /** @param {string} name of the channel in view; "" for all of an inbox */
  setCurrent(name) {
    for (const current of $("sidebar").querySelectorAll("[aria-current]")) {
      current.removeAttribute("aria-current");
    }
    const button = this.channels.get(name)?.item.firstElementChild ?? $("all");
    button.setAttribute("aria-current", "true");
  }

  /** Move the focus to a channel: what led here may be gone, and the drawer closed. @param {string} name */
  focus(name) {
    focusShown(this.channels.get(name)?.item.firstElementChild, $("messages"));
  }

  /** @returns {Promise<void>} */
  async refresh() {
    const client = this.#client;
    if (!client.online || !client.can("channels")) return;
    const { channels, more } = await client.request("channels");
    const others = [];
    for (const { channel, members } of channels) {
      if (!this.channels.has(channel) && !client.channels.includes(channel)) others.push(this.#item(channel, members));
    }
    if (more) others.push(line("li", "note", "There are more. Join them by name."));
    $("directory").replaceChildren(...others);
    this.#filter();
  }

  /** @param {string} channel @param {number} members @returns {HTMLElement} */
  #item(channel, members) {
    const item = clone("channel-item");
    item.dataset.name = channel.toLowerCase();
    item.querySelector(".name").textContent = channel;
    item.querySelector(".count").textContent = counted(members);
    item.firstElementChild.title = channel;
    item.firstElementChild.addEventListener("click", () => this.#join(channel));
    return item;
  }

  /** The name in the field. Many write it with the sign that stands before it. */
  get wanted() {
    return $("channel-input").value.trim().replace(/^#/, "");
  }

  /** Show the channels of the directory whose names have the text of the field. */
  #filter() {
    const wanted = this.wanted.toLowerCase();
    let shown = 0;
    for (const item of $("directory").querySelectorAll("[data-name]")) {
      item.hidden = !item.dataset.name.includes(wanted);
      shown += item.hidden ? 0 : 1;
    }
    $("directory-note").textContent = shown ? ""
      : wanted ? "None has this name. Join to open it." : "No others yet.";
  }
}
