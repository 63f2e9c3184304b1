/** Something to find out, which may lead to more. */
export type Task<T> = (add: (task: Task<T>) => void) => Promise<T | undefined>;

/**
 * Runs tasks, so many at once, and yields their results in order of arrival.
 *
 * Tasks do not reject. Leaving the iteration, and the signal, start no more of them.
 */
export async function* crawl<T>(
  first: Iterable<Task<T>>,
  concurrency: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<T, void, undefined> {
  const waiting: (Task<T> | undefined)[] = [...first];
  let next = 0;
  const arrived: T[] = [];
  let running = 0;
  let isOver = false;
  let wake = () => {};
  const startMore = () => {
    while (!isOver && running < concurrency) {
      const task = waiting[next];
      if (task === undefined) return;
      // Taken off the front by counting: shifting a long list moves all of it.
      waiting[next] = undefined;
      next += 1;
      running += 1;
      const add = (more: Task<T>) => {
        waiting.push(more);
        startMore();
      };
      task(add).then((result) => {
        running -= 1;
        if (result !== undefined) arrived.push(result);
        startMore();
        wake();
      });
    }
  };
  const onAbort = () => wake();
  signal?.addEventListener("abort", onAbort);
  try {
    signal?.throwIfAborted();
    startMore();
    for (;;) {
      const result = arrived.shift();
      if (result !== undefined) yield result;
      else if (running === 0) return;
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      signal?.throwIfAborted();
    }
  } finally {
    isOver = true;
    signal?.removeEventListener("abort", onAbort);
  }
}
