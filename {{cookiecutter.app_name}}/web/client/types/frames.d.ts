/**
 * @param {unknown} text what the server sent
 * @returns {Frame} an object whose `type` and `id` are valid, if it has them
 * @throws {RequestError} bad_frame
 */
export function parse(text: unknown): Frame;
/**
 * @param {Frame} frame a push
 * @returns {boolean} whether its type is one that the client knows
 * @throws {RequestError} bad_frame
 */
export function isKnownPush(frame: Frame): boolean;
/**
 * @param {string} action
 * @param {Frame} request
 * @param {Frame} reply
 * @throws {RequestError} bad_frame
 */
export function checkReply(action: string, request: Frame, reply: Frame): void;
/** @param {Frame} frame @returns {RequestError} the error that the frame tells of */
export function failure(frame: Frame): RequestError;
/**
 * any JSON object
 */
export type Frame = Record<string, any>;
/**
 * a connection, as others see it
 */
export type Member = {
    connection_id: string;
    name: string;
    /**
     * the person, where signed in
     */
    user?: string | undefined;
};
export type Message = {
    type: "message";
    /**
     * sorts by time
     */
    message_id: string;
    channel: string;
    /**
     * null: from the function `notify`
     */
    from: Member | null;
    data: any;
    /**
     * ms since the epoch
     */
    sent_at: number;
    /**
     * chosen by the sender
     */
    nonce?: string | undefined;
    /**
     * false: not in the history
     */
    keep?: boolean | undefined;
};
export type Presence = {
    type: "presence";
    channel: string;
    event: "joined" | "left" | "named";
    member: Member;
};
export type Read = {
    type: "read";
    channel: string;
    /**
     * all messages up to it are read
     */
    message_id: string;
    /**
     * this message alone is read
     */
    only?: boolean | undefined;
};
export type Bye = {
    type: "bye";
    /**
     * `signed_out` or `expired`
     */
    code: string;
    message: string;
};
export type Page = {
    messages: Message[];
    more: boolean;
    complete: boolean;
};
export type Check = (value: any) => boolean;
import { RequestError } from "./errors.js";
