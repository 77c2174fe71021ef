/** The state of the page that survives a reload, for each server. Damaged data is left out. */

import { local, tab } from "./storage.js";

const MAX_OWN = 200;
const MAX_READ_ONES = 1000;

/** @param {unknown} value @returns {Map<string, string>} */
const texts = (value) => new Map(
  Object.entries(Object(value)).filter(([, each]) => typeof each === "string"),
);

/** @param {unknown} value @returns {string[]} */
const list = (value) => Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];

export class Session {
  #key;
  /** @type {Map<string, string>} */ #read;
  /** @type {Map<string, string>} */ #drafts;
  /** @type {string[]} */ #own;
  /** @type {string[]} */ #readOnes;
  /** The channel that is shown. */
  current = "";

  /** @param {string} url the server's */
  constructor(url) {
    this.#key = `page of ${url}`;
    const { current, read, own, drafts, readOnes } = tab.getObject(this.#key);
    if (typeof current === "string") this.current = current;
    this.#read = texts(read);
    this.#drafts = texts(drafts);
    this.#own = list(own);
    this.#readOnes = list(readOnes);
    addEventListener("pagehide", () => this.save());
  }

  save() {
    const [read, drafts] = [this.#read, this.#drafts].map((map) => Object.fromEntries(map));
    const { current } = this;
    const state = { current, read, drafts, own: this.#own, readOnes: this.#readOnes };
    tab.setItem(this.#key, JSON.stringify(state));
  }

  /** The name last given in any tab. */
  get name() {
    return local.getItem(this.#key) ?? "";
  }

  set name(name) {
    local.setItem(this.#key, name);
  }

  /** What the page is: "chat", "notifications" or "echo"; "" before the first answer. */
  get kind() {
    return local.getItem(`kind of ${this.#key}`) ?? "";
  }

  set kind(kind) {
    local.setItem(`kind of ${this.#key}`, kind);
  }

  /** Whether the user has seen the welcome. */
  get welcomed() {
    return local.getItem(`welcome of ${this.#key}`) !== null || this.name !== "";
  }

  setWelcomed() {
    local.setItem(`welcome of ${this.#key}`, "seen");
  }

  /** Whether the user wants the browser's notifications. */
  get notifies() {
    return local.getItem(`notifications of ${this.#key}`) === "on";
  }

  set notifies(on) {
    local.setItem(`notifications of ${this.#key}`, on ? "on" : "off");
  }

  /** @param {string} channel @returns {string} the text that is not sent yet */
  draft(channel) {
    return this.#drafts.get(channel) ?? "";
  }

  /** @param {string} channel @param {string} text */
  setDraft(channel, text) {
    if (text) this.#drafts.set(channel, text);
    else this.#drafts.delete(channel);
  }

  /** All up to this message has been read. @param {string} channel @param {string} id */
  read(channel, id) {
    const read = this.#read.get(channel);
    if (read === undefined || id > read) this.#read.set(channel, id);
  }

  /** @param {string} channel @returns {string} the id of the last message that has been read */
  mark(channel) {
    return this.#read.get(channel) ?? "";
  }

  /** What was there when one came to a channel is not new. @param {string} channel @param {string} id */
  start(channel, id) {
    if (!this.#read.has(channel)) this.#read.set(channel, id);
  }

  /** @param {string} channel @param {string} id of a message @returns {boolean} whether it is unread */
  isNew(channel, id) {
    const read = this.#read.get(channel);
    return read !== undefined && id > read;
  }

  /** @param {string} channel @param {string} id @returns {boolean} as isNew(), after readOne() */
  isUnread(channel, id) {
    return this.isNew(channel, id) && !this.#readOnes.includes(id);
  }

  /** One message has been read, and those before it not. @param {string} channel @param {string} id */
  readOne(channel, id) {
    if (!this.isUnread(channel, id)) return;
    this.#readOnes.push(id);
    if (this.#readOnes.length > MAX_READ_ONES) this.#readOnes.shift();
  }

  /** A message is the user's. By its own id, which no other can use again. @param {string} id */
  own(id) {
    this.#own.push(id);
    if (this.#own.length > MAX_OWN) this.#own.shift();
  }

  /** @param {string} id @returns {boolean} whether the message is the user's */
  isOwn(id) {
    return this.#own.includes(id);
  }
}
