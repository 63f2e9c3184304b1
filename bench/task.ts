// What the contenders are made of.

/** What is measured in one round, in the row's own unit. */
export interface Measured {
  readonly value: number;
  /** How many stanzas were sent for it. */
  readonly stanzas?: number;
}

/** What a contender does when it is told to; `round` is one round. */
export type Task = Readonly<Record<string, (args: Readonly<Record<string, string>>) => unknown>>;

/** The contenders of a task by name. */
export type Contenders = Readonly<
  Record<string, (args: Readonly<Record<string, string>>) => Task | Promise<Task>>
>;

/** Microseconds of the processor since the process began. */
export function cpu(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** What JavaScript has in use, in bytes, without garbage. */
export function heap(): number {
  if (globalThis.gc === undefined) throw new Error("run node with --expose-gc");
  for (let pass = 0; pass < 4; pass++) globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** How long a round of many short runs takes, in milliseconds. */
const ROUND_MS = 100;

/**
 * A task that repeats something short; what is measured are runs a second. `run` gives how many runs one call is.
 *
 * How often it is called in a round is found out before the first.
 */
export async function repeat(run: () => number | Promise<number>): Promise<Task> {
  const measure = async (calls: number) => {
    let runs = 0;
    const startedAt = performance.now();
    for (let call = 0; call < calls; call++) {
      const done = run();
      runs += typeof done === "number" ? done : await done;
    }
    return { runs, milliseconds: performance.now() - startedAt };
  };
  let calls = 1;
  // Also so that all is compiled when it counts.
  for (let milliseconds = 0; milliseconds < ROUND_MS; calls *= 2) ({ milliseconds } = await measure(calls));
  for (let warmUp = 0; warmUp < 3; warmUp++) await measure(calls);
  calls /= 2;
  return {
    async round(): Promise<Measured> {
      const { runs, milliseconds } = await measure(calls);
      return { value: runs / (milliseconds / 1_000) };
    },
  };
}

export function assert(isRight: boolean, what: string): asserts isRight {
  if (!isRight) throw new Error(what);
}

/** Does something so many times, some at once: a server in memory takes as long for many answers as for one. */
export async function inBatches(count: number, act: (index: number) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < count; from += 250) {
    await Promise.all(Array.from({ length: Math.min(250, count - from) }, (_, offset) => act(from + offset)));
  }
}
