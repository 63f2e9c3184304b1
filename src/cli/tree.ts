import colors from "picocolors";
import type { DiscoInfoJSON, Item } from "../index.js";
import { safe } from "./text.js";

/** An entity or node of a tree. */
export interface TreeNode {
  readonly jid: string;
  readonly node: string | undefined;
  /** What is said of it behind its name. */
  readonly text: string;
  readonly items: readonly Item[];
  readonly info: DiscoInfoJSON | undefined;
  readonly error: string | undefined;
}

/** The lines of a tree whose root comes first; each entity and node stands once, under the first that has it. */
export function renderTree(nodes: readonly TreeNode[]): string[] {
  const byKey = new Map(nodes.map((node) => [keyOf(node), node]));
  const lines: string[] = [];
  const shown = new Set<string>();
  const show = (node: TreeNode, parent: string | undefined, first: string, rest: string): void => {
    shown.add(keyOf(node));
    const name = [node.jid === parent && node.node !== undefined ? "" : node.jid, node.node]
      .filter(Boolean)
      .join(" ");
    lines.push(`${first}${colors.bold(safe(name))}  ${node.text}`.trimEnd());
    const children = node.items.map((item) => byKey.get(keyOf(item))).filter((child) => child !== undefined);
    const below = [...new Set(children)].filter((child) => !shown.has(keyOf(child)));
    for (const child of below) shown.add(keyOf(child));
    for (const [at, child] of below.entries()) {
      const isLast = at === below.length - 1;
      show(
        child,
        node.jid,
        `${rest}${colors.dim(isLast ? "└─ " : "├─ ")}`,
        `${rest}${isLast ? "   " : colors.dim("│  ")}`,
      );
    }
  };
  const [root] = nodes;
  if (root !== undefined) show(root, undefined, "", "");
  return lines;
}

function keyOf({ jid, node }: { readonly jid: string; readonly node?: string | undefined }): string {
  return `${jid}\0${node ?? ""}`;
}
