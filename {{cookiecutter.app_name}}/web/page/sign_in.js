/** The person who is signed in, at an issuer or on this machine, and the form for it. */

import { RequestError } from "../client/client.js";
import { on } from "./attempt.js";
import { $ } from "./dom.js";
import { IssuerTokens } from "./issuer_tokens.js";
import { LocalTokens } from "./local_tokens.js";
import { report } from "./status.js";

/** @param {string} url */
const withoutQuery = (url) => url.split(/[?#]/)[0];

export class SignIn {
  /** Where the tokens come from; null: the server's people do not sign in. */
  #source;
  #url;
  /** What to tell the user of a sign-in that failed. */
  #problem = "";

  /** @param {string} url the server's @param {LocalTokens | IssuerTokens | null} source */
  constructor(url, source) {
    // The query string may have a secret, which does not become part of a storage key.
    this.#url = withoutQuery(url);
    this.#source = source;
    this.isOn = source !== null;
    $("sign-out").hidden = !this.user;
    on("sign-out", "click", () => source?.signOut());
  }

  /**
   * Return the sign-in of a server, and complete one that has begun before the page was loaded.
   *
   * @param {import("./server.js").Server} server
   */
  static async of({ url, tokens, issuer }) {
    const source = issuer ? new IssuerTokens(issuer) : tokens ? new LocalTokens(tokens, withoutQuery(url)) : null;
    let problem = "";
    if (source instanceof IssuerTokens) {
      await source.resume().catch((error) => {
        if (!(error instanceof RequestError)) throw error;
        problem = error.message;
      });
    }
    const signIn = new SignIn(url, source);
    signIn.#problem = problem;
    return signIn;
  }

  /** The user's id; "" is nobody. */
  get user() {
    return this.#source?.user ?? "";
  }

  /** The name of the user. */
  get name() {
    return this.#source?.name ?? "";
  }

  /** Each user has a session of their own. */
  get key() {
    return this.user ? `${this.#url} as ${this.user}` : this.#url;
  }

  /** The client's options. Each user has unsent messages of their own. */
  get options() {
    const source = this.#source;
    if (!source) return {};
    return { storageKey: `client of ${this.key}`, getToken: source.token.bind(source) };
  }

  /** @param {() => void} onSignedIn a person has signed in, without a reload of the page */
  serve(onSignedIn) {
    const source = this.#source;
    if (!source) return;
    $("user-input").hidden = !source.asksName;
    $("user-input").required = source.asksName;
    if (!source.asksName) $("sign-in-title").textContent = "Sign in to go on.";
    on("sign-in-form", "submit", async () => {
      await source.signIn($("user-input").value.trim());
      $("sign-out").hidden = !this.user;
      if (this.user) onSignedIn();
    });
  }

  /** Ask for a sign-in, or end that. @param {boolean} isNeeded */
  show(isNeeded) {
    const source = this.#source;
    const isNew = $("sign-in").hidden && isNeeded;
    $("sign-in").hidden = !source || !isNeeded;
    if (!source || $("sign-in").hidden) return;
    source.forget();
    $("composer").hidden = true;
    $("retry").hidden = true;
    if (this.#problem) report(this.#problem);
    if (isNew) (source.asksName ? $("user-input") : $("sign-in-button")).focus();
  }
}
