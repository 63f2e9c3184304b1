import { describe, expect, it } from "vitest";
import {
  DiscoClient,
  DiscoItems,
  DiscoNode,
  type DiscoServer,
  type Item,
  type ItemsQuery,
  NS_DISCO_ITEMS,
  StaticNode,
} from "../../../src/index.ts";
import { type Asked, askedClient, askedComponent, COMPONENT, itemNotFound, ME, PEER } from "./answering.ts";
import { expectNoStrays } from "./support.ts";

expectNoStrays();

const items = (...names: string[]): Item[] => names.map((name) => ({ jid: `${name}.example` }));
const FIVE = items("a", "b", "c", "d", "e");
const jidsOf = (names: string) => [...names].map((name) => `${name}.example`);

/** Where the five items may come from. */
const SOURCES: readonly (readonly [what: string, furnish: (disco: DiscoServer) => unknown])[] = [
  [
    "a StaticNode",
    (disco) =>
      disco.mountNode(
        "n",
        listed(new StaticNode(), (node) => node.setItems(FIVE)),
      ),
  ],
  [
    "an async generator",
    (disco) => {
      class OverTime extends DiscoNode {
        override async *iterItems() {
          for (const item of FIVE) {
            await Promise.resolve();
            yield item;
          }
        }
      }
      disco.mountNode("n", listed(new OverTime()));
    },
  ],
  ["the convenience methods", (disco) => disco.setItems(FIVE, { node: "n" })],
  [
    "a handler that returns all",
    (disco) => disco.setNodeHandler("getItems", () => new DiscoItems({ items: FIVE }), { node: "n" }),
  ],
  [
    "a handler that returns the page",
    (disco) => {
      const node = listed(new StaticNode(), (node) => node.setItems(FIVE));
      disco.setNodeHandler("getItems", async ({ page }) => node.pageItems(page ?? { max: 5 }), { node: "n" });
    },
  ],
];

function listed<N extends DiscoNode>(node: N, furnish: (node: N) => void = () => {}): N {
  node.registerIdentity("hierarchy", "branch");
  furnish(node);
  return node;
}

describe.each(SOURCES)("a page of items out of %s", (_, furnish) => {
  async function asked() {
    const { disco, peer, errors } = await askedComponent();
    await furnish(disco);
    const ask = (page: Asked["page"] & object) => peer.page(page, { node: "n" });
    return { ask, peer, errors };
  }

  it.each<[what: string, page: Record<string, string | number>, names: string, index: number]>([
    ["is the first", { max: 2 }, "ab", 0],
    ["comes after an item", { max: 2, after: "b.example" }, "cd", 2],
    ["comes before an item", { max: 2, before: "d.example" }, "bc", 1],
    ["is the last", { max: 2, before: "" }, "de", 3],
    ["is at a place", { max: 2, index: 2 }, "cd", 2],
    ["is all there is where no size is given", {}, "abcde", 0],
    ["is all there is where a huge size is given", { max: "9".repeat(30) }, "abcde", 0],
    ["is all that is behind an item where no size is given", { after: "b.example" }, "cde", 2],
  ])("%s, and says which it is, of how many, of which node", async (_, page, names, index) => {
    const { ask } = await asked();
    const jids = jidsOf(names);

    expect(await ask(page)).toEqual({
      jids,
      node: "n",
      set: { first: jids[0], index, last: jids.at(-1), count: 5 },
    });
  });

  it.each<[what: string, page: Record<string, string | number>]>([
    ["the count is asked for", { max: 0 }],
    ["there is nothing behind", { max: 2, after: "e.example" }],
    ["there is nothing before", { max: 2, before: "a.example" }],
  ])("is empty and has the count where %s", async (_, page) => {
    const { ask } = await asked();

    expect(await ask(page)).toEqual({ jids: [], node: "n", set: { count: 5 } });
  });

  it.each<[what: string, page: Record<string, string | number>]>([
    ["after an unknown item", { max: 2, after: "x.example" }],
    ["before an unknown item", { max: 2, before: "x.example" }],
    ["behind the end", { max: 2, index: 5 }],
    ["far behind the end", { max: 2, index: "9".repeat(400) }],
  ])("is item-not-found %s", async (_, page) => {
    const { ask, errors } = await asked();

    await expect(ask(page)).rejects.toMatchObject(itemNotFound);
    expect(errors).toEqual([]);
  });

  it.each<[what: string, page: Record<string, string>]>([
    ["a negative size", { max: "-1" }],
    ["a size that is no number", { max: "many" }],
    ["a size that is NaN", { max: "NaN" }],
    ["an empty size", { max: "" }],
    ["half an item", { max: "0.5" }],
    ["a negative place", { max: "2", index: "-1" }],
  ])("is bad-request, which says why, with %s", async (_, page) => {
    const { ask, errors } = await asked();

    await expect(ask(page)).rejects.toMatchObject({
      condition: "bad-request",
      type: "modify",
      text: expect.stringMatching(/(max|index) is a whole number from 0 on, not/),
    });
    expect(errors).toEqual([]);
  });

  it("does not say that it is one where none is asked for and all are told", async () => {
    const { peer } = await asked();
    const { items, element, node } = await peer.items({ node: "n" });

    expect(items).toEqual(FIVE);
    expect(node).toBe("n");
    expect(element?.getChildElements().every((child) => child.is("item", NS_DISCO_ITEMS))).toBe(true);
  });
});

