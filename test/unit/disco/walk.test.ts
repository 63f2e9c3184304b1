import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { WalkOptions, WalkProgress, WalkResult } from "../../../src/disco/finding.ts";
import { DiscoClient, IqError, IqTimeout, SessionLost } from "../../../src/index.ts";
import {
  allOf,
  askedComponent,
  COMPONENT,
  type Entities,
  features,
  items,
  Network,
  until,
} from "./answering.ts";
import { connect, expectNoStrays, quiet, stage } from "./support.ts";

expectNoStrays();

const ROOT = "capulet.lit";
const reason = new Error("the caller's own");

/** A domain with a service that has nodes, and one that has none. */
const TREE: Entities = {
  [ROOT]: { info: features("root"), items: items("music.capulet.lit", "muc.capulet.lit") },
  "music.capulet.lit": {
    info: features("music"),
    items: items("music.capulet.lit#A", "music.capulet.lit#B"),
  },
  "music.capulet.lit#A": { info: features("A"), items: items("music.capulet.lit#A/1") },
  "music.capulet.lit#A/1": { info: features("A/1"), items: items("music.capulet.lit#A/1/x") },
  "music.capulet.lit#A/1/x": { info: features("x"), items: [] },
  "music.capulet.lit#B": { info: features("B"), items: [] },
  "muc.capulet.lit": { info: features("muc"), items: [] },
};

async function online(
  entities: ConstructorParameters<typeof Network>[1] = TREE,
  options?: { isHeld: boolean },
) {
  const it = await connect();
  return { ...it, network: new Network(it.server, entities, options) };
}

/** A visit in a word: depth, JID and node, and the error's condition or name where it is one. */
function wordOf({ jid, node, depth, error }: WalkResult): string {
  const name = `${depth} ${jid}${node === undefined ? "" : `#${node}`}`;
  if (error === undefined) return name;
  return `${name}: ${error instanceof IqError ? error.condition : error.name}`;
}

const wordsOf = async (results: AsyncIterable<WalkResult>) => (await allOf(results)).map(wordOf);
const sorted = (words: readonly string[]) => [...words].sort();

