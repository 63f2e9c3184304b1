/** Something to find out, which may lead to more. */
export type Task<T> = (add: (task: Task<T>) => void) => Promise<T | undefined>;

/**
 * Runs tasks, so many at once, and yields their results in order of arrival.
 *
 * A task is over when its result has been taken, so that nothing runs far ahead of whoever iterates. No more of them
 * start once the iteration is left, the signal is aborted, or one rejects, which is thrown.
 */
export async function* crawl<T>(
  first: Iterable<Task<T>>,
  concurrency: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<T, void, undefined> {
  const waiting = new Queue<Task<T>>();
  const arrived = new Queue<Promise<T | undefined>>();
  let running = 0;
  let isOver = false;
  let wake = () => {};
  const startMore = () => {
    while (!isOver && running < concurrency) {
      const task = waiting.shift();
      if (task === undefined) return;
      running += 1;
      const result = new Promise<T | undefined>((resolve) => resolve(task(add)));
      const arrive = () => {
        arrived.push(result);
        wake();
      };
      result.then(arrive, arrive);
    }
  };
  const add = (task: Task<T>) => {
    waiting.push(task);
    startMore();
  };
  const onAbort = () => wake();
  signal?.addEventListener("abort", onAbort);
  try {
    signal?.throwIfAborted();
    for (const task of first) add(task);
    while (running > 0) {
      signal?.throwIfAborted();
      const result = arrived.shift();
      if (result === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      } else {
        const value = await result;
        if (value !== undefined) yield value;
        running -= 1;
        startMore();
      }
    }
  } finally {
    isOver = true;
    signal?.removeEventListener("abort", onAbort);
  }
}

/** First in, first out. Not an array's `shift`, which moves all of a long one. */
class Queue<T> {
  #in: T[] = [];
  #out: T[] = [];

  push(value: T): void {
    this.#in.push(value);
  }

  shift(): T | undefined {
    if (this.#out.length === 0) {
      this.#out = this.#in.reverse();
      this.#in = [];
    }
    return this.#out.pop();
  }
}