describe("a page of the items of an entity", () => {
  it("is that of the root, with the nodes that are listed", async () => {
    const { disco, peer } = await askedClient();
    disco.setItems(FIVE);
    disco.mountNode("n", new StaticNode(), { listed: true });

    expect(await peer.page({ max: 2, before: "" })).toEqual({
      jids: ["e.example", ME],
      node: undefined,
      set: { first: "e.example", index: 4, last: `${ME}\nn`, count: 6 },
    });
    expect((await peer.page({ max: 9, after: "e.example" })).set?.first).toBe(`${ME}\nn`);
  });

  it("is empty where there are none, and no error", async () => {
    const { peer } = await askedClient();

    expect(await peer.page({ max: 2 })).toEqual({ jids: [], node: undefined, set: { count: 0 } });
    expect(await peer.page({ max: 2, index: 0 })).toMatchObject({ jids: [], set: { count: 0 } });
    expect(await peer.page({ max: 2, before: "" })).toMatchObject({ jids: [], set: { count: 0 } });
  });

  it("is that of who was asked: each JID of a component has its own", async () => {
    const { disco, peer } = await askedComponent();
    await disco.setItems(items("a", "b"), { jid: "room@comp.example" });

    expect((await peer.page({ max: 9 }, { to: "room@comp.example" })).set?.count).toBe(2);
    expect((await peer.page({ max: 9 })).set?.count).toBe(0);
  });

  it("of a node that is not there is item-not-found", async () => {
    const { peer } = await askedClient();

    await expect(peer.page({ max: 2 }, { node: "n" })).rejects.toMatchObject(itemNotFound);
    await expect(peer.page({ max: 0 }, { node: "n" })).rejects.toMatchObject(itemNotFound);
  });

  it("is that of what who asks may see", async () => {
    class Private extends StaticNode {
      override *iterItems(request?: { readonly from?: string | undefined }) {
        for (const item of this.ownItems())
          if (item.jid !== "c.example" || request?.from !== PEER) yield item;
      }
    }
    const { disco, peer } = await askedClient();
    disco.mountNode(
      "n",
      listed(new Private(), (node) => node.setItems(FIVE)),
    );
    const asked = { node: "n" };

    expect(await peer.page({ max: 2, after: "b.example" }, asked)).toMatchObject({
      jids: ["d.example", "e.example"],
      set: { index: 2, count: 4 },
    });
    expect(
      (await peer.page({ max: 1, after: "b.example" }, { ...asked, from: "nurse@capulet.lit" })).jids,
    ).toEqual(["c.example"]);
  });

  it("follows the one before where an item between them has gone", async () => {
    const { disco, peer } = await askedClient();
    await disco.setItems(FIVE);
    const first = await peer.page({ max: 2 });
    await disco.delItem({ jid: "a.example" });
    await disco.delItem({ jid: "c.example" });
    await disco.addItem({ jid: "f.example" });

    expect(await peer.page({ max: 9, after: first.set?.last ?? "" })).toMatchObject({
      jids: jidsOf("def"),
      set: { index: 1, count: 4 },
    });
  });

  it("has UIDs that come back as they were, whatever the nodes", async () => {
    const { disco, peer } = await askedClient();
    const nodes = [` <b>&"'😀 `, "a\nb", "]]>", "a.example", " "];
    await disco.setItems(nodes.map((node) => ({ jid: "a.example", node })));
    const seen: (string | undefined)[] = [];
    let after: string | undefined;
    do {
      const page = await peer.items({ page: { max: 1, ...(after === undefined ? {} : { after }) } });
      seen.push(...page.items.map((item) => item.node));
      after = page.element?.getChild("set")?.getChildText("last") ?? undefined;
    } while (after !== undefined);

    expect(seen).toEqual(nodes);
  });
});

