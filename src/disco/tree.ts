import { type Address, show, toJid } from "../xml/jid.js";
import { toNonEmptyText, toText } from "../xml/text.js";
import type { Item } from "./items.js";
import { DiscoNode, type DiscoRequest, type MaybeAsyncIterable } from "./node.js";
import { StaticNode } from "./static-node.js";

/** How a mounted node shows among the items of its entity. */
export interface MountOptions {
  /** Whether the entity's disco#items has the node as an item; by default it is there for those who know its name. */
  readonly listed?: boolean | undefined;
  /** The name of the item. */
  readonly name?: string | undefined;
}

interface Mount extends MountOptions {
  readonly node: DiscoNode;
}

/** All nodes of one entity: its root, and what is mounted on it by name. */
export class DiscoTree extends StaticNode {
  readonly #mounts = new Map<string, Mount>();
  readonly #jid: string | undefined;

  /** @param jid whose nodes they are: listed ones are items of this JID where a request does not say who was asked */
  constructor(jid?: Address) {
    super();
    this.#jid = jid === undefined ? undefined : toJid(jid);
  }

  /**
   * Answers for the node of this name from now on.
   *
   * @throws Error when the mountpoint is occupied · TypeError when it is empty or the node is none
   * @example
   * server.mountNode("https://my.app/rooms", rooms, { listed: true, name: "Rooms" });
   */
  mountNode(mountpoint: string, node: DiscoNode, options: MountOptions = {}): void {
    const name = toNonEmptyText(mountpoint, "mountpoint");
    if (!(node instanceof DiscoNode)) throw new TypeError(`node is no DiscoNode: ${show(node)}`);
    if (this.#mounts.has(name)) throw new Error(`the mountpoint ${show(name)} is occupied`);
    if (options.name !== undefined) toText(options.name, "name");
    this.#mounts.set(name, { node, ...options });
    if (options.listed === true) this.notify("itemsChanged");
  }

  /** Takes a node away; returns it. @throws Error when nothing is mounted there */
  unmountNode(mountpoint: string): DiscoNode {
    const mount = this.#mounts.get(mountpoint);
    if (mount === undefined) throw new Error(`nothing is mounted at ${show(mountpoint)}`);
    this.#mounts.delete(mountpoint);
    if (mount.listed === true) this.notify("itemsChanged");
    return mount.node;
  }

  /** The node of this name, the tree itself for none; undefined where nothing is mounted. */
  nodeAt(mountpoint: string | undefined): DiscoNode | undefined {
    return mountpoint === undefined ? this : this.#mounts.get(mountpoint)?.node;
  }

  /** The items that were added, and the mounted nodes that are listed, as items of who is asked. */
  override iterItems(request?: DiscoRequest): MaybeAsyncIterable<Item> {
    return this.#allItems(request);
  }

  *#allItems(request?: DiscoRequest): Iterable<Item> {
    yield* this.ownItems();
    const jid = request?.to ?? this.ownJid();
    if (jid === undefined) return;
    for (const [node, { listed, name }] of this.#mounts) {
      if (listed === true) yield { jid, node, ...(name === undefined ? {} : { name }) };
    }
  }

  protected override hasOwnItemsOnly(): boolean {
    if (this.iterItems !== DiscoTree.prototype.iterItems) return false;
    for (const { listed } of this.#mounts.values()) if (listed === true) return false;
    return true;
  }

  /** Whose nodes they are, as far as it is known. */
  protected ownJid(): string | undefined {
    return this.#jid;
  }
}
