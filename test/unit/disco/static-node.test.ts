import { jid } from "@xmpp/jid";
import { describe, expect, it } from "vitest";
import { DataForm, DiscoNode, type ItemInit, StaticNode } from "../../../src/index.ts";
import { changesOf, mutablePartsOf } from "../forms/helpers.ts";

const SOFTWARE = "urn:xmpp:dataforms:softwareinfo";

describe("the items of a static node", () => {
  it("are none at first", () => {
    expect(new StaticNode().items).toEqual([]);
  });

  it("are told in the order of their addition", async () => {
    const node = new StaticNode();
    node.addItem({ jid: "b.example", name: "B" });
    node.addItem({ jid: "a.example", node: "n" });

    expect(node.items).toEqual([
      { jid: "b.example", name: "B" },
      { jid: "a.example", node: "n" },
    ]);
    expect((await node.toItems()).items).toEqual(node.items);
  });

  it("take a JID as text or as an object, and normalise it", () => {
    const node = new StaticNode();
    node.addItem({ jid: "Juliet@Capulet.LIT/Balcony" });
    node.addItem({ jid: jid("A.example") });

    expect(node.items.map((item) => item.jid)).toEqual(["juliet@capulet.lit/Balcony", "a.example"]);
  });

  it("may be of one JID with different nodes", () => {
    const node = new StaticNode();
    node.addItem({ jid: "a.example" });
    node.addItem({ jid: "a.example", node: "n" });
    node.addItem({ jid: "a.example", node: "m" });

    expect(node.items).toHaveLength(3);
  });

  it("cannot be added twice, whatever their names", () => {
    const node = new StaticNode();
    node.addItem({ jid: "a.example", node: "n", name: "A" });

    expect(() => node.addItem({ jid: "A.example", node: "n", name: "B" })).toThrow(/a\.example.*n/);
    expect(node.items).toEqual([{ jid: "a.example", node: "n", name: "A" }]);
  });

  it("are removed by JID and node", () => {
    const node = new StaticNode();
    node.addItem({ jid: "a.example", name: "A" });
    node.addItem({ jid: "a.example", node: "n", name: "N" });
    node.removeItem({ jid: jid("A.example"), node: "n" });

    expect(node.items).toEqual([{ jid: "a.example", name: "A" }]);
  });

  it("cannot be removed where they are not there", () => {
    const node = new StaticNode();
    node.addItem({ jid: "a.example" });

    expect(() => node.removeItem({ jid: "a.example", node: "n" })).toThrow(/a\.example.*n/);
    expect(() => node.removeItem({ jid: "b.example" })).toThrow("b.example");
  });

  it("are replaced all at once", () => {
    const node = new StaticNode();
    node.addItem({ jid: "a.example" });
    node.setItems(new Set([{ jid: "b.example" }, { jid: "c.example" }]));

    expect(node.items).toEqual([{ jid: "b.example" }, { jid: "c.example" }]);
  });

  it("can be set to none", () => {
    const node = new StaticNode();
    node.addItem({ jid: "a.example" });
    node.setItems([]);

    expect(node.items).toEqual([]);
  });

  it.each<[what: string, items: ItemInit[]]>([
    ["is no JID", [{ jid: "b.example" }, { jid: "@@@" }]],
    ["is there twice", [{ jid: "b.example" }, { jid: "B.example" }]],
  ])("stay as they were where one of those they are set to %s", (_, items) => {
    const node = new StaticNode();
    node.addItem({ jid: "a.example" });
    const told = changesOf(node);

    expect(() => node.setItems(items)).toThrow();
    expect(node.items).toEqual([{ jid: "a.example" }]);
    expect(told).toEqual([]);
  });

  it.each([
    ["a JID that is none", { jid: "@@@" }, `"@@@"`],
    ["no JID", { name: "A" }, "jid"],
    ["nothing in it", undefined, "jid"],
    ["a name that is no text", { jid: "a.example", name: 5 }, "5"],
    ["a node that is no text", { jid: "a.example", node: 5 }, "5"],
  ])("cannot have %s", (_, item, named) => {
    const node = new StaticNode();

    expect(() => node.addItem(item as ItemInit)).toThrow(TypeError);
    expect(() => node.addItem(item as ItemInit)).toThrow(named);
    expect(node.items).toEqual([]);
  });

  it("do not change when what was added does", () => {
    const item = { jid: "a.example", name: "A" };
    const list = [item];
    const added = new StaticNode();
    added.addItem(item);
    const set = new StaticNode();
    set.setItems(list);
    item.name = "B";
    list.push({ jid: "b.example", name: "B" });

    expect(added.items).toEqual([{ jid: "a.example", name: "A" }]);
    expect(set.items).toEqual([{ jid: "a.example", name: "A" }]);
  });

  it("cannot be changed through what is told of them", () => {
    const node = new StaticNode();
    node.addItem({ jid: "a.example" });
    (node.items as unknown[]).pop();

    expect(node.items).toHaveLength(1);
    expect(mutablePartsOf(node.items[0])).toEqual([]);
  });
});

