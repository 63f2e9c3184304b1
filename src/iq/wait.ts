import { show } from "../xml/jid.js";

/** How long a caller waits. */
export interface WaitOptions {
  /** In milliseconds, a finite number from 0 on; by default the `responseTimeout` of {@link IqService}. */
  readonly timeout?: number | undefined;
  /** Ends the wait with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

// A longer delay makes setTimeout fire at once.
const MAX_DELAY = 2 ** 31 - 1;

/** Returns the timeout where it is one. @throws RangeError where it is not */
export function toTimeout(value: unknown, what = "timeout"): number {
  if (typeof value !== "number" || !Number.isFinite(value) || value < 0) {
    throw new RangeError(`${what} is a number of milliseconds from 0 on, not ${show(value)}`);
  }
  return value;
}

/** Who waits with a signal. It has one listener for all: Node.js warns of a leak from the eleventh on. */
const aborts = new WeakMap<AbortSignal, { readonly ends: Set<() => void>; readonly listener: () => void }>();

/** Calls `end` when the signal is aborted, until what this returns is called. */
function onAbort(signal: AbortSignal, end: () => void): () => void {
  let abort = aborts.get(signal);
  if (abort === undefined) {
    const ends = new Set<() => void>();
    const listener = () => {
      for (const one of ends) one();
    };
    abort = { ends, listener };
    aborts.set(signal, abort);
    signal.addEventListener("abort", abort.listener);
  }
  const { ends, listener } = abort;
  ends.add(end);
  return () => {
    ends.delete(end);
    if (ends.size > 0 || aborts.get(signal)?.ends !== ends) return;
    aborts.delete(signal);
    signal.removeEventListener("abort", listener);
  };
}

/** A caller's own wait for what others may wait for too: its end leaves `promise` alone. */
export function wait<T>(
  promise: Promise<T>,
  timeout: number,
  signal: AbortSignal | undefined,
  onTimeout: () => Error,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let release: (() => void) | undefined;
    const timer = setTimeout(
      () => {
        release?.();
        reject(onTimeout());
      },
      Math.min(timeout, MAX_DELAY),
    );
    const end = () => {
      clearTimeout(timer);
      release?.();
    };
    if (signal !== undefined) {
      const abort = () => {
        end();
        reject(signal.reason);
      };
      if (signal.aborted) abort();
      else release = onAbort(signal, abort);
    }
    promise.then(
      (value) => {
        end();
        resolve(value);
      },
      (error: unknown) => {
        end();
        reject(error);
      },
    );
  });
}
