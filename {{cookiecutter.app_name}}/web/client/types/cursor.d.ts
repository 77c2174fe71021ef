export class Cursor {
    /** @param {string} [mark] the id of a message; the client has all messages up to it */
    constructor(mark?: string);
    /** The client has all messages up to this id. "" before the first answer. */
    mark: string;
    /** The position to begin at after a reload: some messages back, so that the page is not empty. */
    get bookmark(): string;
    /**
     * @param {Page} page the reply that goes on from the mark
     * @returns {boolean} whether the server no longer has some messages after the mark
     */
    misses({ complete, messages }: Page): boolean;
    /** Hold back pushed messages, until release(). */
    hold(): void;
    /** @returns {Message[]} the messages that were held back, by id */
    release(): Message[];
    /**
     * Move the mark: all messages that were sent before the server was asked have been handed out.
     * A mark of a quiet channel that stayed at its last message would be older than what is kept.
     *
     * @param {number} askedAt
     */
    confirm(askedAt: number): void;
    /**
     * @param {Message} message one that was pushed
     * @returns {boolean} whether to hand it out now
     */
    takePushed(message: Message): boolean;
    /**
     * @param {Message} message
     * @returns {boolean} whether it is new
     */
    take(message: Message): boolean;
    #private;
}
export type Message = import("./frames.js").Message;
export type Page = import("./frames.js").Page;