describe("a list that is too long to be told at once", () => {
  class Numbers extends DiscoNode {
    readonly #count: number;
    constructor(count: number) {
      super();
      this.#count = count;
    }
    override *iterItems() {
      for (let i = 0; i < this.#count; i += 1) yield { jid: `${i}.example` };
    }
  }

  /** What a server takes of a client in one stanza. */
  const STANZA_BYTES = 256 * 1024;

  it("is told in full where it fits into a stanza", async () => {
    const { disco, peer } = await askedComponent();
    disco.mountNode("n", listed(new Numbers(4_000)));
    const { items, element } = await peer.items({ node: "n" });

    expect(items).toHaveLength(4_000);
    expect(element?.getChild("set")).toBeUndefined();
  });

  it("is a first page that says so where it does not, and no page was asked for", async () => {
    const { disco, peer } = await askedComponent();
    disco.mountNode("n", listed(new Numbers(100_000)));
    const { items, element } = await peer.items({ node: "n" });
    const last = items.length - 1;

    expect(items.length).toBeGreaterThan(4_000);
    expect(String(element).length).toBeLessThan(STANZA_BYTES);
    expect(element?.getChild("set")?.toString()).toBe(
      `<set xmlns="http://jabber.org/protocol/rsm"><first index="0">0.example</first><last>${last}.example</last><count>100000</count></set>`,
    );
  });

  it.each(["x", "&", "ü", "😀"])(
    "fits into a stanza also where its names are long and full of %s",
    async (text) => {
      const { disco, peer } = await askedComponent();
      const items = Array.from({ length: 100 }, (_, i) => ({
        jid: `${i}.example`,
        name: text.repeat(5_000),
      }));
      await disco.setItems(items);
      const forwards = await peer.items({});
      const backwards = await peer.items({ page: { before: "", max: 100 } });

      for (const { element } of [forwards, backwards])
        expect(new TextEncoder().encode(String(element)).length).toBeLessThan(STANZA_BYTES);
      expect(forwards.items[0]?.jid).toBe("0.example");
      expect(backwards.items.at(-1)?.jid).toBe("99.example");
      expect(backwards.items.length).toBeLessThan(100);
    },
  );

  it("tells an item that fits into no stanza all the same", async () => {
    const { disco, peer } = await askedComponent();
    await disco.setItems([{ jid: "a.example", name: "x".repeat(STANZA_BYTES) }, { jid: "b.example" }]);

    expect((await peer.items({})).items.map(({ jid }) => jid)).toEqual(["a.example"]);
  });

  it("has pages of 1,000 items at the most", async () => {
    const { disco, peer } = await askedComponent();
    disco.mountNode("n", listed(new Numbers(1_500)));

    expect((await peer.page({ max: 5_000 }, { node: "n" })).jids).toHaveLength(1_000);
    expect((await peer.page({ after: "999.example" }, { node: "n" })).jids).toHaveLength(500);
  });
});

describe("a handler of items", () => {
  it("may return a part where all was asked for: the answer says so", async () => {
    const { disco, peer } = await askedComponent();
    disco.setNodeHandler("getItems", () => ({ items: FIVE, index: 0, count: 1_000_000 }));

    expect(await peer.page({})).toMatchObject({
      jids: jidsOf("abcde"),
      set: { first: "a.example", count: 1_000_000 },
    });
    expect((await peer.items()).element?.getChild("set")?.getChildText("count")).toBe("1000000");
  });

  it("may return all as a page where all was asked for: the answer is none", async () => {
    const { disco, peer } = await askedComponent();
    disco.setNodeHandler("getItems", () => ({ items: FIVE, index: 0, count: 5 }));

    expect((await peer.items()).element?.getChild("set")).toBeUndefined();
  });

  it("may have UIDs of its own making cut by itself, as it names its items", async () => {
    const { disco, peer } = await askedComponent();
    disco.setNodeHandler("getItems", ({ page }) => {
      const from = page?.after === undefined ? 0 : Number(page.after.split("\n")[1]) + 1;
      const list = [0, 1, 2].map((i) => ({ jid: ME, node: String(from + i) }));
      return { items: list, index: from, count: 1_000 };
    });

    expect(await peer.page({ max: 3, after: `${ME}\n41` })).toMatchObject({
      set: { first: `${ME}\n42`, index: 42, last: `${ME}\n44`, count: 1_000 },
    });
  });

  it("is told as that of the node that was asked", async () => {
    const { disco, peer } = await askedComponent();
    disco.setNodeHandler(
      "getItems",
      () => new DiscoItems({ jid: "other.example", node: "other", items: FIVE }),
    );

    expect((await peer.page({ max: 1 }, { node: "n" })).node).toBe("n");
    expect((await peer.items()).node).toBeUndefined();
  });
});

describe("asking for a page without a stanza", () => {
  async function furnished() {
    const it = await askedComponent();
    await it.disco.setItems(FIVE, { node: "n" });
    return it;
  }

  it.each<[what: string, page: Record<string, string | number>]>([
    ["the first", { max: 2 }],
    ["the last", { max: 2, before: "" }],
    ["after an item", { max: 2, after: "b.example" }],
    ["at a place", { max: 2, index: 4 }],
  ])("gives what a peer is told: %s", async (_, page) => {
    const { disco, peer } = await furnished();
    const { jids } = await peer.page(page, { node: "n" });

    expect((await disco.getItems({ node: "n", page })).items.map(({ jid }) => jid)).toEqual(jids);
  });

  it("rejects like it where there is no such page", async () => {
    const { disco } = await furnished();

    await expect(disco.getItems({ node: "n", page: { after: "x" } })).rejects.toMatchObject(itemNotFound);
  });

  it("gives all items where no page is asked for, also more than a peer is told at once", async () => {
    const { disco } = await furnished();
    disco.setNodeHandler(
      "getItems",
      () => new DiscoItems({ items: Array.from({ length: 100_005 }, (_, i) => ({ jid: `${i}.example` })) }),
    );

    expect((await disco.getItems()).items).toHaveLength(100_005);
  });

  it.each<[what: string, page: object, named: string]>([
    ["a negative size", { max: -1 }, "max"],
    ["a size that is NaN", { max: Number.NaN }, "max"],
    ["a size without end", { max: Number.POSITIVE_INFINITY }, "max"],
    ["a size that is text", { max: "2" }, "max"],
    ["a negative place", { index: -1 }, "index"],
    ["an item that is no text", { after: 5 }, "after"],
    ["an item that XML cannot carry", { before: "\u0000" }, "before"],
  ])("is an error with %s, which it names", async (_, page, named) => {
    const { disco } = await furnished();

    await expect(disco.getItems({ node: "n", page } as ItemsQuery)).rejects.toThrow(named);
  });
});

describe("a list of one's own, gone through with the client", () => {
  it.each([
    ["local", { local: true }, "anybody@else.example"],
    ["by one's own JID", {}, ME],
  ])("%s, needs no stanza", async (_, options, jid) => {
    const { disco, xmpp, server } = await askedClient();
    await disco.setItems(FIVE, { node: "n" });
    const pages = xmpp.summon(DiscoClient).iterItems(jid, { node: "n", pageSize: 2, ...options });
    const seen: string[][] = [];
    for await (const page of pages.pages()) seen.push(page.map((item) => item.jid));

    expect(seen).toEqual([jidsOf("ab"), jidsOf("cd"), jidsOf("e")]);
    expect(pages.count).toBe(5);
    expect(server.received).toEqual([]);
  });

  it("backwards, needs none either", async () => {
    const { disco, xmpp, server } = await askedClient();
    await disco.setItems(FIVE);
    const seen: string[][] = [];
    for await (const page of xmpp
      .summon(DiscoClient)
      .iterItems(ME, { pageSize: 2, backwards: true })
      .pages()) {
      seen.push(page.map((item) => item.jid));
    }

    expect(seen).toEqual([jidsOf("de"), jidsOf("bc"), jidsOf("a")]);
    expect(server.received).toEqual([]);
  });

  it("goes through the handlers, which are told who asks", async () => {
    const { disco, xmpp } = await askedComponent();
    disco.setNodeHandler(
      "getItems",
      ({ from, jid }) => new DiscoItems({ items: [{ jid: `${from}`, name: `${jid}` }] }),
    );
    const seen: Item[] = [];
    const options = { local: true, from: "room@comp.example" };
    for await (const item of xmpp.summon(DiscoClient).iterItems(COMPONENT, options)) seen.push(item);

    expect(seen).toEqual([{ jid: "room@comp.example", name: COMPONENT }]);
  });

  it("rejects with what a peer would be told", async () => {
    const { xmpp } = await askedClient();
    const pages = xmpp.summon(DiscoClient).iterItems(ME, { node: "unknown" });

    await expect(pages[Symbol.asyncIterator]().next()).rejects.toMatchObject(itemNotFound);
  });

  it("of 10,000 items is gone through page by page, in time", async () => {
    const { disco, xmpp } = await askedComponent();
    disco.setItems(Array.from({ length: 10_000 }, (_, i) => ({ jid: `${i}@comp.example` })));
    let count = 0;
    for await (const { jid } of xmpp.summon(DiscoClient).iterItems(COMPONENT, { local: true })) {
      if (jid !== `${count}@comp.example`) throw new Error(`${jid} is at ${count}`);
      count += 1;
    }

    expect(count).toBe(10_000);
  });
});
