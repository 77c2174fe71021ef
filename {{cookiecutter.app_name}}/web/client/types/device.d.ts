/**
 * Watch the device until the signal aborts.
 *
 * @param {AbortSignal} signal
 * @param {object} events
 * @param {() => void} events.onWake the device is back, from sleep or from another tab or network
 * @param {() => void} events.onOffline the device has no network
 * @param {() => void} events.onTick about once a second
 */
export function watch(signal: AbortSignal, { onWake, onOffline, onTick }: {
    onWake: () => void;
    onOffline: () => void;
    onTick: () => void;
}): void;
/**
 * Wait, or less if the signal aborts.
 *
 * @param {number} ms
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
export function sleep(ms: number, signal?: AbortSignal): Promise<void>;
export function inView(): boolean;
