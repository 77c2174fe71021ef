export class Heartbeat {
    /**
     * @param {object} events
     * @param {number} events.beatMs the time between two beats, about
     * @param {() => void} events.onBeat
     * @param {() => void} events.onRenew
     */
    constructor(events: {
        beatMs: number;
        onBeat: () => void;
        onRenew: () => void;
    });
    /** @param {number} renewMs the time after which to renew the connection */
    start(renewMs: number): void;
    stop(): void;
    #private;
}
