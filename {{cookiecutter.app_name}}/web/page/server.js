/** The choice of the server: the one that ?url= names, or config.json, or `api` beside the page. */

import { $ } from "./dom.js";

/**
 * @typedef {object} Server
 * @property {string} url its address
 * @property {string} tokens the address that gives tokens for sign-in on this machine; "": none
 */

/** @returns {Promise<Server>} @throws {Error} with a message that says what to do */
export async function find() {
  const given = new URLSearchParams(location.search).get("url");
  const { url, tokens } = given === null ? await own() : { url: checked(given), tokens: "" };
  $("server").textContent = url.host;
  $("server").title = url.href;
  // A link that somebody made can name any server: whoever follows it must see that.
  if (given !== null && url.host !== location.host) {
    $("foreign").hidden = false;
    $("foreign-host").textContent = url.host;
  }
  restrict(url);
  return { url: url.href, tokens };
}

/** @returns {Promise<{url: URL, tokens: string}>} */
async function own() {
  const config = await configured();
  const url = new URL(isAddress(config.url) ? config.url : "api", document.baseURI);
  url.protocol = url.protocol.replace("http", "ws");
  url.hash = "";
  const tokens = isAddress(config.tokens) ? new URL(config.tokens, document.baseURI) : null;
  // The page reaches no other host.
  return { url, tokens: tokens?.host === url.host ? tokens.href : "" };
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

/** From here on the page reaches this one server and no other. @param {URL} url */
function restrict({ host, protocol }) {
  const content = `connect-src ${protocol}//${host} ${protocol.replace("ws", "http")}//${host}`;
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
  const { host, pathname } = new URL(url);
  if (!navigator.onLine) return "This device has no network. Connect it.";
  try {
    await fetch(url.replace(/^ws/, "http"), { mode: "no-cors", cache: "no-store" });
  } catch {
    return `No server answers at ${host}. Start it, or check the address.`;
  }
  return `The server ${host} answers, but refuses the connection. Check its stage (got '${pathname}') and who may connect.`;
}
