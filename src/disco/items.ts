import xml, { Element } from "@xmpp/xml";
import { type Address, canonicalJid, show, toJid } from "../xml/jid.js";
import { copied } from "../xml/keep.js";
import { toOptionalText, toText } from "../xml/text.js";
import { findQuery, type Source, sourceJid } from "./info.js";
import { NS_DISCO_ITEMS } from "./namespaces.js";

/** Something that an entity has: another entity, or a node of one (XEP-0030 §4). */
export interface Item {
  /** Whom to ask about it. */
  readonly jid: string;
  /** The node to ask for; undefined for an entity of its own. */
  readonly node?: string | undefined;
  /** For people. */
  readonly name?: string | undefined;
}

/** An item as a caller gives it. */
export interface ItemInit {
  readonly jid: Address;
  readonly node?: string | undefined;
  readonly name?: string | undefined;
}

/** What a {@link DiscoItems} is made of. */
export interface DiscoItemsInit extends Source {
  readonly items?: readonly ItemInit[] | undefined;
}

/** A {@link DiscoItems} as JSON. */
export interface DiscoItemsJSON {
  items: { jid: string; node?: string; name?: string }[];
}

/** The items of an entity or of one of its nodes; immutable and shared. */
export class DiscoItems {
  /** The JID that was asked; undefined where it is nobody's yet. */
  readonly jid: string | undefined;
  /** The node that was asked; undefined for the entity itself. */
  readonly node: string | undefined;
  /** In the order received. */
  readonly items: readonly Item[];
  /** The `<query/>` it came in, where it came over the wire. */
  readonly element: Element | undefined;

  /** @throws TypeError when an item's JID is none, or a part is not text that XML can carry */
  constructor(init: DiscoItemsInit) {
    this.jid = init.jid === undefined ? undefined : toJid(init.jid);
    this.node = toOptionalText(init.node, "node");
    this.items = Object.freeze((init.items ?? []).map(toItem));
    this.element = undefined;
    Object.freeze(this);
  }

  /**
   * Reads a `<query xmlns="http://jabber.org/protocol/disco#items"/>`, or the `<iq/>` around it.
   *
   * An item without a JID, or with one that is none, is left out.
   *
   * @throws MalformedResponse when there is no such query
   */
  static fromElement(element: Element, source: Source = {}): DiscoItems {
    const query = findQuery(element, NS_DISCO_ITEMS);
    const items: Item[] = [];
    for (const child of query.children) {
      if (!(child instanceof Element) || !child.is("item", NS_DISCO_ITEMS)) continue;
      const { node, name } = child.attrs as Record<string, string | undefined>;
      const jid = canonicalJid(child.attrs.jid);
      if (jid === undefined) continue;
      items.push(
        Object.freeze({
          jid: copied(jid),
          ...(node ? { node: copied(node) } : {}),
          ...(name === undefined ? {} : { name: copied(name) }),
        }),
      );
    }
    const parts: Pick<DiscoItems, "jid" | "node" | "items" | "element"> = {
      jid: sourceJid(element, source),
      node: toOptionalText(source.node, "node") ?? (query.attrs.node || undefined),
      items: Object.freeze(items),
      element: query,
    };
    // What was read from XML needs no check.
    return Object.freeze(Object.assign(Object.create(DiscoItems.prototype) as DiscoItems, parts));
  }

  /** The `<query/>` that tells it. */
  toElement(): Element {
    const query = xml("query", { xmlns: NS_DISCO_ITEMS, node: this.node });
    for (const { jid, node, name } of this.items) query.append(xml("item", { jid, node, name }));
    return query;
  }

  /** The items as plain data, from which {@link fromJSON} makes the same. */
  toJSON(): DiscoItemsJSON {
    return {
      items: this.items.map(({ jid, node, name }) => ({
        jid,
        ...(node === undefined ? {} : { node }),
        ...(name === undefined ? {} : { name }),
      })),
    };
  }

  /** Reads what {@link toJSON} wrote. @throws TypeError when it is something else */
  static fromJSON(json: unknown, source: Source = {}): DiscoItems {
    const items: unknown =
      typeof json === "object" && json !== null && "items" in json ? json.items : undefined;
    if (!Array.isArray(items)) throw new TypeError(`not the JSON of a DiscoItems: ${show(json)}`);
    return new DiscoItems({ ...source, items });
  }
}

/** The items of a list that was read in parts, which need no check. */
export function gathered({ jid, node }: DiscoItems, items: readonly Item[]): DiscoItems {
  const parts: Pick<DiscoItems, "jid" | "node" | "items" | "element"> = {
    jid,
    node,
    items: Object.freeze([...items]),
    element: undefined,
  };
  return Object.freeze(Object.assign(Object.create(DiscoItems.prototype) as DiscoItems, parts));
}

/** An item that a caller gave, copied. @throws TypeError when it is none */
export function toItem(item: ItemInit): Item {
  const node = toOptionalText(item?.node, "node of the item");
  return Object.freeze({
    jid: toJid(item?.jid, "jid of the item"),
    ...(node === undefined ? {} : { node }),
    ...(item.name === undefined ? {} : { name: toText(item.name, "name of the item") }),
  });
}
