import { errorElement, IqError } from "../iq/errors.js";
import { type IqHandler, IqService } from "../iq/iq-service.js";
import { type Entity, type IqContext, isComponent } from "../services/entity.js";
import { adopt, type ServiceInstance, summonFor } from "../services/registry.js";
import { type Address, bareJid, canonicalJid, toJid } from "../xml/jid.js";
import { toOptionalText } from "../xml/text.js";
import { DiscoInfo, type Identity } from "./info.js";
import type { DiscoItems, Item } from "./items.js";
import { NS_DISCO_INFO, NS_DISCO_ITEMS } from "./namespaces.js";
import { collect, type DiscoNode, type DiscoRequest, type MaybeAsyncIterable } from "./node.js";
import { DiscoTree } from "./tree.js";

/** Which entity and node is meant, and for whom. */
export interface Query {
  /** The entity; this client or component itself where it is left out. */
  readonly jid?: Address | undefined;
  /** The node; the entity itself where it is left out. */
  readonly node?: string | null | undefined;
  /** Who asks; where it is left out, what everybody may see is told. */
  readonly from?: Address | undefined;
  /** The language that who asks would like. */
  readonly lang?: string | undefined;
}

/**
 * Answers disco#info and disco#items for a client or component (XEP-0030), and is the root of its nodes.
 *
 * It starts with the identity client/bot, a component's with component/generic, which can be removed once there is
 * another.
 *
 * @example
 * const server = xmpp.summon(DiscoServer);
 * server.registerIdentity("client", "web", { en: "My app", de: "Meine App" });
 * server.unregisterIdentity("client", "bot");
 * server.registerFeature("urn:xmpp:receipts");
 */
export class DiscoServer extends DiscoTree implements ServiceInstance {
  /** The client or component that this service belongs to. */
  readonly client: Entity;
  readonly #defaultIdentity: Identity;
  /** The trees of a component's other JIDs. */
  readonly #entities = new Map<string, DiscoTree>();
  /** What a JID without a tree of its own has. */
  readonly #blank = new DiscoTree();
  readonly #handles: Disposable[];

  constructor(client: Entity, _options: Record<string, never> = {}) {
    super();
    adopt(this, client, new.target);
    this.client = client;
    this.#defaultIdentity = isComponent(client)
      ? { category: "component", type: "generic" }
      : { category: "client", type: "bot" };
    this.registerIdentity(this.#defaultIdentity.category, this.#defaultIdentity.type);
    const iq = summonFor(this, IqService);
    this.#handles = [
      iq.handle(
        { type: "get", name: "query", xmlns: NS_DISCO_INFO },
        this.#answer((query) => this.getInfo(query)),
      ),
      iq.handle(
        { type: "get", name: "query", xmlns: NS_DISCO_ITEMS },
        this.#answer((query) => this.getItems(query)),
      ),
    ];
  }

  /**
   * The tree of one of a component's JIDs, the same object for the same JID; the server itself for the own one.
   *
   * Until it has an identity of its own, it tells the default one.
   *
   * @throws TypeError when the JID is none · Error for a client, which has one JID
   */
  entity(jid: Address): DiscoTree {
    const key = toJid(jid);
    const own = this.#ownJid();
    if (key === own) return this;
    if (!isComponent(this.client)) {
      if (own !== undefined && key === bareJid(own)) return this;
      throw new Error(`${key} is not this client, and a client answers for itself alone`);
    }
    const known = this.#entities.get(key);
    if (known !== undefined) return known;
    const tree = new DiscoTree(key);
    this.#entities.set(key, tree);
    return tree;
  }

  /**
   * What a peer that asks disco#info would be told, without a stanza.
   *
   * Rejects with an {@link IqError} `item-not-found` where there is no such node for who asks.
   */
  async getInfo(query: Query = {}): Promise<DiscoInfo> {
    const request = this.#toRequest(query);
    const tree = this.#treeOf(request.to);
    const node = tree.nodeAt(request.node);
    if (node === undefined) throw new IqError("item-not-found");
    const info = await node.toInfo(request);
    if (info.identities.length > 0) return info;
    if (node === tree && (await isBare(node))) {
      return new DiscoInfo({ ...info, identities: [this.#defaultIdentity] });
    }
    throw new IqError("item-not-found");
  }

  /** What a peer that asks disco#items would be told, without a stanza. Rejects like {@link getInfo}. */
  async getItems(query: Query = {}): Promise<DiscoItems> {
    const request = this.#toRequest(query);
    const tree = this.#treeOf(request.to);
    const node = tree.nodeAt(request.node);
    if (node === undefined) throw new IqError("item-not-found");
    const items = await node.toItems(request);
    // A node that hides all its identities from who asks is not there for them.
    const visible = await collect(node.iterIdentities(request));
    if (visible.length === 0) {
      const bare = await isBare(node);
      if (!bare || (node !== tree && items.items.length === 0)) throw new IqError("item-not-found");
    }
    return items;
  }

  override iterItems(request?: DiscoRequest): MaybeAsyncIterable<Item> {
    return this.listedItems(request?.to ?? this.#ownJid());
  }

  /** What happens when the service is dismissed. */
  shutdown(): void {
    for (const handle of this.#handles.splice(0)) handle[Symbol.dispose]();
    this.removeAllListeners();
  }

  #toRequest({ jid, node, from, lang }: Query): DiscoRequest {
    return {
      to: jid === undefined ? this.#ownJid() : toJid(jid),
      node: toOptionalText(node, "node"),
      from: from === undefined ? undefined : toJid(from, "from"),
      lang,
    };
  }

  /** Off line a component's JID is known as well: its domain. */
  #ownJid(): string | undefined {
    const { jid, options } = this.client;
    return canonicalJid(jid?.toString() ?? (isComponent(this.client) ? options?.domain : undefined));
  }

  #treeOf(jid: string | undefined): DiscoTree {
    if (jid === undefined || !isComponent(this.client) || jid === this.#ownJid()) return this;
    return this.#entities.get(jid) ?? this.#blank;
  }

  #answer(tell: (query: Query) => Promise<DiscoInfo | DiscoItems>): IqHandler {
    return async ({ stanza, element, to }: IqContext) => {
      try {
        const { from, to: asked, "xml:lang": lang } = stanza.attrs as Record<string, string | undefined>;
        const { node } = element.attrs as Record<string, string | undefined>;
        return (
          await tell({ jid: canonicalJid(asked) ?? to?.toString(), node, from: canonicalJid(from), lang })
        ).toElement();
      } catch (error) {
        if (errorElement(error) !== undefined) throw error;
        this.emit("error", error);
        throw new IqError("internal-server-error");
      }
    };
  }
}

/** Whether a node has no identity at all, and so hides none. */
async function isBare(node: DiscoNode): Promise<boolean> {
  return (await collect(node.iterIdentities())).length === 0;
}
