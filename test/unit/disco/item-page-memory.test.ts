import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { cutPage, type PageStart } from "../../../src/disco/item-page.ts";
import type { Item } from "../../../src/index.ts";

describe("a list of 1,000,000 items that come by", () => {
  const COUNT = 1_000_000;
  // Room for what the engine does by itself; the items alone would take 100 MB.
  const MUCH = 30e6;

  setFlagsFromString("--expose-gc");
  const collectGarbage: () => void = runInNewContext("gc");
  const heap = () => {
    collectGarbage();
    return process.memoryUsage().heapUsed;
  };

  /** Makes items one after the other; how much memory all but the page took is known when the last has come by. */
  class Million {
    consumed = 0;
    grown = Number.NaN;
    *[Symbol.iterator](): Generator<Item, void, undefined> {
      const before = heap();
      for (; this.consumed < COUNT; this.consumed += 1)
        yield { jid: `${this.consumed}.example`, name: `item ${this.consumed}` };
      this.grown = heap() - before;
    }
  }

  it.each<[what: string, start: PageStart, first: string]>([
    ["the first page", { max: 100 }, "0.example"],
    ["a page in the middle", { max: 100, after: "499999.example" }, "500000.example"],
    ["a page before another", { max: 100, before: "500000.example" }, "499900.example"],
    ["the last page", { max: 100, before: "" }, "999900.example"],
    ["a page at a place", { max: 100, index: 777_777 }, "777777.example"],
  ])("is never held to give %s", async (_, start, first) => {
    const million = new Million();
    const page = await cutPage(million, start);

    expect(page).toMatchObject({ count: COUNT });
    expect(page.items).toHaveLength(100);
    expect(page.items[0]?.jid).toBe(first);
    expect(million.consumed).toBe(COUNT);
    expect(million.grown).toBeLessThan(MUCH);
  });

  it("is never held to count it over time", async () => {
    const million = new Million();
    const overTime = (async function* () {
      yield* million;
    })();

    expect(await cutPage(overTime, { max: 0 })).toMatchObject({ items: [], count: COUNT });
    expect(million.grown).toBeLessThan(MUCH);
  });
});
