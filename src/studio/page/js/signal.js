// Values that can be watched: the page's parts hang on these and on nothing else of each other.

/**
 * @template T
 * @typedef {{ value: T, watch: (listener: (value: T) => void) => () => void }} Signal
 */

/**
 * A value that tells its watchers when it is replaced by another one.
 * @template T
 * @param {T} initial
 * @returns {Signal<T>}
 */
export function signal(initial) {
  let current = initial;
  /** @type {Set<(value: T) => void>} */
  const listeners = new Set();
  return {
    get value() {
      return current;
    },
    set value(next) {
      if (Object.is(next, current)) return;
      current = next;
      for (const listener of listeners) listener(next);
    },
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/**
 * Runs `action` now, and again soon after any of the signals has changed; several changes in a row are one.
 * @param {Signal<any>[]} signals
 * @param {() => void} action
 */
export function whenever(signals, action) {
  let isDue = false;
  const soon = () => {
    if (isDue) return;
    isDue = true;
    queueMicrotask(() => {
      isDue = false;
      action();
    });
  };
  for (const one of signals) one.watch(soon);
  action();
}

/**
 * Waits for the next value, at most so long.
 * @param {Signal<any>} one
 * @param {number} ms
 * @returns {Promise<void>}
 */
export function nextChange(one, ms) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      stop();
      resolve();
    };
    const timer = setTimeout(end, ms);
    const stop = one.watch(end);
  });
}
