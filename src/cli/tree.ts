import type { Item } from "../index.js";
import { colors } from "./colors.js";
import { safe } from "./text.js";

/** An entity or node of a tree. */
export interface TreeNode {
  readonly jid: string;
  readonly node?: string | undefined;
  /** What is said of it behind its name. */
  readonly text: string;
  readonly items: readonly Item[];
}

interface Branch {
  readonly node: TreeNode;
  /** The JID of the node above, which need not be said again. */
  readonly parent: string | undefined;
  /** What stands before its own line, and before those below. */
  readonly first: string;
  readonly rest: string;
}

/**
 * The lines of a tree whose root comes first; each entity and node stands once, under the first that has it.
 *
 * It may be of any depth, and have circles.
 */
export function renderTree(nodes: readonly TreeNode[]): string[] {
  const byKey = new Map(nodes.map((node) => [keyOf(node), node]));
  const [root] = nodes;
  if (root === undefined) return [];
  const lines: string[] = [];
  const shown = new Set([keyOf(root)]);
  const stack: Branch[] = [{ node: root, parent: undefined, first: "", rest: "" }];
  for (let branch = stack.pop(); branch !== undefined; branch = stack.pop()) {
    const { node, parent, first, rest } = branch;
    lines.push(`${first}${nameOf(node, parent)}  ${node.text}`.trimEnd());
    const below: TreeNode[] = [];
    for (const item of node.items) {
      const key = keyOf(item);
      const child = byKey.get(key);
      if (child === undefined || shown.has(key)) continue;
      shown.add(key);
      below.push(child);
    }
    below.sort(compareNodes);
    // The stack gives the last first.
    for (const [at, child] of below.reverse().entries()) {
      stack.push({
        node: child,
        parent: node.jid,
        first: `${rest}${colors.dim(at === 0 ? "└─ " : "├─ ")}`,
        rest: `${rest}${at === 0 ? "   " : colors.dim("│  ")}`,
      });
    }
  }
  return lines;
}

/** The JID and the node; the node alone under the same JID. */
function nameOf({ jid, node }: TreeNode, parent: string | undefined): string {
  if (node === undefined) return colors.bold(safe(jid));
  return jid === parent
    ? colors.bold(safe(node))
    : `${colors.bold(safe(jid))} ${colors.dim("node")} ${colors.bold(safe(node))}`;
}

/** Tells the entities and nodes of a tree apart. */
export function keyOf({ jid, node }: { readonly jid: string; readonly node?: string | undefined }): string {
  return `${jid}\0${node ?? ""}`;
}

function compareNodes(a: TreeNode, b: TreeNode): number {
  const [first, second] = [keyOf(a), keyOf(b)];
  return first < second ? -1 : first > second ? 1 : 0;
}
