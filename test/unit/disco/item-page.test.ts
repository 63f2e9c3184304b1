import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cutPage, type ItemPage, type PageStart, toResultSet, uidOf } from "../../../src/disco/item-page.ts";
import { DiscoNode, DiscoTree, IqError, type Item, StaticNode } from "../../../src/index.ts";
import { clientServer, itemNotFound } from "./answering.ts";

const FIVE: readonly Item[] = ["a", "b", "c", "d", "e"].map((name) => ({ jid: `${name}.example` }));
const uid = (name: string) => `${name}.example`;

/** A node whose items come by over time. */
class OverTime extends DiscoNode {
  readonly #items: readonly Item[];
  constructor(items: readonly Item[]) {
    super();
    this.#items = items;
  }
  override async *iterItems() {
    yield* this.#items;
  }
}

/** The same items in each kind of node. */
const NODES: readonly (readonly [what: string, make: (items: readonly Item[]) => DiscoNode])[] = [
  [
    "a StaticNode",
    (items) => {
      const node = new StaticNode();
      node.setItems(items);
      return node;
    },
  ],
  [
    "a tree with a node that is listed last",
    (items) => {
      const last = items.at(-1);
      const tree = new DiscoTree(last?.jid);
      tree.setItems(items.slice(0, -1));
      if (last?.node !== undefined) tree.mountNode(last.node, new DiscoNode(), { listed: true });
      else if (last !== undefined) tree.addItem(last);
      return tree;
    },
  ],
  ["a node whose items come by over time", (items) => new OverTime(items)],
];

/** What a peer would be told of a page: its items, and where they are. */
async function told(page: ItemPage | Promise<ItemPage>) {
  const { items } = await page;
  return { items, ...toResultSet(await page) };
}

/** What becomes of a page: what is told, or the condition of the error. */
async function outcome(page: () => ItemPage | Promise<ItemPage>) {
  try {
    return await told(page());
  } catch (error) {
    if (error instanceof IqError) return error.condition;
    throw error;
  }
}

describe.each(NODES)("a page of %s", (_, make) => {
  const node = make(FIVE);

  it.each<[what: string, start: PageStart, names: string, index: number | undefined]>([
    ["is the first items", { max: 2 }, "ab", 0],
    ["is all items where there are no more than asked for", { max: 5 }, "abcde", 0],
    ["is all items where there are fewer", { max: 1_000 }, "abcde", 0],
    ["comes after an item", { max: 2, after: uid("b") }, "cd", 2],
    ["is shorter where it is the last", { max: 2, after: uid("d") }, "e", 4],
    ["is empty after the last item", { max: 2, after: uid("e") }, "", undefined],
    ["comes before an item", { max: 2, before: uid("d") }, "bc", 1],
    ["is shorter where it is the first", { max: 3, before: uid("c") }, "ab", 0],
    ["is empty before the first item", { max: 3, before: uid("a") }, "", undefined],
    ["is the last one before nothing", { max: 2, before: "" }, "de", 3],
    ["is the last one, all of it, before nothing", { max: 9, before: "" }, "abcde", 0],
    ["begins at a place", { max: 2, index: 3 }, "de", 3],
    ["begins at the first place", { max: 2, index: 0 }, "ab", 0],
    ["begins at the last place", { max: 2, index: 4 }, "e", 4],
    ["is none where nothing but the count is asked for", { max: 0 }, "", undefined],
    ["is none of the last where nothing but the count is asked for", { max: 0, before: "" }, "", undefined],
    [
      "is none after an item where nothing but the count is asked for",
      { max: 0, after: uid("b") },
      "",
      undefined,
    ],
    [
      "is none before an item where nothing but the count is asked for",
      { max: 0, before: uid("b") },
      "",
      undefined,
    ],
  ])("%s: %j", async (_, start, names, index) => {
    const items = FIVE.filter(({ jid }) => names.includes(jid.charAt(0)));

    expect(await told(node.pageItems(start))).toEqual({
      items,
      first: items[0]?.jid,
      index,
      last: items.at(-1)?.jid,
      count: 5,
    });
  });

  it.each<[what: string, start: PageStart]>([
    ["after an unknown item", { max: 2, after: "x" }],
    ["before an unknown item", { max: 2, before: "x" }],
    ["after an item without a name", { max: 2, after: "" }],
    ["at a place right behind the last", { max: 2, index: 5 }],
    ["at a place far behind the last", { max: 2, index: Number.MAX_SAFE_INTEGER }],
    ["that has nothing but the count, after an unknown item", { max: 0, after: "x" }],
    ["that has nothing but the count, before an unknown item", { max: 0, before: "x" }],
  ])("is item-not-found %s", async (_, start) => {
    await expect((async () => node.pageItems(start))()).rejects.toMatchObject(itemNotFound);
  });

  it.each<[what: string, start: PageStart]>([
    ["the first", { max: 2 }],
    ["the last", { max: 2, before: "" }],
    ["the place 0", { max: 2, index: 0 }],
    ["the count", { max: 0 }],
  ])("of an empty list is empty: %s", async (_, start) => {
    expect(await told(make([]).pageItems(start))).toEqual({ items: [], count: 0 });
  });

  it("tells items of one JID apart by their nodes", async () => {
    const items = [{ jid: "a.example" }, { jid: "a.example", node: "x" }, { jid: "a.example", node: "y" }];
    const first = await told(make(items).pageItems({ max: 2 }));
    const second = await told(make(items).pageItems({ max: 2, after: first.last ?? "" }));

    expect(first.items).toEqual(items.slice(0, 2));
    expect(second.items).toEqual(items.slice(2));
  });
});

