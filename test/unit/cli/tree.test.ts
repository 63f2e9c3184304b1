import { expect, test } from "vitest";
import { renderTree, type TreeNode } from "../../../src/cli/tree.ts";

function node(
  jid: string,
  items: readonly (string | { jid: string; node: string })[] = [],
  name?: string,
): TreeNode {
  return {
    jid,
    ...(name === undefined ? {} : { node: name }),
    text: "",
    items: items.map((item) => (typeof item === "string" ? { jid: item } : item)),
  };
}

test("nothing has no lines", () => {
  expect(renderTree([])).toEqual([]);
});

test("items stand under what has them, in order of their JIDs, whatever came first", () => {
  const tree = renderTree([
    { ...node("a", ["c", "b"]), text: "the root" },
    node("c"),
    node("b", ["d"]),
    node("d"),
  ]);
  expect(tree).toEqual(["a  the root", "├─ b", "│  └─ d", "└─ c"]);
});

test("a node is named without the JID that stands above it, and with another", () => {
  const items = [{ jid: "a", node: "music" }];
  expect(renderTree([node("a", items), node("a", [], "music")])).toEqual(["a", "└─ music"]);
  expect(renderTree([node("b", items), node("a", [], "music")])).toEqual(["b", "└─ a node music"]);
});

test("what was not asked is not shown", () => {
  expect(renderTree([node("a", ["b", "c"]), node("c")])).toEqual(["a", "└─ c"]);
});

test("a circle ends", () => {
  expect(renderTree([node("a", ["a", "b"]), node("b", ["a", "c"]), node("c", ["b"])])).toEqual([
    "a",
    "└─ b",
    "   └─ c",
  ]);
});

test("what several have stands once", () => {
  const tree = renderTree([node("a", ["b", "c"]), node("b", ["d"]), node("c", ["d"]), node("d")]);
  expect(tree).toEqual(["a", "├─ b", "│  └─ d", "└─ c"]);
});

test("an item that is listed twice stands once", () => {
  expect(renderTree([node("a", ["b", "b"]), node("b")])).toEqual(["a", "└─ b"]);
});

test("a tree of any depth is shown", () => {
  const nodes = Array.from({ length: 5_000 }, (_, at) => node(`j${at}`, [`j${at + 1}`]));
  expect(renderTree(nodes)).toHaveLength(5_000);
});

test("a tree of 100,000 leaves is shown", () => {
  const leaves = Array.from({ length: 100_000 }, (_, at) => `j${at}`);
  expect(renderTree([node("a", leaves), ...leaves.map((jid) => node(jid))])).toHaveLength(100_001);
});

test("names are shown safely", () => {
  expect(renderTree([node("a", [], "\u009b31m")])).toEqual(["a node \\u{9b}31m"]);
});
