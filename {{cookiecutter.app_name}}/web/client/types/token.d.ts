/** The token of a person who is signed in, as far as the client reads it. */
/**
 * @param {string | null | undefined} token
 * @param {number} now ms since the epoch
 * @returns {number} the ms after which to renew it; Infinity if the token does not tell
 */
export function renewalMs(token: string | null | undefined, now: number): number;
/** @param {string | null} [token] @returns {Record<string, any>} {} if it is not a JSON Web Token */
export function claims(token?: string | null): Record<string, any>;
/**
 * Find out whether a server answers at all. A browser does not tell a refused handshake from a
 * server that is not there.
 *
 * @param {string} url its ws: or wss: address
 * @returns {Promise<boolean>}
 */
export function isReachable(url: string): Promise<boolean>;
