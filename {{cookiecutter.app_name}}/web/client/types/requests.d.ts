/** @param {Frame} request @returns {string} the frame's text @throws {RequestError} too_large */
export function encode(request: Frame): string;
export class Requests {
    /** @returns {string} the id of a new request */
    newId(): string;
    /**
     * Wait for the reply of a request.
     *
     * @param {WebSocket} socket the one that the request is sent over
     * @param {Frame} request
     * @param {object} events
     * @param {() => void} events.onSlow it has no reply after some seconds
     * @param {() => void} events.onTimeout it was given up
     * @returns {Promise<Frame>} rejects with a RequestError
     */
    wait(socket: WebSocket, request: Frame, { onSlow, onTimeout }: {
        onSlow: () => void;
        onTimeout: () => void;
    }): Promise<Frame>;
    /**
     * Give a reply to the request that waits for it, if one does.
     *
     * @param {Frame} frame a frame with an id
     * @throws {RequestError} bad_frame; the request is rejected with it too
     */
    settle(frame: Frame): void;
    /** Reject what was sent over a connection that is gone. @param {WebSocket} socket */
    reject(socket: WebSocket): void;
    #private;
}
export type Frame = import("./frames.js").Frame;
export type Waiting = {
    socket: WebSocket;
    request: Frame;
    settle: (outcome: Frame | Error) => void;
};
