export class Probe {
    /** @param {() => void} ask sends a request */
    constructor(ask: () => void);
    /** A frame has come. */
    hear(): void;
    /** @returns {number} for isQuietSince */
    mark(): number;
    /** @param {number} mark @returns {boolean} whether no frame has come since mark() returned this */
    isQuietSince(mark: number): boolean;
    isDue(): boolean;
    /** Ask now, unless a question is open. @param {() => void} onDead nothing came */
    start(onDead: () => void): void;
    stop(): void;
    #private;
}