// Few JIDs and nodes, so that UIDs are close to each other.
const someItems = fc.uniqueArray(
  fc.record({
    jid: fc.nat({ max: 60 }).map((n) => `i${n}.example`),
    node: fc.option(fc.constantFrom("n", "\n", "a b"), { nil: undefined }),
  }),
  { selector: uidOf, maxLength: 40 },
);

const someStart = (items: readonly Item[]) => {
  const someUid = fc.oneof(
    fc.constantFrom("", "unknown"),
    ...(items.length > 0 ? [fc.constantFrom(...items.map(uidOf))] : []),
  );
  const max = fc.nat({ max: items.length + 2 });
  return fc.oneof(
    fc.record({ max }),
    fc.record({ max, after: someUid }),
    fc.record({ max, before: someUid }),
    fc.record({ max, index: fc.nat({ max: items.length + 2 }) }),
    fc.record({ max, after: someUid, before: someUid, index: fc.nat({ max: 3 }) }),
  );
};

const listAndStart = someItems.chain((items) =>
  fc.record({ items: fc.constant(items), start: someStart(items) }),
);

describe("cutting a page", () => {
  it("comes to the same by place, out of a generator, and out of an async one", async () => {
    await fc.assert(
      fc.asyncProperty(listAndStart, async ({ items, start }) => {
        const byPlace = new StaticNode();
        byPlace.setItems(items);
        const cut = await outcome(() => byPlace.pageItems(start));
        expect(await outcome(() => cutPage(new Set(items), start))).toEqual(cut);
        expect(await outcome(() => new OverTime(items).pageItems(start))).toEqual(cut);
        expect(await outcome(() => cutPage(Promise.resolve(items), start))).toEqual(cut);
      }),
      { seed: 59, numRuns: 500 },
    );
  });

  it("never gives more items than asked for", async () => {
    await fc.assert(
      fc.asyncProperty(listAndStart, async ({ items, start }) => {
        const cut = await outcome(() => cutPage(items, start));
        if (typeof cut === "object") expect(cut.items.length).toBeLessThanOrEqual(start.max);
      }),
      { seed: 59 },
    );
  });

  it("has pages follow one another without gaps and repetitions, whatever their size and direction", async () => {
    const values = fc.record({
      items: someItems,
      max: fc.integer({ min: 1, max: 12 }),
      backwards: fc.boolean(),
      kind: fc.nat({ max: NODES.length - 1 }),
    });
    await fc.assert(
      fc.asyncProperty(values, async ({ items, max, backwards, kind }) => {
        const node = NODES[kind]?.[1](items) ?? new DiscoNode();
        const all: Item[] = [];
        let start: PageStart | undefined = backwards ? { max, before: "" } : { max };
        while (start !== undefined) {
          const page: Awaited<ReturnType<typeof told>> = await told(node.pageItems(start));
          expect(page.count).toBe(items.length);
          if (page.index !== undefined) expect(page.items[0]).toEqual(items[page.index]);
          all.splice(backwards ? 0 : all.length, 0, ...page.items);
          const end: string | undefined = backwards ? page.first : page.last;
          start = end === undefined ? undefined : { max, [backwards ? "before" : "after"]: end };
        }
        expect(all).toEqual(items);
      }),
      { seed: 59, numRuns: 200 },
    );
  });

  it("has pages follow one another by place, too", async () => {
    const node = new StaticNode();
    node.setItems(FIVE);
    const all: Item[] = [];
    for (let index = 0; index < 5; index += 2) all.push(...(await node.pageItems({ max: 2, index })).items);

    expect(all).toEqual(FIVE);
  });

  it("skips and repeats nothing that stays while other items come and go between pages", async () => {
    const change = fc.record({ isAdded: fc.boolean(), at: fc.nat() });
    const values = fc.record({
      changes: fc.array(fc.array(change, { maxLength: 3 }), { maxLength: 12 }),
      max: fc.integer({ min: 1, max: 6 }),
    });
    await fc.assert(
      fc.asyncProperty(values, async ({ changes, max }) => {
        const node = new StaticNode();
        // These stay; what comes and goes is between them.
        const stay = Array.from({ length: 20 }, (_, i) => ({ jid: `stays${i}.example` }));
        node.setItems(stay.flatMap((item, i) => [item, { jid: `goes${i}.example` }]));
        const seen: string[] = [];
        let added = 0;
        let start: PageStart | undefined = { max };
        for (let turn = 0; start !== undefined; turn += 1) {
          const page: Awaited<ReturnType<typeof told>> = await told(node.pageItems(start));
          seen.push(...page.items.map((item) => item.jid));
          start = page.last === undefined ? undefined : { max, after: page.last };
          for (const { isAdded, at } of changes[turn] ?? []) {
            const going = node.items.filter(({ jid }) => jid.startsWith("goes") && jid !== page.last);
            const gone = going[at % Math.max(1, going.length)];
            added += 1;
            if (isAdded) node.addItem({ jid: `comes${added}.example` });
            else if (gone !== undefined) node.removeItem(gone);
          }
        }
        expect(seen.filter((jid) => jid.startsWith("stays"))).toEqual(stay.map(({ jid }) => jid));
        expect(new Set(seen).size).toBe(seen.length);
      }),
      { seed: 59, numRuns: 100 },
    );
  });

  it.each([[undefined], [null], [5], ["text"], [{}], [() => []]])(
    "of what is no list is a clear error: %s",
    async (bad) => {
      const list = bad as unknown as Item[];

      expect(() => cutPage(list, { max: 1 })).toThrow(/a list of items is an iterable, not/);
      await expect(cutPage(Promise.resolve(list), { max: 1 })).rejects.toThrow(
        /a list of items is an iterable, not/,
      );
    },
  );

  it("rejects with what a generator throws", async () => {
    const bug = new Error("the node's own");
    const list = (async function* () {
      yield { jid: "a.example" };
      throw bug;
    })();

    await expect(cutPage(list, { max: 1 })).rejects.toBe(bug);
  });
});

