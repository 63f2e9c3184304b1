import pTimeout from "p-timeout";
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

/** A caller's own wait for what others may wait for too: its end leaves `promise` alone. */
export function wait<T>(
  promise: Promise<T>,
  timeout: number,
  signal: AbortSignal | undefined,
  onTimeout: () => Error,
): Promise<T> {
  return pTimeout(promise, {
    milliseconds: Math.min(Math.max(timeout, Number.MIN_VALUE), MAX_DELAY),
    fallback: (): never => {
      throw onTimeout();
    },
    ...(signal === undefined ? {} : { signal }),
  });
}
