/** Sign-in on this machine: the local gateway gives a token to whoever names a user. Each tab has its own user. */

import { RequestError } from "../client/client.js";
import { $ } from "./dom.js";
import { tab } from "./storage.js";

export class SignIn {
  #tokens;
  #userKey;
  /** The user's id; "" is nobody. */
  user = "";

  /** @param {string} url the server's @param {string} tokens the address that gives tokens; "": none */
  constructor(url, tokens) {
    this.#tokens = tokens;
    this.#userKey = `user of ${url}`;
    this.isOn = Boolean(tokens);
    if (this.isOn) this.user = tab.getItem(this.#userKey) ?? "";
    /** Each user has a session of their own. */
    this.key = this.user ? `${url} as ${this.user}` : url;
    $("sign-in-form").addEventListener("submit", (/** @type {Event} */ event) => {
      event.preventDefault();
      this.#change($("user-input").value.trim());
    });
    $("sign-out").hidden = !this.user;
    $("sign-out").addEventListener("click", () => this.#change(""));
  }

  /** The client's options. Each user has unsent messages of their own. */
  get options() {
    return this.isOn ? { storageKey: `client of ${this.key}`, getToken: () => this.#token() } : {};
  }

  /** @returns {Promise<string | null>} a new token; null: nobody is signed in */
  async #token() {
    if (!this.user) return null;
    const body = JSON.stringify({ user: this.user });
    const response = await fetch(this.#tokens, { method: "POST", body }).catch(() => null);
    const answer = await response?.json().catch(() => null);
    if (answer?.token) return answer.token;
    const message = answer?.message ?? "no answer";
    throw new RequestError("token", `No token for ${this.user}: ${message}. Check the server.`);
  }

  /** Ask for the user's name, or end that. @param {boolean} isNeeded */
  show(isNeeded) {
    const isNew = $("sign-in").hidden && isNeeded;
    $("sign-in").hidden = !this.isOn || !isNeeded;
    if ($("sign-in").hidden) return;
    $("composer").hidden = true;
    $("retry").hidden = true;
    if (isNew) $("user-input").focus();
  }

  /** A reload leaves nothing of the user before. @param {string} user */
  #change(user) {
    tab.setItem(this.#userKey, user);
    location.reload();
  }
}
