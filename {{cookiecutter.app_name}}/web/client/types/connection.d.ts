/**
 * @template {import("./events.js").ConnectionEvents} [Events=import("./events.js").ConnectionEvents]
 * @extends {Emitter<Events>}
 */
export class Connection<Events extends import("./events.js").ConnectionEvents = import("./events.js").ConnectionEvents> extends Emitter<Events> {
    /**
     * @param {Address} address the ws: or wss: address, or a function that returns it
     * @param {GetToken} [getToken] asked before each connection; null: nobody is signed in
     * @throws {RequestError} address; nothing is opened before connect()
     */
    constructor(address: Address, getToken?: GetToken);
    /** Whether it is open and `greet` has succeeded. A closing one takes no requests. */
    get online(): boolean;
    /** Connect, and stay connected: at once, if the next try was due later. */
    connect(): void;
    /** Let go of everything: the connection, timers and listeners. connect() begins anew. */
    close(): void;
    /** Find out now whether the connection still works. If nothing comes in 5 s, open another. */
    check(): void;
    /**
     * @param {string} action
     * @param {Frame} [fields] the fields of the action
     * @returns {Promise<Frame>} the server's reply; rejects with a RequestError
     */
    request(action: string, fields?: Frame): Promise<Frame>;
    /**
     * Send a request that may come twice: again after a while, if the server says so or does not
     * answer. If that does not help, open another connection, which begins with `greet`.
     *
     * @param {string} action
     * @param {Frame} [fields]
     * @returns {Promise<Frame>} rejects with `offline` if the connection is gone, with `timeout`
     *   if it was given up because of this request
     */
    insist(action: string, fields?: Frame): Promise<Frame>;
    /** The first requests of a new connection. _wasCut: there was none until now.
     * @param {string | null | undefined} _token @param {boolean} _wasCut */
    greet(_token: string | null | undefined, _wasCut: boolean): Promise<void>;
    /** A request that keeps the connection from being idle. @returns {Promise<unknown>} */
    beat(): Promise<unknown>;
    /** @protected @param {Frame} frame a push of a type that the client knows */
    protected push(frame: Frame): void;
    /** @protected @param {unknown} error each is emitted once */
    protected fault(error: unknown): void;
    /** @protected @param {State} state the last one, until connect() is called */
    protected end(state: State): void;
    #private;
}
export type Frame = import("./frames.js").Frame;
export type Address = import("./handshake.js").Address;
export type GetToken = import("./handshake.js").GetToken;
export type State = import("./events.js").State;
import { Emitter } from "./events.js";
