import type { Element } from "@xmpp/xml";
import type { DiscoInfo } from "../disco/info.js";
import type { DiscoServer } from "../disco/server.js";
import { SnapshotNode } from "../disco/snapshot-node.js";
import { cloneElement } from "../xml/element.js";
import { type Caps115Init, xep0115 } from "./xep0115.js";
import { xep0390 } from "./xep0390.js";

/** What is announced of oneself at one time: the elements, and the nodes that answer for them. */
interface HashSet {
  readonly elements: () => Element[];
  readonly nodes: readonly string[];
  readonly id: string;
  /** Whether anybody may have seen it. */
  isAnnounced: boolean;
}

/** Which hashes are announced. */
export interface OwnCapsOptions extends Pick<Caps115Init, "node"> {
  readonly hashes: readonly string[];
  readonly xep115: boolean;
  readonly xep390: boolean;
}

/** How many sets of hashes keep answering: others may have seen the old ones, and ask late. */
const KEPT_SETS = 3;

/** Hashes what the server tells, and answers for the hashes that were announced. */
export class OwnCaps {
  readonly #server: DiscoServer;
  /** The newest last. */
  #sets: HashSet[] = [];

  constructor(server: DiscoServer) {
    this.#server = server;
  }

  /** What identifies the set of hashes in force; undefined before the first. */
  get id(): string | undefined {
    return this.#sets.at(-1)?.id;
  }

  /** The `<c/>` elements to announce, made anew for each stanza. */
  announce(): Element[] {
    const set = this.#sets.at(-1);
    if (set === undefined) return [];
    set.isAnnounced = true;
    return set.elements();
  }

  /** Hashes an information; returns whether the hashes changed. */
  update(info: DiscoInfo, options: OwnCapsOptions): boolean {
    const elements = [
      ...(options.xep390 ? [xep0390.element({ info, algorithms: options.hashes })] : []),
      ...(options.xep115 ? [xep0115.element({ info, node: options.node })] : []),
    ];
    const id = elements.join("");
    if (id === this.id) return false;
    const again = this.#sets.find((set) => set.id === id);
    const set = again ?? {
      id,
      nodes: elements.flatMap(nodesOf),
      elements: () => elements.map(cloneElement),
      isAnnounced: false,
    };
    // What nobody has seen, nobody asks for; and where nothing is announced, there is nothing to ask for.
    const kept = this.#sets.filter((old) => old !== again && old.isAnnounced && old.nodes.length > 0);
    const room = set.nodes.length > 0 ? KEPT_SETS - 1 : KEPT_SETS;
    this.#mount([...kept.slice(-room), set], info);
    return true;
  }

  /** Nothing of it answers any more. */
  clear(): void {
    this.#mount([], undefined);
  }

  #mount(sets: HashSet[], info: DiscoInfo | undefined): void {
    const before = new Set(this.#sets.flatMap((set) => set.nodes));
    const after = new Set(sets.flatMap((set) => set.nodes));
    for (const node of before) {
      if (!after.has(node) && this.#server.nodeAt(node) instanceof SnapshotNode)
        this.#server.unmountNode(node);
    }
    for (const node of after) {
      // The newest is the only one that can be new. The application may have a node of this name: it wins.
      if (!before.has(node) && info !== undefined && this.#server.nodeAt(node) === undefined) {
        this.#server.mountNode(node, new SnapshotNode(info));
      }
    }
    this.#sets = sets;
  }
}

/** The nodes that the hashes of a `<c/>` of ours are asked at. */
function nodesOf(element: Element): string[] {
  const { node, ver } = element.attrs as Record<string, string | undefined>;
  if (node !== undefined && ver !== undefined) return [xep0115.node(node, ver)];
  return element
    .getChildElements()
    .map((hash) => xep0390.node({ algorithm: hash.attrs.algo, value: hash.getText() }));
}
