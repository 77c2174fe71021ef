/** The tokens of a person who signs in at an issuer. The tab keeps them, so that a reload stays signed in. */

import { claims } from "../client/token.js";
import { tab } from "./storage.js";

/** @typedef {import("./oidc.js").Tokens} Tokens */
/** @typedef {import("./oidc.js").Attempt} Attempt */

// The client renews a connection after three quarters of the token's life or later.
const MIN_LIFE_PART = 0.3;
const WINDOW = "popup,width=480,height=720";
const CHANNEL = "sign-in";
const DELIVERY_MS = 2_000;

export class IssuerTokens {
  #issuer;
  #key;
  /** @type {Tokens | null} */ #tokens = null;
  /** @type {Promise<void> | null} */ #refreshing = null;
  /** Whether the page asks for the user's name. */
  asksName = false;

  /** @param {import("./oidc.js").Issuer} issuer */
  constructor(issuer) {
    this.#issuer = issuer;
    this.#key = `tokens of ${issuer.key}`;
    const { token, idToken, refreshToken, lifeMs, expiresAt } = tab.getObject(this.#key);
    if (typeof token === "string" && typeof expiresAt === "number") {
      this.#tokens = { token, idToken, refreshToken, lifeMs, expiresAt };
    }
  }

  /** The user's id; "" is nobody. */
  get user() {
    const { token, idToken } = this.#tokens ?? {};
    return String(claims(token).sub ?? claims(idToken).sub ?? "");
  }

  get name() {
    const { token, idToken } = this.#tokens ?? {};
    return String(claims(token).name ?? claims(idToken).name ?? this.user);
  }

  /**
   * Complete a sign-in, if the issuer has just returned to the page.
   *
   * @throws {RequestError} it failed
   */
  async resume() {
    const answer = new URLSearchParams(location.search);
    if (!answer.has("state") || !(answer.has("code") || answer.has("error"))) return;
    const attempt = tab.getObject(this.#attemptKey);
    // A code in the address must not stay in the history, nor be used again by a reload.
    history.replaceState(null, "", `${location.pathname}${attempt.search ?? ""}`);
    if (!tab.isKept && (await deliver(String(answer)))) return close();
    tab.setItem(this.#attemptKey, "{}");
    this.#save(await this.#issuer.finish(answer, /** @type {Attempt} */ (attempt)));
  }

  /** @param {{isRefused?: boolean}} [why] whether the server has refused the last token @returns {Promise<string | null>} */
  async token({ isRefused = false } = {}) {
    const { expiresAt = 0, lifeMs = 0, refreshToken } = this.#tokens ?? {};
    const isFresh = expiresAt - Date.now() > lifeMs * MIN_LIFE_PART && !isRefused;
    if (refreshToken && !isFresh) {
      this.#refreshing ??= this.#refresh(isRefused).finally(() => (this.#refreshing = null));
      await this.#refreshing;
    }
    return this.#tokens && this.#tokens.expiresAt > Date.now() ? this.#tokens.token : null;
  }

  /** Forget tokens that the server refuses. */
  forget() {
    this.#save(null);
  }

  /** Open the issuer's page: in this tab, or in a window where a reload would forget the attempt. */
  async signIn() {
    const popup = tab.isKept ? null : open("", "_blank", WINDOW);
    const { url, attempt } = await this.#issuer.begin();
    if (!popup) {
      tab.setItem(this.#attemptKey, JSON.stringify(attempt));
      location.assign(url);
      return;
    }
    popup.location.href = url;
    const answer = new URLSearchParams(await received(attempt.state));
    this.#save(await this.#issuer.finish(answer, attempt));
  }

  /** End the session at the issuer too. */
  async signOut() {
    const tokens = this.#tokens;
    this.#save(null);
    const url = tokens && (await this.#issuer.end(tokens).catch(() => ""));
    if (url) location.assign(url);
    else location.reload();
  }

  get #attemptKey() {
    return `attempt at ${this.#issuer.key}`;
  }

  /** @param {boolean} isRefused whether the server has refused the last token */
  async #refresh(isRefused) {
    const before = /** @type {Tokens} */ (this.#tokens);
    try {
      // A token that is still valid is used up, unless the server has refused it.
      const rest = isRefused ? null : { ...before, refreshToken: undefined };
      const tokens = (await this.#issuer.refresh(before)) ?? rest;
      // The person may have signed out meanwhile.
      if (this.#tokens === before) this.#save(tokens);
    } catch (error) {
      if (before.expiresAt <= Date.now()) throw error;
    }
  }

  /** @param {Tokens | null} tokens */
  #save(tokens) {
    this.#tokens = tokens;
    tab.setItem(this.#key, JSON.stringify(tokens ?? {}));
  }
}

/** @param {string} state @returns {Promise<string>} the answer that the issuer gives in another window */
function received(state) {
  const channel = new BroadcastChannel(CHANNEL);
  return new Promise((resolve) => {
    channel.addEventListener("message", ({ data }) => {
      if (new URLSearchParams(data).get("state") !== state) return;
      channel.postMessage("received");
      channel.close();
      resolve(data);
    });
  });
}

/** @param {string} answer @returns {Promise<boolean>} whether the window that began the sign-in has it */
function deliver(answer) {
  const channel = new BroadcastChannel(CHANNEL);
  return new Promise((resolve) => {
    channel.addEventListener("message", () => resolve(true));
    setTimeout(() => resolve(false), DELIVERY_MS);
    channel.postMessage(answer);
  });
}