describe("the UID of an item", () => {
  it("is its JID, and its node on the next line where it has one", () => {
    expect(uidOf({ jid: "a.example" })).toBe("a.example");
    expect(uidOf({ jid: "a.example", node: "n" })).toBe("a.example\nn");
  });
});

describe("a node that cuts its own pages", () => {
  /** A million items that are worked out from their place. */
  class Computed extends DiscoNode {
    override pageItems({ max, after, before, index }: PageStart): ItemPage {
      const count = 1_000_000;
      const placeOf = (known: string) => Number(known.replace(".example", ""));
      const end = before === "" ? count : placeOf(before ?? "");
      const from =
        after !== undefined
          ? placeOf(after) + 1
          : before !== undefined
            ? Math.max(0, end - max)
            : (index ?? 0);
      const to = Math.min(count, from + max);
      return {
        items: Array.from({ length: to - from }, (_, i) => ({ jid: `${from + i}.example` })),
        index: from,
        count,
      };
    }
  }

  it("is asked for the page alone", async () => {
    const server = clientServer();
    const node = new Computed();
    node.registerIdentity("hierarchy", "branch");
    server.mountNode("numbers", node);
    const page = await server.getItems({ node: "numbers", page: { max: 2, after: "499999.example" } });

    expect(page.items).toEqual([{ jid: "500000.example" }, { jid: "500001.example" }]);
  });
});
