/** The choice of the server: the one that ?url= names, or config.json, or `api` beside the page. */

import { $ } from "./dom.js";
import { isTrusted, Issuer } from "./oidc.js";

/**
 * @typedef {object} Server
 * @property {string} url its address
 * @property {string} tokens the address that gives tokens for sign-in on this machine; "": none
 * @property {Issuer | null} issuer where its people sign in
 */
/** @typedef {{url: URL, tokens: string, issuer: Issuer | null}} Found */

const ANSWER_TIMEOUT_MS = 5_000;

/** @returns {Promise<Server>} @throws {Error} with a message that says what to do */
export async function find() {
  const given = new URLSearchParams(location.search).get("url");
  // A server that a link names must not get the tokens for the page's own.
  const { url, tokens, issuer } = given === null
    ? await own() : { url: checked(given), tokens: "", issuer: null };
  $("server").textContent = url.host;
  $("server").title = url.href;
  // A link that somebody made can name any server: whoever follows it must see that.
  if (given !== null && url.host !== location.host) {
    $("foreign").hidden = false;
    $("foreign-host").textContent = url.host;
  }
  // Without the issuer's answer nobody knows its addresses, and the policy of index.html stays.
  const origins = await (issuer?.origins() ?? Promise.resolve([])).catch(() => null);
  if (origins) restrict(url, origins);
  return { url: url.href, tokens, issuer };
}

/** @returns {Promise<Found>} @throws {Error} config.json is not valid */
async function own() {
  const config = await configured();
  const url = new URL(isAddress(config.url) ? config.url : "api", document.baseURI);
  url.protocol = url.protocol.replace("http", "ws");
  url.hash = "";
  const tokens = isAddress(config.tokens) ? new URL(config.tokens, document.baseURI) : null;
  const issuer = config.sign_in === undefined ? null : new Issuer(checkedSignIn(config.sign_in));
  // The page reaches no other host.
  return { url, tokens: tokens?.host === url.host ? tokens.href : "", issuer };
}

/** @param {unknown} value @returns {value is string} whether it is an address, relative to the page */
const isAddress = (value) => typeof value === "string" && URL.canParse(value, document.baseURI);

/** @returns {Promise<Record<string, unknown>>} the content of config.json */
async function configured() {
  try {
    const response = await fetch("config.json", { cache: "no-cache" });
    return Object(await response.json());
  } catch {
    // A host without the file, or one that answers with a page.
    return {};
  }
}

/** @param {string} given @returns {URL} */
function checked(given) {
  const url = URL.canParse(given) ? new URL(given) : null;
  const isValid = url && ["ws:", "wss:"].includes(url.protocol) && !url.hash
    // A part before an @ could pass for the host.
    && !url.username && !url.password;
  if (isValid) return url;
  throw new Error(`?url= is not the address of a server (got '${given}'); use ?url=wss://host/stage`);
}

/** @param {unknown} given @returns {import("./oidc.js").Settings} */
function checkedSignIn(given) {
  const { issuer, client_id } = Object(given);
  if (isTrusted(issuer) && typeof client_id === "string" && client_id) return Object(given);
  throw new Error(`sign_in in config.json is not valid (got ${JSON.stringify(given)}); use {"issuer": "https://...", "client_id": "..."}`);
}

/**
 * From here on the page reaches this one server and the issuer, and no other.
 *
 * @param {URL} url the server's @param {string[]} origins the issuer's
 */
function restrict({ host, protocol }, origins) {
  const server = [`${protocol}//${host}`, `${protocol.replace("ws", "http")}//${host}`];
  const content = `connect-src ${[...server, ...origins].join(" ")}`;
  const policy = { httpEquiv: "Content-Security-Policy", content };
  document.head.append(Object.assign(document.createElement("meta"), policy));
}

/**
 * Find out why no connection opens. A browser does not tell the page.
 *
 * @param {string} url
 * @returns {Promise<string>} a sentence with what to do
 */
export async function explain(url) {
  const { host, hostname, pathname, protocol } = new URL(url);
  const isLocal = ["localhost", "127.0.0.1", "[::1]"].includes(hostname);
  if (location.protocol === "https:" && protocol === "ws:" && !isLocal) {
    return `A page of https: reaches no server at ws: (got '${url}'). Use wss:.`;
  }
  if (!navigator.onLine) return "This device has no network. Connect it.";
  try {
    const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    await fetch(url.replace(/^ws/, "http"), { mode: "no-cors", cache: "no-store", signal });
  } catch {
    return `No server answers at ${host}. Start it, or check the address.`;
  }
  return `The server ${host} answers, but the connection fails. Check its stage (got '${pathname}'), who may connect, and its log.`;
}
