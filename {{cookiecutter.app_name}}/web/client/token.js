/** The token of a person who is signed in, as far as the client reads it. */

/**
 * @param {string | null | undefined} token
 * @param {number} now ms since the epoch
 * @returns {number} the ms after which to renew it; Infinity if the token does not tell
 */
export function renewalMs(token, now) {
  const { exp, iat } = claims(token);
  if (!Number.isFinite(exp)) return Infinity;
  const left = exp * 1000 - now;
  // The server has accepted the token: this device's clock is wrong where none is left.
  const life = left > 0 ? left : (exp - iat) * 1000;
  return life > 0 ? life * (0.75 + Math.random() * 0.15) : Infinity;
}

/** @param {string | null} [token] @returns {Record<string, any>} {} if it is not a JSON Web Token */
export function claims(token) {
  if (!token) return {};
  try {
    const payload = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(payload), (each) => each.charCodeAt(0));
    return Object(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return {};
  }
}

/**
 * Find out whether a server answers at all. A browser does not tell a refused handshake from a
 * server that is not there.
 *
 * @param {string} url its ws: or wss: address
 * @returns {Promise<boolean>}
 */
export async function isReachable(url) {
  try {
    await fetch(url.replace(/^ws/, "http"), { mode: "no-cors", cache: "no-store", redirect: "manual" });
    return true;
  } catch {
    return false;
  }
}
