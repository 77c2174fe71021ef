/** The events, with the type of each one's detail. */
/** @typedef {import("./frames.js").Frame} Frame */
/**
 * @typedef {object} State
 * @property {"connecting" | "online" | "offline" | "closed" | "signed_out" | "refused"} state
 * @property {number} [retryMs] offline: the time until the next try
 * @property {number} [failures] offline: the tries that have failed since it was online
 * @property {string} [reason] signed_out, refused: what to do, to be shown to a user
 */
/**
 * @typedef {object} ConnectionEvents
 * @property {State} state
 * @property {{code: number, reason: string}} close the server has closed a connection
 * @property {{sent: boolean, text: string}} frame each frame that is sent or received
 * @property {import("./errors.js").RequestError} fault an error that belongs to no request
 * @property {import("./frames.js").Bye} bye the server has ended the connection for good
 * @property {Frame} push a frame that belongs to no request, of a type that the client does not know
 */
/**
 * @typedef {object} OwnEvents
 * @property {Record<string, Record<string, string>>} actions what the server has switched on: its
 *   actions, each with its fields
 */
/**
 * @typedef {object} ChannelEvents
 * @property {import("./frames.js").Message} message each message once, most in the order of their
 *   `message_id`; one whose delivery failed comes later: insert it at the place of its id
 * @property {import("./frames.js").Message} ephemeral a message with `keep: false`
 * @property {import("./frames.js").Presence} presence
 * @property {{channel: string, message_id: string, only?: boolean}} read all messages up to it are
 *   read, or it alone, on another device of the same person
 * @property {{channel: string}} gap the server no longer has some of the missed messages
 * @property {{channel: string}} resumed all missed messages have been handed out
 */
/** @typedef {ConnectionEvents & OwnEvents & ChannelEvents} ClientEvents */
/**
 * @template Detail
 * @typedef {((event: CustomEvent<Detail>) => void)
 *   | {handleEvent(event: CustomEvent<Detail>): void}} Listener
 */
/**
 * An EventTarget with typed listeners.
 *
 * @template {Record<string, any>} Events the detail of each event, by its name
 */
export class Emitter<Events extends Record<string, any>> extends EventTarget {
    constructor();
    /**
     * @template {keyof Events & string} Name
     * @param {Name} type
     * @param {Listener<Events[Name]> | null} listener
     * @param {boolean | AddEventListenerOptions} [options]
     * @returns {void}
     */
    addEventListener<Name extends keyof Events & string>(type: Name, listener: Listener<Events[Name]> | null, options?: boolean | AddEventListenerOptions): void;
    /**
     * @template {keyof Events & string} Name
     * @param {Name} type
     * @param {Listener<Events[Name]> | null} listener
     * @param {boolean | EventListenerOptions} [options]
     * @returns {void}
     */
    removeEventListener<Name extends keyof Events & string>(type: Name, listener: Listener<Events[Name]> | null, options?: boolean | EventListenerOptions): void;
    /**
     * @protected
     * @param {string} type
     * @param {unknown} detail
     */
    protected emit(type: string, detail: unknown): void;
}
export type Frame = import("./frames.js").Frame;
export type State = {
    state: "connecting" | "online" | "offline" | "closed" | "signed_out" | "refused";
    /**
     * offline: the time until the next try
     */
    retryMs?: number | undefined;
    /**
     * offline: the tries that have failed since it was online
     */
    failures?: number | undefined;
    /**
     * signed_out, refused: what to do, to be shown to a user
     */
    reason?: string | undefined;
};
export type ConnectionEvents = {
    state: State;
    /**
     * the server has closed a connection
     */
    close: {
        code: number;
        reason: string;
    };
    /**
     * each frame that is sent or received
     */
    frame: {
        sent: boolean;
        text: string;
    };
    /**
     * an error that belongs to no request
     */
    fault: import("./errors.js").RequestError;
    /**
     * the server has ended the connection for good
     */
    bye: import("./frames.js").Bye;
    /**
     * a frame that belongs to no request, of a type that the client does not know
     */
    push: Frame;
};
export type OwnEvents = {
    /**
     * what the server has switched on: its
     * actions, each with its fields
     */
    actions: Record<string, Record<string, string>>;
};
export type ChannelEvents = {
    /**
     * each message once, most in the order of their
     * `message_id`; one whose delivery failed comes later: insert it at the place of its id
     */
    message: import("./frames.js").Message;
    /**
     * a message with `keep: false`
     */
    ephemeral: import("./frames.js").Message;
    presence: import("./frames.js").Presence;
    /**
     * all messages up to it are
     * read, or it alone, on another device of the same person
     */
    read: {
        channel: string;
        message_id: string;
        only?: boolean;
    };
    /**
     * the server no longer has some of the missed messages
     */
    gap: {
        channel: string;
    };
    /**
     * all missed messages have been handed out
     */
    resumed: {
        channel: string;
    };
};
export type ClientEvents = ConnectionEvents & OwnEvents & ChannelEvents;
export type Listener<Detail> = ((event: CustomEvent<Detail>) => void) | {
    handleEvent(event: CustomEvent<Detail>): void;
};
