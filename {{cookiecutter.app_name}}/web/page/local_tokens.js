/** Sign-in on this machine: the local gateway gives a token to whoever names a user. Each tab has its own user. */

import { RequestError } from "../client/client.js";
import { tab } from "./storage.js";

export class LocalTokens {
  #address;
  #key;
  /** Whether the page asks for the user's name. */
  asksName = true;
  /** The user's id; "" is nobody. */
  user = "";

  /** @param {string} address the one that gives tokens @param {string} url the server's */
  constructor(address, url) {
    this.#address = address;
    this.#key = `user of ${url}`;
    this.user = tab.getItem(this.#key) ?? "";
  }

  get name() {
    return this.user;
  }

  /** @returns {Promise<string | null>} a new token; null: nobody is signed in */
  async token() {
    if (!this.user) return null;
    const body = JSON.stringify({ user: this.user });
    const response = await fetch(this.#address, { method: "POST", body }).catch(() => null);
    const answer = await response?.json().catch(() => null);
    if (answer?.token) return answer.token;
    const message = answer?.message ?? "no answer";
    throw new RequestError("token", `No token for ${this.user}: ${message}. Check the server.`);
  }

  /** A refused user may try again. */
  forget() {}

  /** A reload leaves nothing of the user before. @param {string} user */
  async signIn(user) {
    tab.setItem(this.#key, user);
    location.reload();
  }

  async signOut() {
    await this.signIn("");
  }
}
