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

/** One of those who wait for the same. */
interface Waiter<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
  /** Takes the listener off its signal. */
  release: (() => void) | undefined;
  gone: boolean;
}

/** Those who came in one turn and wait equally long. */
interface Group<T> {
  readonly timeout: number;
  readonly waiters: Waiter<T>[];
  timer: ReturnType<typeof setTimeout> | undefined;
}

/**
 * Many callers who wait for one thing, each with a timeout and signal of its own.
 *
 * A promise each is all they cost: those who come in the same turn share a timer.
 */
export class Waiters<T> {
  readonly #groups = new Set<Group<T>>();
  readonly #timedOut: (timeout: number) => Error;
  readonly #onDeserted: () => void;
  #latest: Group<T> | undefined;
  #count = 0;

  /** @param onDeserted is called when the last who waits has given up */
  constructor(timedOut: (timeout: number) => Error, onDeserted: () => void = () => {}) {
    this.#timedOut = timedOut;
    this.#onDeserted = onDeserted;
  }

  /** How many wait. */
  get count(): number {
    return this.#count;
  }

  /** One more wait. */
  wait(timeout: number, signal: AbortSignal | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const waiter: Waiter<T> = { resolve, reject, release: undefined, gone: false };
      this.#groupFor(timeout).waiters.push(waiter);
      this.#count += 1;
      if (signal === undefined) return;
      waiter.release = onAbort(signal, () => {
        waiter.gone = true;
        waiter.release?.();
        reject(signal.reason);
        this.#left(1);
      });
    });
  }

  /** Ends all waits. */
  resolve(value: T): void {
    for (const waiter of this.#end()) waiter.resolve(value);
  }

  /** Ends all waits. */
  reject(error: unknown): void {
    for (const waiter of this.#end()) waiter.reject(error);
  }

  #groupFor(timeout: number): Group<T> {
    if (this.#latest?.timeout === timeout) return this.#latest;
    const group: Group<T> = { timeout, waiters: [], timer: undefined };
    group.timer = setTimeout(() => this.#expire(group), Math.min(timeout, MAX_DELAY));
    this.#groups.add(group);
    this.#latest = group;
    // Who comes later waits until later.
    queueMicrotask(() => {
      if (this.#latest === group) this.#latest = undefined;
    });
    return group;
  }

  #expire(group: Group<T>): void {
    this.#groups.delete(group);
    const left = staying(group);
    for (const waiter of left) waiter.reject(this.#timedOut(group.timeout));
    this.#left(left.length);
  }

  #left(count: number): void {
    if (count === 0) return;
    this.#count -= count;
    if (this.#count > 0) return;
    for (const { timer } of this.#groups) clearTimeout(timer);
    this.#groups.clear();
    this.#latest = undefined;
    this.#onDeserted();
  }

  #end(): Waiter<T>[] {
    const all: Waiter<T>[] = [];
    for (const group of this.#groups) {
      clearTimeout(group.timer);
      for (const waiter of staying(group)) all.push(waiter);
    }
    this.#groups.clear();
    this.#latest = undefined;
    this.#count = 0;
    return all;
  }
}

/** Those of a group who wait yet; their waits are over. */
function staying<T>({ waiters }: Group<T>): Waiter<T>[] {
  const left = waiters.filter((waiter) => !waiter.gone);
  for (const waiter of left) {
    waiter.gone = true;
    waiter.release?.();
  }
  return left;
}