describe("itemsChanged", () => {
  it.each<[what: string, change: (node: StaticNode) => void]>([
    ["an item is added", (node) => node.addItem({ jid: "b.example" })],
    ["an item is removed", (node) => node.removeItem({ jid: "a.example" })],
    ["items are set", (node) => node.setItems([{ jid: "b.example" }, { jid: "c.example" }])],
  ])("is told once when %s", (_, change) => {
    const node = new StaticNode();
    node.addItem({ jid: "a.example" });
    const told = changesOf(node);
    change(node);

    expect(told).toEqual(["items"]);
  });

  it("is not told for a change that failed", () => {
    const node = new StaticNode();
    node.addItem({ jid: "a.example" });
    const told = changesOf(node);

    expect(() => node.addItem({ jid: "a.example" })).toThrow();
    expect(() => node.removeItem({ jid: "b.example" })).toThrow();
    expect(told).toEqual([]);
  });

  it("is told once for a batch, apart from infoChanged", () => {
    const node = new StaticNode();
    const told = changesOf(node);
    node.batch(() => {
      node.addItem({ jid: "a.example" });
      node.registerFeature("a");
      node.addItem({ jid: "b.example" });
      node.registerFeature("b");
    });

    expect(told.sort()).toEqual(["info", "items"]);
  });
});

describe("a clone", () => {
  function original(): StaticNode {
    const node = new StaticNode();
    node.registerFeature("a");
    node.registerIdentity("client", "bot", { en: "A bot", de: "Ein Bot" });
    node.registerIdentity("client", "pc", "A desktop");
    node.registerIdentity("client", "web");
    node.registerForm(new DataForm({ formType: SOFTWARE, fields: { os: "Linux" } }));
    node.addItem({ jid: "a.example", node: "n", name: "A" });
    return node;
  }

  it("tells the same: features, identities, forms and items", async () => {
    const node = original();
    const clone = StaticNode.clone(node);

    expect(await clone.toInfo()).toEqual(await node.toInfo());
    expect(await clone.toItems()).toEqual(await node.toItems());
  });

  it("does not follow the original", async () => {
    const node = original();
    const before = await node.toInfo();
    const clone = StaticNode.clone(node);
    node.registerFeature("b");
    node.setIdentityNames("client", "pc", "Changed");
    node.unregisterIdentity("client", "web");
    node.unregisterForm(SOFTWARE);
    node.addItem({ jid: "b.example" });

    expect(await clone.toInfo()).toEqual(before);
    expect(clone.items).toEqual([{ jid: "a.example", node: "n", name: "A" }]);
  });

  it("leaves the original alone", async () => {
    const node = original();
    const before = await node.toInfo();
    const told = changesOf(node);
    const clone = StaticNode.clone(node);
    clone.registerFeature("b");
    clone.unregisterForm(SOFTWARE);
    clone.setItems([]);

    expect(await node.toInfo()).toEqual(before);
    expect(node.items).toHaveLength(1);
    expect(told).toEqual([]);
  });

  it("may be of any node, of which it has all that is visible without a request", async () => {
    class Discreet extends DiscoNode {
      override *iterFeatures(request?: object) {
        yield* this.ownFeatures();
        if (request === undefined) yield "secret";
      }
      override iterItems() {
        return [{ jid: "a.example" }];
      }
    }
    const clone = StaticNode.clone(new Discreet());

    expect((await clone.toInfo()).has("secret")).toBe(true);
    expect(clone.items).toEqual([{ jid: "a.example" }]);
  });

  it("has a feature once that the node tells twice", async () => {
    class Repetitive extends DiscoNode {
      override iterFeatures() {
        return ["a", "a"];
      }
    }

    const { features } = await StaticNode.clone(new Repetitive()).toInfo();
    expect(features.filter((feature) => feature === "a")).toEqual(["a"]);
  });

  it("cannot be of a node that answers asynchronously", () => {
    class Slow extends DiscoNode {
      override async *iterFeatures() {
        yield "a";
      }
    }

    expect(() => StaticNode.clone(new Slow())).toThrow(TypeError);
  });

  it.each([[undefined], [null], [{}], ["node"]])("cannot be of %j, which is no node", (node: unknown) => {
    expect(() => StaticNode.clone(node as DiscoNode)).toThrow(/no DiscoNode/);
  });
});