describe("walking a tree", () => {
  it("visits the entity itself, its items, theirs and so on, with their depth", async () => {
    const { disco } = await online();

    expect(sorted(await wordsOf(disco.walk(ROOT)))).toEqual([
      "0 capulet.lit",
      "1 muc.capulet.lit",
      "1 music.capulet.lit",
      "2 music.capulet.lit#A",
      "2 music.capulet.lit#B",
      "3 music.capulet.lit#A/1",
    ]);
  });

  it("tells of each what it is and what it has", async () => {
    const { disco } = await online();
    const results = await allOf(disco.walk(ROOT));
    const music = results.find(({ jid, node }) => jid === "music.capulet.lit" && node === undefined);
    const leaf = results.find(({ node }) => node === "B");

    expect(music?.info).toMatchObject({ jid: "music.capulet.lit", node: undefined, features: ["music"] });
    expect(music?.items).toEqual([
      { jid: "music.capulet.lit", node: "A" },
      { jid: "music.capulet.lit", node: "B" },
    ]);
    expect(leaf?.info).toMatchObject({ jid: "music.capulet.lit", node: "B", features: ["B"] });
    expect(leaf?.items).toEqual([]);
    expect(music !== undefined && "node" in music).toBe(false);
  });

  it.each([
    [0, 1],
    [1, 3],
    [2, 5],
    [3, 6],
    [4, 7],
    [Number.POSITIVE_INFINITY, 7],
  ])("goes down to depth %d: %d visits, none deeper", async (depth, visits) => {
    const { disco } = await online();
    const results = await allOf(disco.walk(ROOT, { depth }));

    expect(results).toHaveLength(visits);
    expect(Math.max(...results.map((result) => result.depth))).toBe(Math.min(depth, 4));
  });

  it("does not ask for items where it goes no deeper, and has none there", async () => {
    const { disco, network } = await online();
    const results = await allOf(disco.walk(ROOT, { depth: 1 }));

    expect(network.asked.filter((name) => name.startsWith("items"))).toEqual([`items ${ROOT}`]);
    expect(results.filter(({ depth }) => depth === 1).map(({ items }) => items)).toEqual([[], []]);
  });

  it("has the root first, whatever is cached of the others", async () => {
    const { disco } = await online();
    await allOf(disco.walk("music.capulet.lit"));
    await disco.queryItems(ROOT);

    expect((await wordsOf(disco.walk(ROOT)))[0]).toBe(`0 ${ROOT}`);
  });

  it("may begin at a node", async () => {
    const { disco } = await online();

    expect(await wordsOf(disco.walk("music.capulet.lit", { node: "A" }))).toEqual([
      "0 music.capulet.lit#A",
      "1 music.capulet.lit#A/1",
      "2 music.capulet.lit#A/1/x",
    ]);
  });

  it.each([[null], [""], [undefined]])("begins at the entity itself with the node %j", async (node) => {
    const { disco } = await online();

    expect(await wordsOf(disco.walk(ROOT, { node, depth: 0 }))).toEqual([`0 ${ROOT}`]);
  });

  it("gives the others in the order in which they arrive", async () => {
    const { disco, network } = await online(TREE, { isHeld: true });
    const words: string[] = [];
    const all = (async () => {
      for await (const result of disco.walk(ROOT, { depth: 1 })) words.push(wordOf(result));
    })();
    await network.answer(`info ${ROOT}`, `items ${ROOT}`, "info muc.capulet.lit");
    await until(() => words.length === 2);
    await network.answer("info music.capulet.lit");
    await all;

    expect(words).toEqual(["0 capulet.lit", "1 muc.capulet.lit", "1 music.capulet.lit"]);
  });

  it("asks as one of a component's JIDs", async () => {
    const { xmpp, server } = await askedComponent();
    const results = xmpp.summon(DiscoClient).walk(ROOT, { from: "room@comp.example" });
    const first = results.next();
    await until(() => server.received.length === 1);

    expect(server.received[0]?.attrs.from).toBe("room@comp.example");
    await xmpp.stop();
    expect((await first).value).toMatchObject({ error: expect.any(SessionLost) });
  });

  it("of one's own needs no stanza", async () => {
    const { disco, xmpp, server } = await askedComponent();
    await disco.setItems([{ jid: COMPONENT, node: "n" }]);
    await disco.addIdentity({ category: "hierarchy", type: "leaf" }, { node: "n" });

    expect(await wordsOf(xmpp.summon(DiscoClient).walk(COMPONENT))).toEqual([
      `0 ${COMPONENT}`,
      `1 ${COMPONENT}#n`,
    ]);
    expect(server.received).toEqual([]);
  });
});

describe("a tree with cycles", () => {
  const cyclic: Entities = {
    "a.lit": { info: [], items: items("a.lit", "b.lit", "b.lit", "B.LIT", "a.lit#n") },
    "a.lit#n": { info: [], items: items("a.lit#n", "a.lit", "b.lit#n") },
    "b.lit": { info: [], items: items("a.lit", "A.lit#n", "b.lit#n") },
    "b.lit#n": { info: [], items: items("a.lit#n") },
  };

  it("has each JID and node visited once", async () => {
    const { disco, network } = await online(cyclic);
    const words = await wordsOf(disco.walk("A.lit", { depth: Number.POSITIVE_INFINITY }));

    expect(words.map((word) => word.slice(2)).sort()).toEqual(["a.lit", "a.lit#n", "b.lit", "b.lit#n"]);
    expect(network.asked).toHaveLength(8);
    expect(new Set(network.asked).size).toBe(8);
  });

  it("tells JIDs and nodes apart, however they are put together", async () => {
    const { disco } = await online({
      "a.lit": { info: [], items: items("a.lit#b.lit", "b.lit#a.lit", "b.lit", "a.lit/b.lit") },
      "a.lit#b.lit": { info: [] },
      "b.lit#a.lit": { info: [] },
      "b.lit": { info: [] },
      "a.lit/b.lit": { info: [] },
    });

    expect(await wordsOf(disco.walk("a.lit"))).toHaveLength(5);
  });

  it("whatever it looks like, has each that can be reached visited once", async () => {
    const { disco, network } = await online({});
    const graph = fc.array(fc.array(fc.nat({ max: 7 }), { maxLength: 4 }), { minLength: 8, maxLength: 8 });
    const values = fc.record({ graph, concurrency: fc.integer({ min: 1, max: 4 }) });
    await fc.assert(
      fc.asyncProperty(values, async ({ graph, concurrency }) => {
        network.entities = Object.fromEntries(
          graph.map((targets, i) => [
            `${i}.lit`,
            { info: [], items: items(...targets.map((target) => `${target}.lit`)) },
          ]),
        );
        disco.flushCache();
        const words = await wordsOf(disco.walk("0.lit", { depth: Number.POSITIVE_INFINITY, concurrency }));
        const reached = new Set([0]);
        for (const at of reached) for (const target of graph[at] ?? []) reached.add(target);
        expect(sorted(words.map((word) => word.split(" ")[1] ?? ""))).toEqual(
          sorted([...reached].map((i) => `${i}.lit`)),
        );
      }),
      { seed: 61, numRuns: 15 },
    );
  });
});

