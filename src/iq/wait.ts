import { show } from "../xml/jid.js";

/** How long a caller waits. */
export interface WaitOptions {
  /** In milliseconds, a finite number from 0 on; by default the `responseTimeout` of {@link IqService}. */
  readonly timeout?: number | undefined;
  /** Ends the wait with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** The longest delay, in milliseconds: with a longer one setTimeout fires at once. */
export const MAX_DELAY = 2 ** 31 - 1;

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

/** What is waited for, as far as those who wait are concerned. */
export interface Awaited {
  /** What somebody is told who has waited for so many milliseconds in vain. */
  timedOut(timeout: number): Error;
  /** The last who waits has given up. */
  deserted(): void;
}

/** Those who came in one turn and wait equally long, for whatever it is: they share a timer. */
interface Group {
  readonly timeout: number;
  readonly waiters: { expire(): void }[];
  count: number;
  timer: ReturnType<typeof setTimeout> | undefined;
}

let latest: Group | undefined;

function groupFor(timeout: number): Group {
  if (latest?.timeout === timeout) return latest;
  const group: Group = { timeout, waiters: [], count: 0, timer: undefined };
  group.timer = setTimeout(
    () => {
      for (const waiter of group.waiters) waiter.expire();
    },
    Math.min(timeout, MAX_DELAY),
  );
  latest = group;
  // Who comes later waits until later.
  queueMicrotask(() => {
    if (latest === group) latest = undefined;
  });
  return group;
}

/** One of those who wait. */
class Waiter<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
  readonly waiters: Waiters<T>;
  readonly group: Group;
  /** Takes the listener off its signal. */
  release: (() => void) | undefined;
  isOver = false;

  constructor(
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
    waiters: Waiters<T>,
    group: Group,
  ) {
    this.resolve = resolve;
    this.reject = reject;
    this.waiters = waiters;
    this.group = group;
    group.waiters.push(this);
    group.count += 1;
  }

  /** Returns whether it waited yet. */
  end(): boolean {
    if (this.isOver) return false;
    this.isOver = true;
    this.release?.();
    this.group.count -= 1;
    if (this.group.count === 0) {
      clearTimeout(this.group.timer);
      if (latest === this.group) latest = undefined;
    }
    return true;
  }

  expire(): void {
    if (this.end()) this.waiters.leave(this, this.waiters.awaited.timedOut(this.group.timeout));
  }
}

/** Many callers who wait for one thing, each with a timeout and signal of its own: a promise is all that one costs. */
export class Waiters<T> {
  /** @internal */
  readonly awaited: Awaited;
  readonly #waiters: Waiter<T>[] = [];
  #count = 0;

  constructor(awaited: Awaited) {
    this.awaited = awaited;
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
      const waiter = new Waiter(resolve, reject, this, groupFor(timeout));
      this.#waiters.push(waiter);
      this.#count += 1;
      if (signal === undefined) return;
      waiter.release = onAbort(signal, () => {
        if (waiter.end()) this.leave(waiter, signal.reason);
      });
    });
  }

  /** Ends all waits. */
  resolve(value: T): void {
    for (const waiter of this.#end()) if (waiter.end()) waiter.resolve(value);
  }

  /** Ends all waits. */
  reject(error: unknown): void {
    for (const waiter of this.#end()) if (waiter.end()) waiter.reject(error);
  }

  /** One has given up. @internal */
  leave(waiter: Waiter<T>, reason: unknown): void {
    waiter.reject(reason);
    this.#count -= 1;
    if (this.#count > 0) return;
    this.#waiters.length = 0;
    this.awaited.deserted();
  }

  #end(): Waiter<T>[] {
    this.#count = 0;
    return this.#waiters.splice(0);
  }
}

/** A caller's own wait for what others may wait for too: its end leaves `promise` alone. */
export function wait<T>(
  promise: Promise<T>,
  timeout: number,
  signal: AbortSignal | undefined,
  onTimeout: () => Error,
): Promise<T> {
  const waiters = new Waiters<T>({ timedOut: onTimeout, deserted: () => {} });
  const waiting = waiters.wait(timeout, signal);
  promise.then(
    (value) => waiters.resolve(value),
    (error: unknown) => waiters.reject(error),
  );
  return waiting;
}
