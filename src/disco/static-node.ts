import { show } from "../xml/jid.js";
import { type ItemPage, type PageStart, slicePage, uidOf } from "./item-page.js";
import { type Item, type ItemInit, toItem } from "./items.js";
import { NS_DISCO_INFO } from "./namespaces.js";
import { DiscoNode, type DiscoRequest, type MaybeAsyncIterable } from "./node.js";

/**
 * A node with items of its own, the same for everybody.
 *
 * @example
 * const rooms = new StaticNode();
 * rooms.registerIdentity("hierarchy", "branch", "Rooms");
 * rooms.addItem({ jid: "garden@rooms.example.org", name: "The garden" });
 * server.mountNode("https://my.app/rooms", rooms);
 */
export class StaticNode extends DiscoNode {
  #items = new Map<string, Item>();
  /** The items and their places by UID, for paging; undefined when they changed since. */
  #order: { readonly list: readonly Item[]; readonly places: ReadonlyMap<string, number> } | undefined;

  /** The items, in order of their addition. */
  get items(): readonly Item[] {
    return [...this.#items.values()];
  }

  /** Adds an item. @throws TypeError when its JID is none · Error when there is one of the same JID and node */
  addItem(item: ItemInit): void {
    addTo(this.#items, item);
    this.#changed();
  }

  /** Removes the item of this JID and node. @throws Error when there is none */
  removeItem(item: ItemInit): void {
    const known = toItem(item);
    if (!this.#items.delete(uidOf(known))) throw new Error(`there is no item ${describe(known)}`);
    this.#changed();
  }

  /** Replaces all items, or none where one of them is bad. @throws TypeError and Error like {@link addItem} */
  setItems(items: Iterable<ItemInit>): void {
    const all = new Map<string, Item>();
    for (const item of items) addTo(all, item);
    this.#items = all;
    this.#changed();
  }

  /** Sets an item, in place of the one of its JID and node. @internal */
  putItem(init: ItemInit): void {
    const item = toItem(init);
    this.#items.set(uidOf(item), item);
    this.#changed();
  }

  /** Removes an item where it is there. @internal */
  dropItem(init: ItemInit): void {
    if (this.#items.delete(uidOf(toItem(init)))) this.#changed();
  }

  #changed(): void {
    this.#order = undefined;
    this.notify("itemsChanged");
  }

  override iterItems(_request?: DiscoRequest): MaybeAsyncIterable<Item> {
    return this.#items.values();
  }

  /** The items that were added: what an override starts from. */
  protected ownItems(): Iterable<Item> {
    return this.#items.values();
  }

  /** Whether there are no items but those that were added; a subclass that overrides {@link iterItems} has others. */
  protected hasOwnItemsOnly(): boolean {
    return this.iterItems === StaticNode.prototype.iterItems;
  }

  override pageItems(start: PageStart, request?: DiscoRequest): ItemPage | Promise<ItemPage> {
    if (!this.hasOwnItemsOnly()) return super.pageItems(start, request);
    this.#order ??= {
      list: [...this.#items.values()],
      places: new Map([...this.#items.keys()].map((uid, place) => [uid, place])),
    };
    const { list, places } = this.#order;
    return slicePage(list, (uid) => places.get(uid), start);
  }

  /**
   * A copy of what a node tells everybody now: features, identities, forms and items. It does not follow the original.
   *
   * @throws TypeError when the node gives them asynchronously
   */
  static clone(node: DiscoNode): StaticNode {
    if (!(node instanceof DiscoNode)) throw new TypeError(`node is no DiscoNode: ${show(node)}`);
    const copy = new StaticNode();
    for (const feature of new Set(now(node.iterFeatures()))) {
      if (feature !== NS_DISCO_INFO) copy.registerFeature(feature);
    }
    const identities = new Map<string, { category: string; type: string; names: Record<string, string> }>();
    for (const { category, type, lang = "", name } of now(node.iterIdentities())) {
      const key = `${category}\0${type}`;
      const entry = identities.get(key) ?? { category, type, names: {} };
      if (name !== undefined) entry.names[lang] = name;
      identities.set(key, entry);
    }
    for (const { category, type, names } of identities.values()) copy.registerIdentity(category, type, names);
    for (const form of now(node.iterForms())) copy.registerForm(form);
    copy.setItems(now(node.iterItems()));
    return copy;
  }
}

function now<T>(items: MaybeAsyncIterable<T>): Iterable<T> {
  if (Symbol.iterator in items) return items;
  throw new TypeError("a node that answers asynchronously cannot be cloned");
}

function addTo(items: Map<string, Item>, init: ItemInit): void {
  const item = toItem(init);
  const uid = uidOf(item);
  if (items.has(uid)) throw new Error(`the item ${describe(item)} is there already`);
  items.set(uid, item);
}

function describe({ jid, node }: Item): string {
  return node === undefined ? jid : `${jid} with the node ${show(node)}`;
}