describe("a tree without an end", () => {
  /** Each has two below it, which nobody else has. */
  const endless = (name: string) => ({ info: [], items: items(`${name}0`, `${name}1`) });
  const options = { depth: Number.POSITIVE_INFINITY, concurrency: 3 };

  it("is left by leaving the loop", async () => {
    const { disco, network } = await online(endless);
    let visits = 0;
    for await (const _ of disco.walk(ROOT, { ...options, node: "n" })) {
      visits += 1;
      if (visits === 20) break;
    }
    await quiet(10);
    const before = network.asked.length;
    await quiet(10);

    expect(network.asked).toHaveLength(before);
    expect(before).toBeLessThanOrEqual(2 * (20 + 3));
  });

  it("is left by the signal", async () => {
    const { disco, network } = await online(endless);
    const control = new AbortController();
    let visits = 0;
    const walk = (async () => {
      for await (const _ of disco.walk(ROOT, { ...options, node: "n", signal: control.signal })) {
        visits += 1;
        if (visits === 20) control.abort(reason);
      }
    })();

    await expect(walk).rejects.toBe(reason);
    expect(visits).toBe(20);
    await quiet(10);
    const before = network.asked.length;
    await quiet(10);
    expect(network.asked).toHaveLength(before);
  });

  it("is walked no faster than whoever looks at it", async () => {
    const { disco, network } = await online(endless);
    const results = disco.walk(ROOT, { ...options, node: "n" });
    await results.next();
    await quiet(40);

    expect(network.asked.length).toBeLessThanOrEqual(2 * (1 + 3));
    await results.return();
  });

  it("has an end at the depth that is set, three where none is", async () => {
    const { disco } = await online(endless);

    expect(await allOf(disco.walk(ROOT, { node: "n" }))).toHaveLength(15);
  });
});

