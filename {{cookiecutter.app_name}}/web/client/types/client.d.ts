export const LOBBY: "lobby";
/** @typedef {import("./frames.js").Frame} Frame */
/** @typedef {import("./frames.js").Member} Member */
/** @typedef {import("./frames.js").Message} Message */
/** @typedef {import("./frames.js").Presence} Presence */
/** @typedef {import("./events.js").ClientEvents} ClientEvents */
/** @typedef {import("./events.js").State} State */
/** @typedef {import("./outbox.js").Broadcast} Broadcast */
/**
 * @typedef {object} ClientOptions
 * @property {import("./saved.js").ClientStorage} [storage] keeps name, channels and unsent
 *   broadcasts over a reload: sessionStorage, since each tab has its own
 * @property {string} [storageKey] clients with the same one share their state; by default each
 *   client has its own, and a client of the same address finds it after a reload
 * @property {import("./handshake.js").GetToken} [getToken] asked before each connection for the
 *   token of the person; null: nobody is signed in
 */
/** @extends {Connection<ClientEvents>} */
export class Client extends Connection<import("./events.js").ClientEvents> {
    /**
     * @param {import("./handshake.js").Address} address the ws: or wss: address, or a function that
     *   returns it; nothing is opened before connect()
     * @param {ClientOptions | import("./saved.js").ClientStorage} [options] or the storage alone
     */
    constructor(address: import("./handshake.js").Address, options?: ClientOptions | import("./saved.js").ClientStorage);
    /** The actions that the server has switched on, each with its fields. @type {Frame} */
    actions: Frame;
    /** The name that others see; "" is one that the server makes. */
    name: string;
    /** The id of the person whose token the connection has; "" for a guest. */
    user: string;
    /** The channels that the client is in, or will be when it is online. */
    get channels(): string[];
    /** The broadcasts that the server has not acknowledged, in order. @returns {Broadcast[]} */
    get outbox(): Broadcast[];
    /** @param {string} action @returns {boolean} whether the server has it switched on */
    can(action: string): boolean;
    /** @param {string} name @returns {Channel} to listen to; channel(name).join() joins it */
    channel(name: string): Channel;
    /** @param {string} name the name to have, on this connection and on later ones */
    setName(name: string): Promise<void>;
    /** @param {string} channel the channel to be in, on this connection and on later ones */
    join(channel: string): Promise<void>;
    /** @param {string} channel the channel to be in no longer */
    leave(channel: string): Promise<void>;
    /**
     * Queue a message. It is sent when the one before it has been acknowledged: the handlers of one
     * connection run at the same time, and nothing else keeps the order.
     *
     * @param {string} channel
     * @param {unknown} data any JSON value
     * @returns {Broadcast}
     */
    broadcast(channel: string, data: unknown): Broadcast;
    /**
     * Send what is worth nothing later, such as "is typing": it is not repeated, and not in the
     * history. Members get it as an `ephemeral` event.
     *
     * @param {string} channel
     * @param {unknown} data any JSON value
     */
    sendEphemeral(channel: string, data: unknown): Promise<void>;
    /**
     * Mark the messages up to one as read, on all devices of the person. Does nothing for a guest.
     *
     * @param {string} channel
     * @param {string} messageId
     * @param {{only?: boolean}} [options] only: this message, and not those before it
     */
    markRead(channel: string, messageId: string, { only }?: {
        only?: boolean;
    }): void;
    /** Keep the connection from being idle. A join also brings messages whose delivery failed. */
    beat(): Promise<void>;
    #private;
}
export type Frame = import("./frames.js").Frame;
export type Member = import("./frames.js").Member;
export type Message = import("./frames.js").Message;
export type Presence = import("./frames.js").Presence;
export type ClientEvents = import("./events.js").ClientEvents;
export type State = import("./events.js").State;
export type Broadcast = import("./outbox.js").Broadcast;
export type ClientOptions = {
    /**
     * keeps name, channels and unsent
     * broadcasts over a reload: sessionStorage, since each tab has its own
     */
    storage?: import("./saved.js").ClientStorage | undefined;
    /**
     * clients with the same one share their state; by default each
     * client has its own, and a client of the same address finds it after a reload
     */
    storageKey?: string | undefined;
    /**
     * asked before each connection for the
     * token of the person; null: nobody is signed in
     */
    getToken?: import("./handshake.js").GetToken | undefined;
};
import { Channel } from "./channel.js";
import { RequestError } from "./errors.js";
import { Connection } from "./connection.js";
export { Channel, RequestError };
