import { describe, expect, it } from "vitest";
import { DiscoNode, DiscoTree, type MountOptions, StaticNode } from "../../../src/index.ts";
import { changesOf } from "../forms/helpers.ts";

describe("a mounted node", () => {
  it("is found by its name", () => {
    const tree = new DiscoTree();
    const node = new DiscoNode();
    tree.mountNode("n", node);

    expect(tree.nodeAt("n")).toBe(node);
  });

  it("is not found by another name", () => {
    const tree = new DiscoTree();
    tree.mountNode("n", new DiscoNode());

    expect(tree.nodeAt("N")).toBeUndefined();
    expect(tree.nodeAt("__proto__")).toBeUndefined();
  });

  it("may be mounted under two names", () => {
    const tree = new DiscoTree();
    const node = new DiscoNode();
    tree.mountNode("a", node);
    tree.mountNode("b", node);

    expect(tree.nodeAt("a")).toBe(tree.nodeAt("b"));
  });

  it("is returned when it is unmounted, and not found any more", () => {
    const tree = new DiscoTree();
    const node = new DiscoNode();
    tree.mountNode("n", node);

    expect(tree.unmountNode("n")).toBe(node);
    expect(tree.nodeAt("n")).toBeUndefined();
  });

  it("makes room for another when it is unmounted", () => {
    const tree = new DiscoTree();
    const other = new DiscoNode();
    tree.mountNode("n", new DiscoNode());
    tree.unmountNode("n");
    tree.mountNode("n", other);

    expect(tree.nodeAt("n")).toBe(other);
  });

  it("stays where another is to be mounted in its place, an error that names it", () => {
    const tree = new DiscoTree();
    const node = new DiscoNode();
    tree.mountNode("https://my.app/rooms", node);

    expect(() => tree.mountNode("https://my.app/rooms", new DiscoNode())).toThrow("https://my.app/rooms");
    expect(tree.nodeAt("https://my.app/rooms")).toBe(node);
  });

  it("stays where it is to be mounted twice in its place", () => {
    const tree = new DiscoTree();
    const node = new DiscoNode();
    tree.mountNode("n", node);

    expect(() => tree.mountNode("n", node)).toThrow(/"n"/);
  });

  it.each([
    ["", "mountpoint"],
    [undefined, "undefined"],
    [null, "null"],
    [5, "5"],
    ["a\u0000", "\\u0000"],
  ])("cannot be mounted at %j", (mountpoint: unknown, named) => {
    const tree = new DiscoTree();

    expect(() => tree.mountNode(mountpoint as string, new DiscoNode())).toThrow(TypeError);
    expect(() => tree.mountNode(mountpoint as string, new DiscoNode())).toThrow(named);
  });

  it.each([
    [undefined, "undefined"],
    [null, "null"],
    [{}, "Object"],
    ["rooms", "rooms"],
    [DiscoNode, "DiscoNode"],
  ])("cannot be %s", (node: unknown, named) => {
    const tree = new DiscoTree();

    expect(() => tree.mountNode("n", node as DiscoNode)).toThrow(TypeError);
    expect(() => tree.mountNode("n", node as DiscoNode)).toThrow(named);
    expect(tree.nodeAt("n")).toBeUndefined();
  });

  it("cannot have a name that is no text", () => {
    const tree = new DiscoTree();
    const options = { listed: true, name: 5 } as unknown as MountOptions;

    expect(() => tree.mountNode("n", new DiscoNode(), options)).toThrow(TypeError);
    expect(tree.nodeAt("n")).toBeUndefined();
  });
});

describe("a mountpoint where nothing is", () => {
  it.each([
    ["n", `"n"`],
    ["", `""`],
    [undefined, "undefined"],
  ])("cannot be unmounted: %j", (mountpoint, named) => {
    expect(() => new DiscoTree().unmountNode(mountpoint as string)).toThrow(named);
  });

  it("cannot be unmounted twice", () => {
    const tree = new DiscoTree();
    tree.mountNode("n", new DiscoNode());
    tree.unmountNode("n");

    expect(() => tree.unmountNode("n")).toThrow(/"n"/);
  });
});

describe("the root of a tree", () => {
  it("is the tree itself", () => {
    const tree = new DiscoTree();

    expect(tree.nodeAt(undefined)).toBe(tree);
  });

  it("tells nothing of the nodes that are mounted on it", async () => {
    const tree = new DiscoTree();
    const node = new DiscoNode();
    node.registerFeature("a");
    tree.mountNode("n", node);

    expect((await tree.toInfo()).has("a")).toBe(false);
  });
});

describe("the items of a tree", () => {
  it("have no mounted nodes among them that are not listed", async () => {
    const tree = new DiscoTree();
    tree.mountNode("n", new DiscoNode());
    tree.mountNode("m", new DiscoNode(), { name: "M" });

    expect((await tree.toItems({ to: "a.example" })).items).toEqual([]);
  });

  it("are the mounted nodes that are listed", async () => {
    const tree = new DiscoTree();
    tree.mountNode("n", new StaticNode(), { listed: true, name: "N" });
    tree.mountNode("m", new DiscoNode(), { listed: true });

    expect((await tree.toItems({ to: "a.example" })).items).toEqual([
      { jid: "a.example", node: "n", name: "N" },
      { jid: "a.example", node: "m" },
    ]);
  });

  it("lose a node that is unmounted", async () => {
    const tree = new DiscoTree();
    tree.mountNode("n", new DiscoNode(), { listed: true });
    tree.unmountNode("n");

    expect((await tree.toItems({ to: "a.example" })).items).toEqual([]);
  });

  it("do not change when the options they were listed with do", async () => {
    const options = { listed: true, name: "N" };
    const tree = new DiscoTree();
    tree.mountNode("n", new DiscoNode(), options);
    options.name = "Changed";
    options.listed = false;

    expect((await tree.toItems({ to: "a.example" })).items).toEqual([
      { jid: "a.example", node: "n", name: "N" },
    ]);
  });
});

describe("the changes of a tree", () => {
  it("are told when a listed node comes and goes", () => {
    const tree = new DiscoTree();
    const told = changesOf(tree);
    tree.mountNode("n", new DiscoNode(), { listed: true });
    expect(told).toEqual(["items"]);
    tree.unmountNode("n");

    expect(told).toEqual(["items", "items"]);
  });

  it("are not told for a node that is not listed", () => {
    const tree = new DiscoTree();
    const told = changesOf(tree);
    tree.mountNode("n", new DiscoNode());
    tree.unmountNode("n");

    expect(told).toEqual([]);
  });

  it("are not told for a mount that failed", () => {
    const tree = new DiscoTree();
    tree.mountNode("n", new DiscoNode());
    const told = changesOf(tree);

    expect(() => tree.mountNode("n", new DiscoNode(), { listed: true })).toThrow();
    expect(told).toEqual([]);
  });

  it("are its own: those of a mounted node are told by that node", () => {
    const tree = new DiscoTree();
    const node = new StaticNode();
    tree.mountNode("n", node);
    const told = changesOf(tree);
    node.registerFeature("a");
    node.addItem({ jid: "a.example" });

    expect(told).toEqual([]);
  });
});