describe("what fails", () => {
  it("is told with its error, and the rest is walked", async () => {
    const { disco } = await online({
      ...TREE,
      "muc.capulet.lit": { info: "forbidden" },
      "music.capulet.lit#A": { info: "item-not-found" },
    });

    expect(sorted(await wordsOf(disco.walk(ROOT)))).toEqual([
      "0 capulet.lit",
      "1 muc.capulet.lit: forbidden",
      "1 music.capulet.lit",
      "2 music.capulet.lit#A: item-not-found",
      "2 music.capulet.lit#B",
    ]);
  });

  it("has neither information nor items, and is told with its node", async () => {
    const { disco } = await online({});
    const [result] = await allOf(disco.walk(ROOT, { node: "n" }));

    expect(result).toEqual({ jid: ROOT, node: "n", depth: 0, error: expect.any(IqError) });
  });

  it("by never answering delays nobody, and is told in the end", async () => {
    const { disco } = await online({ ...TREE, "muc.capulet.lit": { info: "" } });
    const words = await wordsOf(disco.walk(ROOT, { timeout: 200 }));

    expect(words.at(-1)).toBe("1 muc.capulet.lit: IqTimeout");
    expect(words).toHaveLength(6);
  });

  it("is not asked for its items", async () => {
    const { disco, network } = await online({
      [ROOT]: { info: "forbidden", items: items("muc.capulet.lit") },
    });
    await allOf(disco.walk(ROOT));

    expect(network.asked).toEqual([`info ${ROOT}`]);
  });

  it.each(["feature-not-implemented", "service-unavailable", "item-not-found"])(
    "to list its items with %s has none, which is no failure",
    async (condition) => {
      const { disco } = await online({ [ROOT]: { info: features("f"), items: condition } });
      const [result] = await allOf(disco.walk(ROOT));

      expect(result).toMatchObject({ info: { features: ["f"] }, items: [] });
      expect(result?.error).toBeUndefined();
    },
  );

  it("to list its items otherwise has failed", async () => {
    const { disco } = await online({
      [ROOT]: { info: [], items: "forbidden" },
      "silent.lit": { info: [], items: "" },
    });

    expect(await wordsOf(disco.walk(ROOT))).toEqual([`0 ${ROOT}: forbidden`]);
    const [result] = await allOf(disco.walk("silent.lit", { timeout: 20 }));
    expect(result?.error).toBeInstanceOf(IqTimeout);
  });

  it("is all that is open when the session is lost", async () => {
    const { disco, server } = await online({ ...TREE, "muc.capulet.lit": { info: "" } });
    const words: string[] = [];
    const walk = (async () => {
      for await (const result of disco.walk(ROOT)) words.push(wordOf(result));
    })();
    await until(() => words.length === 5);
    server.cut();
    await walk;

    expect(words.at(-1)).toBe("1 muc.capulet.lit: SessionLost");
  });

  it("is all for a client that never was on line", async () => {
    const { disco } = stage();

    expect(await wordsOf(disco.walk(ROOT))).toEqual([`0 ${ROOT}: SessionLost`]);
  });

  it("is a node of a JID that is none: it is left out", async () => {
    const { disco } = await online({ [ROOT]: { info: [], items: items("@@", "@@#n", "muc.capulet.lit") } });

    expect(await wordsOf(disco.walk(ROOT))).toEqual([`0 ${ROOT}`, "1 muc.capulet.lit: service-unavailable"]);
  });
});

