/**
 * Send a request until the server accepts or refuses it.
 *
 * @param {() => Promise<Frame>} request sends it once
 * @param {object} connection
 * @param {() => boolean} connection.isCurrent whether it is still the same connection
 * @param {() => void} connection.lose gives it up
 * @param {AbortSignal} [connection.signal] ends each wait
 * @returns {Promise<Frame>}
 */
export function repeat(request: () => Promise<Frame>, { isCurrent, lose, signal }: {
    isCurrent: () => boolean;
    lose: () => void;
    signal?: AbortSignal | undefined;
}): Promise<Frame>;
export type Frame = import("./frames.js").Frame;
