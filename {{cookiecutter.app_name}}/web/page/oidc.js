/** An OpenID Connect issuer: the authorization code flow with PKCE. The page's elements are elsewhere. */

import { RequestError } from "../client/client.js";
import { claims } from "../client/token.js";
import { tab } from "./storage.js";

/**
 * @typedef {object} Settings `sign_in` in config.json
 * @property {string} issuer its exact address
 * @property {string} client_id of the page
 * @property {"id_token" | "access_token"} [token] the one that the app gets
 * @property {string} [scope]
 * @property {Record<string, string>} [parameters] others of the authorization request, such as Auth0's audience
 * @property {string} [redirect_uri] the address that the issuer returns to; by default the page's folder
 * @property {boolean} [id_token_hint] whether the issuer's sign-out needs the ID token, as Okta's does
 */
/** @typedef {{state: string, nonce: string, verifier: string, search: string}} Attempt */
/**
 * @typedef {object} Tokens
 * @property {string} token the one that the app gets
 * @property {string} idToken
 * @property {string} [refreshToken]
 * @property {number} lifeMs
 * @property {number} expiresAt ms since the epoch, by this device's clock
 */

const TIMEOUT_MS = 10_000;
const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];
const ENDPOINTS = ["authorization_endpoint", "token_endpoint"];
const OPTIONAL_ENDPOINTS = ["end_session_endpoint", "revocation_endpoint"];

export class Issuer {
  #settings;
  /** @type {Record<string, any> | null} */ #document = null;

  /** @param {Settings} settings */
  constructor(settings) {
    this.#settings = settings;
    this.key = `${settings.issuer} ${settings.client_id}`;
  }