describe("the progress", () => {
  async function progressOf(entities: Entities, options: WalkOptions = {}) {
    const { disco } = await online(entities);
    const steps: WalkProgress[] = [];
    await allOf(disco.walk(ROOT, { ...options, onProgress: (progress) => steps.push(progress) }));
    return steps;
  }

  it("is told once for each visit, and ends with all found being done", async () => {
    const steps = await progressOf(TREE);

    expect(steps.map(({ done }) => done)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(steps[0]).toEqual({ found: 3, done: 1, failed: 0 });
    expect(steps.at(-1)).toEqual({ found: 6, done: 6, failed: 0 });
  });

  it("never has more done than found, nor fewer found than before, nor more failed than done", async () => {
    const steps = await progressOf(
      { ...TREE, "music.capulet.lit#B": { info: "forbidden" } },
      { concurrency: 1 },
    );
    for (const [i, { found, done, failed }] of steps.entries()) {
      expect(done).toBeLessThanOrEqual(found);
      expect(failed).toBeLessThanOrEqual(done);
      expect(found).toBeGreaterThanOrEqual(steps[i - 1]?.found ?? 0);
    }

    expect(steps.at(-1)).toEqual({ found: 6, done: 6, failed: 1 });
  });

  it("counts the root that fails", async () => {
    expect(await progressOf({})).toEqual([{ found: 1, done: 1, failed: 1 }]);
  });

  it("counts what is listed twice once", async () => {
    const steps = await progressOf({
      [ROOT]: { info: [], items: items("a.lit", "A.LIT", ROOT) },
      "a.lit": { info: [] },
    });

    expect(steps).toEqual([
      { found: 2, done: 1, failed: 0 },
      { found: 2, done: 2, failed: 0 },
    ]);
  });

  it("that throws ends the walk with what it throws", async () => {
    const { disco, network } = await online();
    const onProgress = ({ done }: WalkProgress) => {
      if (done === 2) throw reason;
    };
    const walk = disco.walk(ROOT, { onProgress, concurrency: 1 });

    expect(wordOf((await walk.next()).value as WalkResult)).toBe(`0 ${ROOT}`);
    await expect(walk.next()).rejects.toBe(reason);
    await quiet(10);
    expect(network.asked).toHaveLength(4);
  });
});

describe("how many requests are open at once", () => {
  const wide = (name: string) => ({
    info: [],
    items: name === ROOT ? items(...Array.from({ length: 30 }, (_, i) => `${i}.lit`)) : items(`${name}#n`),
  });

  it.each([1, 3, 25])("is %i at the most, as the caller says", async (concurrency) => {
    const { disco, network } = await online(wide);

    expect(await allOf(disco.walk(ROOT, { concurrency, depth: 1 }))).toHaveLength(31);
    expect(network.most).toBe(concurrency);
  });

  it("is ten at the most where nothing is said", async () => {
    const { disco, network } = await online(wide);
    await allOf(disco.walk(ROOT, { depth: 2 }));

    expect(network.most).toBe(10);
  });
});

describe("the caches", () => {
  it("answer the second walk", async () => {
    const { disco, network } = await online();
    const words = await wordsOf(disco.walk(ROOT));
    const before = network.asked.length;

    expect(sorted(await wordsOf(disco.walk(ROOT)))).toEqual(sorted(words));
    expect(network.asked).toHaveLength(before);
  });

  it("have nothing partial after a walk that was left: the next one is whole", async () => {
    const { disco } = await online();
    for await (const _ of disco.walk(ROOT)) break;
    await quiet();

    expect(await wordsOf(disco.walk(ROOT))).toHaveLength(6);
  });

  it("have nothing of what failed: the next walk finds it", async () => {
    const { disco, network } = await online({
      ...TREE,
      "music.capulet.lit": { info: [], items: "forbidden" },
    });
    expect(await wordsOf(disco.walk(ROOT))).toHaveLength(3);
    network.entities = TREE;

    expect(await wordsOf(disco.walk(ROOT))).toHaveLength(6);
  });

  it("are not asked where fresh answers are required", async () => {
    const { disco, network } = await online();
    await allOf(disco.walk(ROOT));
    const before = network.asked.length;
    await allOf(disco.walk(ROOT, { requireFresh: true }));

    expect(network.asked).toHaveLength(2 * before);
  });
});

describe("leaving early", () => {
  it("sends nothing before the first result is asked for", async () => {
    const { disco, network } = await online();
    disco.walk(ROOT);
    await quiet();

    expect(network.asked).toEqual([]);
  });

  it("sends nothing where the signal is aborted already", async () => {
    const { disco, network } = await online();

    await expect(allOf(disco.walk(ROOT, { signal: AbortSignal.abort(reason) }))).rejects.toBe(reason);
    await quiet();
    expect(network.asked).toEqual([]);
  });

  it("ends with the signal's reason while nobody answers", async () => {
    const { disco } = await online({ [ROOT]: { info: "" } });
    const control = new AbortController();
    const walk = allOf(disco.walk(ROOT, { signal: control.signal }));
    walk.catch(() => {});
    await quiet();
    control.abort(reason);

    await expect(walk).rejects.toBe(reason);
  });
});

describe("a bad argument", () => {
  it.each<[what: string, jid: unknown, options: object, named: string]>([
    ["a JID that is none", "@@", {}, "@@"],
    ["no JID", undefined, {}, "undefined"],
    ["a node that is no text", ROOT, { node: 5 }, "node"],
    ["a negative depth", ROOT, { depth: -1 }, "depth"],
    ["a depth of NaN", ROOT, { depth: Number.NaN }, "depth"],
    ["a depth that is text", ROOT, { depth: "3" }, "depth"],
    ["nobody at once", ROOT, { concurrency: 0 }, "concurrency"],
    ["so many at once as NaN", ROOT, { concurrency: Number.NaN }, "concurrency"],
    ["a negative timeout", ROOT, { timeout: -1 }, "timeout"],
    ["a timeout without end", ROOT, { timeout: Number.POSITIVE_INFINITY }, "timeout"],
    ["a signal that is none", ROOT, { signal: {} }, "signal"],
    ["a sender that is no JID", ROOT, { from: "@@" }, "from"],
  ])("is thrown at the call, and sends nothing: %s", async (_, jid, options, named) => {
    const { disco, network } = await online();

    expect(() => disco.walk(jid as string, options as WalkOptions)).toThrow(named);
    await quiet();
    expect(network.asked).toEqual([]);
  });
});
