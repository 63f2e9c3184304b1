import { describe, expect, it, vi } from "vitest";
import { crawl, type Task } from "../../../src/disco/crawl.ts";
import { countListeners } from "../../support/signal.ts";
import { allOf, deferred } from "./answering.ts";
import { expectNoStrays } from "./support.ts";

expectNoStrays();

/** Tasks that end when they are told to, and what became of them. */
class Tasks {
  readonly started: string[] = [];
  readonly #ends = new Map<string, ReturnType<typeof deferred<string | undefined>>>();

  task(name: string, ...then: Task<string>[]): Task<string> {
    return (add) => {
      this.started.push(name);
      const end = deferred<string | undefined>();
      this.#ends.set(name, end);
      return end.promise.then((result) => {
        for (const more of then) add(more);
        return result;
      });
    };
  }

  tasks(...names: string[]): Task<string>[] {
    return names.map((name) => this.task(name));
  }

  end(name: string, result: string | undefined = name): void {
    this.#ends.get(name)?.resolve(result);
  }

  fail(name: string, error: unknown): void {
    this.#ends.get(name)?.reject(error);
  }
}

const reason = new Error("the caller's own");
/** Lets all that is due happen. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("crawling", () => {
  it("yields nothing for no tasks", async () => {
    expect(await allOf(crawl([], 3, undefined))).toEqual([]);
  });

  it("yields the results in the order in which they arrive", async () => {
    const tasks = new Tasks();
    const results = allOf(crawl(tasks.tasks("a", "b", "c"), 3, undefined));
    await settled();
    for (const name of ["c", "a", "b"]) {
      tasks.end(name);
      await settled();
    }

    expect(await results).toEqual(["c", "a", "b"]);
  });

  it("leaves out what has no result", async () => {
    expect(
      await allOf(crawl([async () => undefined, async () => "a", async () => undefined], 1, undefined)),
    ).toEqual(["a"]);
  });

  it.each([[0], [""], [null], [false]])("does not leave out the result %j", async (result) => {
    expect(await allOf(crawl<unknown>([async () => result], 1, undefined))).toEqual([result]);
  });

  it("does the tasks that are added meanwhile, after those that were there", async () => {
    const tasks = new Tasks();
    const results = allOf(
      crawl([tasks.task("a", tasks.task("a1"), tasks.task("a2")), tasks.task("b")], 1, undefined),
    );
    for (const name of ["a", "b", "a1", "a2"]) {
      await settled();
      tasks.end(name);
    }

    expect(await results).toEqual(["a", "b", "a1", "a2"]);
    expect(tasks.started).toEqual(["a", "b", "a1", "a2"]);
  });

  it("takes up a task that is added while its adder runs on", async () => {
    const { promise, resolve } = deferred<string>();
    const results = crawl<string>(
      [
        (add) => {
          add(async () => "added");
          return promise;
        },
      ],
      2,
      undefined,
    );

    expect(await results.next()).toEqual({ value: "added", done: false });
    resolve("adder");
    expect(await results.next()).toEqual({ value: "adder", done: false });
    expect(await results.next()).toEqual({ value: undefined, done: true });
  });

  it("starts nothing before the first result is asked for", async () => {
    const tasks = new Tasks();
    crawl(tasks.tasks("a"), 1, undefined);
    await settled();

    expect(tasks.started).toEqual([]);
  });

  it.each([1, 2, 7])(
    "never runs more than %i at once, and no fewer where there are more",
    async (concurrency) => {
      let running = 0;
      const counts: number[] = [];
      const task: Task<true> = async () => {
        running += 1;
        counts.push(running);
        await settled();
        running -= 1;
        return true;
      };
      await allOf(crawl(Array<Task<true>>(30).fill(task), concurrency, undefined));

      expect(counts).toHaveLength(30);
      expect(Math.max(...counts)).toBe(concurrency);
    },
  );

  it("does not run far ahead of whoever iterates", async () => {
    let started = 0;
    const endless: Task<number> = async (add) => {
      started += 1;
      add(endless);
      add(endless);
      return started;
    };
    const results = crawl([endless], 3, undefined);
    for (let taken = 1; taken <= 20; taken += 1) {
      await results.next();
      for (let turn = 0; turn < 5; turn += 1) await settled();
      expect(started).toBeLessThanOrEqual(taken + 3);
    }
    await results.return();
  });

  it("does 100,000 tasks, one after the other and all at once, in linear time", async () => {
    const COUNT = 100_000;
    for (const concurrency of [10, COUNT]) {
      let sum = 0;
      const numbers = Array.from(
        { length: COUNT },
        (_, i): Task<number> =>
          async () =>
            i,
      );
      for await (const number of crawl(numbers, concurrency, undefined)) sum += number;
      expect(sum).toBe((COUNT * (COUNT - 1)) / 2);
    }
  });

  it("does 100,000 tasks of which each adds the next, in linear time", async () => {
    let count = 0;
    const chain: Task<number> = async (add) => {
      count += 1;
      if (count < 100_000) add(chain);
      return count;
    };

    expect((await allOf(crawl([chain], 10, undefined))).length).toBe(100_000);
  });
});

describe("leaving the iteration", () => {
  it("starts no more tasks, also not those that are added by running ones", async () => {
    const tasks = new Tasks();
    const results = crawl([tasks.task("a"), tasks.task("b", tasks.task("added"))], 5, undefined);
    const first = results.next();
    await settled();
    tasks.end("a");
    await first;
    await results.return();
    tasks.end("b");
    await settled();

    expect(tasks.started).toEqual(["a", "b"]);
    expect(await results.next()).toEqual({ value: undefined, done: true });
  });

  it("starts no task that waited for another to end", async () => {
    const tasks = new Tasks();
    const results = crawl(tasks.tasks("a", "b", "c"), 2, undefined);
    const first = results.next();
    await settled();
    tasks.end("a");
    await first;
    await results.return();
    tasks.end("b");
    await settled();

    expect(tasks.started).toEqual(["a", "b"]);
  });

  it("makes it all the same to whoever left what running tasks throw", async () => {
    const tasks = new Tasks();
    const results = crawl(tasks.tasks("a", "b"), 2, undefined);
    const first = results.next();
    await settled();
    tasks.end("a");
    await first;
    await results.return();
    tasks.fail("b", reason);
    await settled();
  });
});

describe("a task that fails", () => {
  it.each<[how: string, task: Task<string>]>([
    [
      "throws",
      () => {
        throw reason;
      },
    ],
    ["rejects", () => Promise.reject(reason)],
  ])("ends the iteration with what it %s", async (_, task) => {
    await expect(allOf(crawl([task], 1, undefined))).rejects.toBe(reason);
  });

  it("does so after the results before it, and starts no more tasks", async () => {
    const tasks = new Tasks();
    const results = crawl(tasks.tasks("a", "b", "c", "d"), 2, undefined);
    const first = results.next();
    await settled();
    tasks.end("a");
    tasks.fail("b", reason);
    expect((await first).value).toBe("a");

    await expect(results.next()).rejects.toBe(reason);
    await settled();
    expect(tasks.started).not.toContain("d");
    expect((await results.next()).done).toBe(true);
  });
});

describe("a signal", () => {
  it("that is aborted before starts nothing", async () => {
    const tasks = new Tasks();

    await expect(allOf(crawl(tasks.tasks("a"), 1, AbortSignal.abort(reason)))).rejects.toBe(reason);
    expect(tasks.started).toEqual([]);
  });

  it("that is aborted while tasks run ends the wait at once, with its reason", async () => {
    const tasks = new Tasks();
    const control = new AbortController();
    const results = allOf(crawl(tasks.tasks("a", "b"), 1, control.signal));
    await settled();
    control.abort(reason);

    await expect(results).rejects.toBe(reason);
    tasks.end("a");
    await settled();
    expect(tasks.started).toEqual(["a"]);
  });

  it("that is aborted between two results yields none that has arrived", async () => {
    const control = new AbortController();
    const results = crawl([async () => "a", async () => "b"], 2, control.signal);
    await results.next();
    await settled();
    control.abort(reason);

    await expect(results.next()).rejects.toBe(reason);
  });

  it("that is aborted after the last result is too late", async () => {
    const control = new AbortController();
    const results = crawl([async () => "a"], 1, control.signal);
    await results.next();
    control.abort(reason);

    expect((await results.next()).done).toBe(true);
  });

  it.each<[how: string, end: (results: AsyncGenerator<string>) => Promise<unknown>]>([
    ["has come to its end", allOf],
    ["was left", (results) => results.next().then(() => results.return(undefined))],
    ["has failed", (results) => results.next().then(() => results.throw(reason).catch(() => {}))],
  ])("is let go of when the iteration %s", async (_, end) => {
    const { signal } = new AbortController();
    const listeners = countListeners(signal);
    await end(crawl([async () => "a", async () => "b"], 1, signal));

    expect(listeners.removed).toBe(listeners.added);
  });

  it("never heard of by whoever does not abort changes nothing", async () => {
    const listener = vi.fn();
    const { signal } = new AbortController();
    signal.addEventListener("abort", listener);

    expect(await allOf(crawl([async () => "a"], 1, signal))).toEqual(["a"]);
    expect(listener).not.toHaveBeenCalled();
  });
});