  /** @returns {Promise<string[]>} the origins that the page sends requests to */
  async origins() {
    const document = await this.#discover();
    const endpoints = [document.token_endpoint, document.revocation_endpoint].filter(Boolean);
    return [...new Set([this.#settings.issuer, ...endpoints].map((each) => new URL(each).origin))];
  }

  /**
   * Begin a sign-in.
   *
   * @returns {Promise<{url: string, attempt: Attempt}>} the address to open, and what to keep meanwhile
   */
  async begin() {
    const { authorization_endpoint: endpoint } = await this.#discover();
    const attempt = { state: random(), nonce: random(), verifier: random(), search: location.search };
    const url = withQuery(endpoint, {
      ...this.#settings.parameters,
      response_type: "code",
      client_id: this.#settings.client_id,
      redirect_uri: this.#redirectUri,
      scope: this.#settings.scope ?? "openid profile email",
      state: attempt.state,
      nonce: attempt.nonce,
      code_challenge: await challenge(attempt.verifier),
      code_challenge_method: "S256",
    });
    return { url, attempt };
  }

  /** @param {URLSearchParams} answer the query of the return @param {Attempt} attempt @returns {Promise<Tokens>} */
  async finish(answer, attempt) {
    // RFC 9207: an answer of another issuer.
    const isOther = (answer.get("iss") ?? this.#settings.issuer) !== this.#settings.issuer;
    if (answer.get("state") !== attempt.state || isOther) throw failed("the answer is of another sign-in");
    const code = answer.get("code");
    if (!code) throw failed(answer.get("error_description") ?? answer.get("error") ?? "no code");
    const fields = { grant_type: "authorization_code", code, redirect_uri: this.#redirectUri };
    const given = await this.#request({ ...fields, code_verifier: attempt.verifier });
    const idClaims = this.#checkedIdToken(given.id_token);
    if (idClaims.nonce !== attempt.nonce) throw failed("the ID token is of another sign-in");
    return this.#tokens(given, given.id_token);
  }

  /** @param {Tokens} tokens @returns {Promise<Tokens | null>} new ones; null: the issuer gives none any more */
  async refresh({ refreshToken = "", idToken }) {
    try {
      const given = await this.#request({ grant_type: "refresh_token", refresh_token: refreshToken });
      const isSame = !given.id_token || this.#checkedIdToken(given.id_token).sub === claims(idToken).sub;
      if (!isSame) throw failed("the new ID token is of another person");
      // OpenID Connect: a refresh may come without an ID token, or without a new refresh token.
      return this.#tokens({ refresh_token: refreshToken, ...given }, given.id_token ?? idToken);
    } catch (error) {
      if (error instanceof Refusal) return null;
      throw error;
    }
  }

  /**
   * End the session at the issuer.
   *
   * @param {Tokens} tokens
   * @returns {Promise<string>} the address to open for that; "": the issuer has none
   */
  async end({ refreshToken, idToken }) {
    const { client_id, id_token_hint, issuer } = this.#settings;
    const { revocation_endpoint, end_session_endpoint } = await this.#discover();
    if (revocation_endpoint && refreshToken) {
      const body = new URLSearchParams({ token: refreshToken, client_id });
      await fetch(revocation_endpoint, { method: "POST", body, ...options() }).catch(() => {});
    }
    if (!end_session_endpoint) return "";
    const isCognito = /^https:\/\/cognito-idp\./.test(issuer);
    return withQuery(end_session_endpoint, {
      client_id,
      // Cognito's name of it: https://docs.aws.amazon.com/cognito/latest/developerguide/logout-endpoint.html
      [isCognito ? "logout_uri" : "post_logout_redirect_uri"]: this.#redirectUri,
      ...(id_token_hint && { id_token_hint: idToken }),
    });
  }

  get #redirectUri() {
    return new URL(this.#settings.redirect_uri ?? ".", document.baseURI).href;
  }

  /** @returns {Promise<Record<string, any>>} the discovery document, which the tab keeps */
  async #discover() {
    const { issuer } = this.#settings;
    const key = `issuer ${issuer}`;
    this.#document ??= checked(tab.getObject(key), issuer);
    if (this.#document) return this.#document;
    const url = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
    const answer = await fetch(url, options()).catch(() => null);
    const found = checked(Object(await answer?.json().catch(() => null)), issuer);
    if (!found) throw failed(`${issuer} does not answer as an issuer; check sign_in in config.json`);
    tab.setItem(key, JSON.stringify(found));
    this.#document = found;
    return found;
  }

  /** @param {Record<string, string>} fields @returns {Promise<Record<string, any>>} the answer */
  async #request(fields) {
    const { token_endpoint } = await this.#discover();
    const body = new URLSearchParams({ ...fields, client_id: this.#settings.client_id });
    const response = await fetch(token_endpoint, { method: "POST", body, ...options() }).catch(() => null);
    if (!response) throw failed("the issuer does not answer; try again");
    const answer = Object(await response.json().catch(() => null));
    if (response.ok) return answer;
    const reason = String(answer.error_description ?? answer.error ?? response.status);
    throw response.status === 400 || response.status === 401 ? new Refusal(reason) : failed(reason);
  }

  /** @param {Record<string, any>} given @param {string} idToken @returns {Tokens} */
  #tokens(given, idToken) {
    const token = this.#settings.token === "access_token" ? given.access_token : given.id_token;
    if (!token) throw failed(`the issuer gave no ${this.#settings.token ?? "id_token"}`);
    const { iat, exp } = claims(token);
    // The life of a token is the same for a clock that is wrong.
    const lifeMs = 1000 * (exp - iat || Number(given.expires_in) || 0);
    return { token, idToken, refreshToken: given.refresh_token, lifeMs, expiresAt: Date.now() + lifeMs };
  }

  /**
   * Check an ID token that came from the token endpoint. OpenID Connect Core, 3.1.3.7: TLS stands in
   * for the signature there. The app checks the signature too.
   *
   * @param {unknown} token @returns {Record<string, any>} its claims
   */
  #checkedIdToken(token) {
    const found = claims(typeof token === "string" ? token : null);
    const isForPage = [found.aud].flat().includes(this.#settings.client_id);
    const isOwn = found.iss === this.#settings.issuer && isForPage && typeof found.sub === "string";
    if (!isOwn) throw failed("the ID token is of another issuer or for another page");
    return found;
  }
}

/** The issuer refuses a code or a refresh token. */
class Refusal extends RequestError {
  /** @param {string} reason */
  constructor(reason) {
    super("sign_in", `Sign-in failed: ${reason}. Sign in again.`);
  }
}

/** @param {string} reason */
const failed = (reason) => new RequestError("sign_in", `Sign-in failed: ${reason}.`);

/** @returns {RequestInit} of a request to the issuer: no cookies, no redirects, a limited time */
const options = () => ({
  credentials: "omit", redirect: "error", cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS),
});

/** @param {unknown} url @returns {boolean} whether it is https, or on this machine */
export function isTrusted(url) {
  if (typeof url !== "string" || !URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return protocol === "https:" || (protocol === "http:" && LOOPBACK.includes(hostname));
}

/** @param {Record<string, any>} document @param {string} issuer @returns {Record<string, any> | null} */
function checked(document, issuer) {
  const isValid = document.issuer === issuer && ENDPOINTS.every((name) => isTrusted(document[name]))
    && OPTIONAL_ENDPOINTS.every((name) => document[name] === undefined || isTrusted(document[name]));
  return isValid ? document : null;
}

/** @param {string} endpoint @param {Record<string, string>} fields @returns {string} */
function withQuery(endpoint, fields) {
  const url = new URL(endpoint);
  for (const [name, value] of Object.entries(fields)) url.searchParams.set(name, value);
  return url.href;
}

/** @param {Uint8Array} bytes @returns {string} base64url */
const encode = (bytes) =>
  btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

const random = () => encode(crypto.getRandomValues(new Uint8Array(32)));

/** @param {string} verifier @returns {Promise<string>} RFC 7636 */
async function challenge(verifier) {
  if (!crypto.subtle) throw failed(`a browser signs in over https alone (got ${location.origin})`);
  return encode(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))));
}
